//! Repositories elsewhere, and the sealed credentials that open them.

use super::{GitStore, RepoKey, strange};
use crate::{
    base::{clock::Millis, ids::ProjectId},
    on_db, on_tx,
    servers::git::model::CredentialKind,
    tool::ToolError,
};

/// A repository elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RemoteRow {
    /// What it is called here.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The credential that opens it.
    pub credential: Option<String>,
}

/// A credential, its secret sealed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CredentialRow {
    /// What it is called.
    pub name: String,
    /// The host, with its port if it is not the scheme's own, that may be told.
    pub host: String,
    /// The user.
    pub username: String,
    /// A [`CredentialKind`]'s word.
    pub kind: String,
    /// The sealed secret.
    pub sealed: String,
    /// Of a key: its public half's fingerprint.
    pub fingerprint: Option<String>,
}

impl CredentialRow {
    /// What it is.
    pub fn kind(&self) -> Result<CredentialKind, ToolError> {
        CredentialKind::from_word(&self.kind)
            .ok_or_else(|| strange("git_credential.kind", &self.kind))
    }
}

impl GitStore {
    /// The remotes of a repository, by name.
    pub async fn remotes(&self, key: &RepoKey) -> Result<Vec<RemoteRow>, ToolError> {
        let sql = "select name, url, credential from git_remote where project_id = $1 and repo = $2 order by name";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(key.project.as_str()).bind(key.repo.as_str())
            .fetch_all(pool).await)?,
        )
    }

    /// Sets a remote; with `new` only if there is none of the name. Whether it was set.
    pub async fn set_remote(
        &self,
        key: &RepoKey,
        remote: RemoteRow,
        new: bool,
        by: &str,
        now: Millis,
    ) -> Result<bool, ToolError> {
        let (key, by) = (key.clone(), by.to_owned());
        let sql = if new {
            "insert into git_remote (project_id, repo, name, url, credential, updated_by, updated_ms) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (project_id, repo, name) do nothing"
        } else {
            "update git_remote set url = $4, credential = $5, updated_by = $6, updated_ms = $7 \
             where project_id = $1 and repo = $2 and name = $3"
        };
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(key.project.as_str()).bind(key.repo.as_str())
                        .bind(&remote.name).bind(&remote.url).bind(&remote.credential).bind(&by).bind(now)
                        .execute(&mut **c).await.map(|done| done.rows_affected()))?;
                    Ok::<_, ToolError>(rows == 1)
                })
            })
            .await
    }

    /// Removes a remote; whether there was one.
    pub async fn remove_remote(&self, key: &RepoKey, name: &str) -> Result<bool, ToolError> {
        let (key, name) = (key.clone(), name.to_owned());
        let sql = "delete from git_remote where project_id = $1 and repo = $2 and name = $3";
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(key.project.as_str()).bind(key.repo.as_str())
                        .bind(&name).execute(&mut **c).await.map(|done| done.rows_affected()))?;
                    Ok::<_, ToolError>(rows == 1)
                })
            })
            .await
    }

    /// The credentials of a project, by name.
    pub async fn credentials(&self, project: &ProjectId) -> Result<Vec<CredentialRow>, ToolError> {
        let sql = "select name, host, username, kind, sealed, fingerprint from git_credential where project_id = $1 order by name";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(project.as_str()).fetch_all(pool).await)?,
        )
    }

    /// Keeps a credential, instead of the one of the same name.
    pub async fn set_credential(
        &self,
        project: &ProjectId,
        new: CredentialRow,
        by: &str,
        now: Millis,
    ) -> Result<(), ToolError> {
        let (project, by) = (project.clone(), by.to_owned());
        let sql = "insert into git_credential (project_id, name, host, username, kind, sealed, fingerprint, updated_by, updated_ms) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (project_id, name) do update set \
                   host = excluded.host, username = excluded.username, kind = excluded.kind, sealed = excluded.sealed, \
                   fingerprint = excluded.fingerprint, updated_by = excluded.updated_by, updated_ms = excluded.updated_ms";
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    on_tx!(tx, c => sqlx::query(sql).bind(project.as_str()).bind(&new.name).bind(&new.host).bind(&new.username)
                        .bind(&new.kind).bind(&new.sealed).bind(&new.fingerprint).bind(&by).bind(now).execute(&mut **c).await.map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// Forgets a credential; whether there was one.
    pub async fn remove_credential(
        &self,
        project: &ProjectId,
        name: &str,
    ) -> Result<bool, ToolError> {
        let (project, name) = (project.clone(), name.to_owned());
        let sql = "delete from git_credential where project_id = $1 and name = $2";
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(project.as_str()).bind(&name)
                        .execute(&mut **c).await.map(|done| done.rows_affected()))?;
                    Ok::<_, ToolError>(rows == 1)
                })
            })
            .await
    }
}
