//! The keys that sign a project's commits.

use super::GitStore;
use crate::{
    base::{clock::Millis, ids::ProjectId},
    on_db, on_tx,
    tool::ToolError,
};

/// A key, its private half sealed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SigningKeyRow {
    /// `SHA256:…`
    pub fingerprint: String,
    /// As OpenSSH writes it.
    pub public_key: String,
    /// The sealed private half; none of a key that signs no more.
    pub sealed: Option<String>,
    /// Since when it signs.
    pub created_ms: Millis,
    /// Since when it does not.
    pub retired_ms: Option<Millis>,
}

impl GitStore {
    /// The keys of a project, the newest first.
    pub async fn signing_keys(&self, project: &ProjectId) -> Result<Vec<SigningKeyRow>, ToolError> {
        let sql = "select fingerprint, public_key, sealed, created_ms, retired_ms from git_signing_key where project_id = $1 \
                   order by created_ms desc, fingerprint";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(project.as_str()).fetch_all(pool).await)?,
        )
    }

    /// Makes `new` the key that signs from now on; one that did retires.
    pub async fn set_signing_key(
        &self,
        project: &ProjectId,
        new: SigningKeyRow,
        by: &str,
    ) -> Result<(), ToolError> {
        let (project, by) = (project.clone(), by.to_owned());
        let retire = "update git_signing_key set sealed = null, retired_ms = $2 \
                      where project_id = $1 and fingerprint <> $3 and retired_ms is null";
        let insert = "insert into git_signing_key (project_id, fingerprint, public_key, sealed, created_by, created_ms) \
                      values ($1, $2, $3, $4, $5, $6) on conflict (project_id, fingerprint) do update set \
                      sealed = excluded.sealed, retired_ms = null";
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    on_tx!(tx, c => sqlx::query(retire).bind(project.as_str()).bind(new.created_ms).bind(&new.fingerprint)
                        .execute(&mut **c).await.map(|_| ()))?;
                    on_tx!(tx, c => sqlx::query(insert).bind(project.as_str()).bind(&new.fingerprint).bind(&new.public_key)
                        .bind(&new.sealed).bind(&by).bind(new.created_ms).execute(&mut **c).await.map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// Forgets a key, both halves; whether there was one.
    pub async fn remove_signing_key(
        &self,
        project: &ProjectId,
        fingerprint: &str,
    ) -> Result<bool, ToolError> {
        let (project, fingerprint) = (project.clone(), fingerprint.to_owned());
        let sql = "delete from git_signing_key where project_id = $1 and fingerprint = $2";
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(project.as_str()).bind(&fingerprint)
                        .execute(&mut **c).await.map(|done| done.rows_affected()))?;
                    Ok::<_, ToolError>(rows == 1)
                })
            })
            .await
    }
}
