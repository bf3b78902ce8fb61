//! Folders and repositories that are followed.

use std::collections::HashMap;

use crate::{
    base::{clock::Millis, ids::new_id},
    on_db, on_tx,
    servers::knowledge_base::{model::Realm, store::KnowledgeStore},
    tool::ToolError,
};

/// A document of a source: its id, and the hash of the bytes it was read from.
pub type Known = (String, Option<String>);

impl KnowledgeStore {
    /// The source at `locator`, made when it is new: its id, and the settings that it was last read with.
    pub async fn source(
        &self,
        realm: &Realm,
        locator: &str,
        agent: &str,
        now: Millis,
    ) -> Result<(String, String), ToolError> {
        let (scope, project) = (realm.to_string(), realm.project().map(str::to_owned));
        let (locator, agent) = (locator.to_owned(), agent.to_owned());
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let put = "insert into kb_source (id, scope, project_id, locator, settings, created_by, created_ms) \
                               values ($1, $2, $3, $4, '', $5, $6) \
                               on conflict (scope, locator) do update set locator = excluded.locator \
                               returning id, settings";
                    Ok(on_tx!(tx, c => sqlx::query_as(put).bind(new_id("src")).bind(&scope).bind(project)
                        .bind(&locator).bind(&agent).bind(now).fetch_one(&mut **c).await)?)
                })
            })
            .await
    }

    /// Live documents of a source by their external ids.
    pub async fn source_documents(
        &self,
        source: &str,
    ) -> Result<HashMap<String, Known>, ToolError> {
        let sql = "select external_id, id, content_hash from kb_document \
                   where source_id = $1 and deleted_ms is null and external_id is not null";
        let rows: Vec<(String, String, Option<String>)> =
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(source).fetch_all(pool).await)?;
        let known = rows.into_iter().map(|(name, id, hash)| (name, (id, hash)));
        Ok(known.collect())
    }

    /// Says that a source was read to its end, with which settings and at which revision.
    pub async fn source_read(
        &self,
        source: &str,
        settings: String,
        revision: Option<String>,
        now: Millis,
    ) -> Result<(), ToolError> {
        let source = source.to_owned();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "update kb_source set settings = $2, revision = $3, synced_ms = $4 where id = $1";
                    on_tx!(tx, c => sqlx::query(sql).bind(source).bind(settings).bind(revision).bind(now).execute(&mut **c).await
                        .map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }
}
