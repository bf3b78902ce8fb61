//! Backups: made by administrators, kept in the data directory. They hold every key, so they are not handed out here: whoever may
//! read the data directory takes them from there.

use axum::{
    Json, Router, extract::State, response::IntoResponse, response::Response, routing::post,
};
use http::StatusCode;

use super::{
    Id, Problem,
    admin::{Who, administer},
};
use crate::{
    access::Access,
    backup::Error,
    edge::Hub,
    tool::{Code, ToolError},
};

/// `/api/v1/backups`.
pub fn router(hub: &Hub) -> Router {
    Router::new()
        .route("/api/v1/backups", post(create_backup))
        .with_state(hub.clone())
}

async fn create_backup(State(hub): State<Hub>, who: Who, id: Id) -> Result<Response, Problem> {
    administer(&hub, &who, &id, "create_backup", Access::Admin, async {
        let made = hub.backups.make().await.map_err(|error| match error {
            Error::Busy => ToolError::conflict(error.to_string()),
            Error::Db(error) => error.into(),
            Error::Io(error) | Error::File { source: error, .. }
                if error.kind() == std::io::ErrorKind::StorageFull =>
            {
                ToolError::new(
                    Code::StorageFull,
                    "no space is left for a backup: make room",
                )
            }
            other => ToolError::internal(other),
        })?;
        Ok((StatusCode::CREATED, Json(made)).into_response())
    })
    .await
}
