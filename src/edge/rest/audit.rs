//! The audit log: pages of JSON, or with `Accept: application/x-ndjson` all that is found, oldest first, one entry a line.

use axum::{
    Router,
    body::Body,
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, header};

use super::{
    Id, Problem,
    admin::{Page, Who, administer},
    json_list,
};
use crate::{
    access::Access,
    audit::{Audit, Query, Record},
    base::paging,
    edge::Hub,
    tool::ToolError,
};

/// The type of lines of JSON.
pub const NDJSON: &str = "application/x-ndjson";
/// Entries read at a time for an export.
const EXPORTED: u32 = 500;

/// `/api/v1/audit`.
pub fn router(hub: &Hub) -> Router {
    Router::new()
        .route("/api/v1/audit", get(find_audit))
        .with_state(hub.clone())
}

async fn find_audit(
    State(hub): State<Hub>,
    who: Who,
    id: Id,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wanted = headers.get(header::ACCEPT);
    if wanted.is_some_and(|kind| kind.as_bytes() == NDJSON.as_bytes()) {
        return administer(&hub, &who, &id, "export_audit", Access::Read, async {
            let (query, page) = asked(&uri)?;
            if page.limit.is_some() || page.cursor.is_some() {
                let message = "an export has no pages: use since_ms and until_ms";
                return Err(ToolError::invalid("", message));
            }
            Ok(export(hub.audit.clone(), query))
        })
        .await;
    }
    administer(&hub, &who, &id, "query_audit", Access::Read, async {
        let (query, page) = asked(&uri)?;
        let limit = page.limit()?;
        let before = page
            .cursor
            .as_deref()
            .map(|c| paging::decode::<(i64, String)>(&query, c))
            .transpose()?;
        let items = hub.audit.find(&query, before.as_ref(), limit).await?;
        let last = items.last().filter(|_| items.len() >= limit as usize);
        let next = last.map(|last| paging::encode(&query, &(last.started_ms, &last.id)));
        Ok(json_list(&items, next))
    })
    .await
}

fn asked(uri: &OriginalUri) -> Result<(Query, Page), ToolError> {
    let mut filter = serde_json::Map::new();
    let mut page = Page::default();
    for (key, value) in super::query_pairs(uri.query().unwrap_or_default()) {
        let number = || {
            value
                .parse::<i64>()
                .map_err(|_| ToolError::invalid(format!("/{key}"), "must be a number"))
        };
        match key.as_str() {
            "limit" => page.limit = Some(u32::try_from(number()?).unwrap_or(0)),
            "cursor" => page.cursor = Some(value),
            "since_ms" | "until_ms" => {
                let number = number()?;
                filter.insert(key, number.into());
            }
            _ => {
                filter.insert(key, value.into());
            }
        }
    }
    let query =
        serde_json::from_value(filter.into()).map_err(|e| ToolError::invalid("", e.to_string()))?;
    Ok((query, page))
}

/// Where an export goes on.
enum Place {
    Start,
    After(i64, String),
    End,
}

/// All entries as they are read: an export may be larger than memory. One that breaks off is cut in the middle, which HTTP shows.
fn export(audit: Audit, query: Query) -> Response {
    let lines = stream::unfold(
        (audit, query, Place::Start),
        |(audit, query, place)| async move {
            let after = match place {
                Place::Start => None,
                Place::After(ms, id) => Some((ms, id)),
                Place::End => return None,
            };
            match audit.since(&query, after.as_ref(), EXPORTED).await {
                Ok(page) => {
                    let full = page.len() >= EXPORTED as usize;
                    let next = match page.last().filter(|_| full) {
                        Some(last) => Place::After(last.started_ms, last.id.clone()),
                        None => Place::End,
                    };
                    Some((Ok(text(&page)), (audit, query, next)))
                }
                Err(error) => {
                    tracing::error!(%error, "an export of the audit log breaks off");
                    Some((Err(error), (audit, query, Place::End)))
                }
            }
        },
    );
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}

fn text(records: &[Record]) -> Bytes {
    let mut text = Vec::new();
    for record in records {
        // Strings and numbers always serialize, and writing to memory does not fail.
        if serde_json::to_writer(&mut text, record).is_ok() {
            text.push(b'\n');
        }
    }
    text.into()
}
