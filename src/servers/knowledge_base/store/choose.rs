//! Choosing documents to delete, and deleting many.

use super::{DocumentRow, KnowledgeStore, write::delete};
use crate::{base::clock::Millis, on_db, servers::knowledge_base::model::Realm, tool::ToolError};

impl KnowledgeStore {
    /// A document of one of `realms` that was deleted, but not purged.
    pub async fn deleted(
        &self,
        realms: &[Realm; 2],
        id: &str,
    ) -> Result<Option<DocumentRow>, ToolError> {
        let sql = "select * from kb_document where id = $1 and scope in ($2, $3) and deleted_ms is not null";
        let [a, b] = realms.each_ref().map(ToString::to_string);
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(id).bind(a).bind(b).fetch_optional(pool).await)?,
        )
    }

    /// Up to `limit` live documents of `realm`, of `source` only if it is named, after `id` in the order of ids.
    pub async fn live_in(
        &self,
        realm: &Realm,
        source: Option<&str>,
        id: &str,
        limit: usize,
    ) -> Result<Vec<DocumentRow>, ToolError> {
        let sql = "select * from kb_document where scope = $1 and deleted_ms is null and id > $2 \
                   and ($3 = '' or source_id = $3) order by id limit $4";
        let scope = realm.to_string();
        let source = source.unwrap_or_default();
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(scope).bind(id).bind(source).bind(limit as i64)
            .fetch_all(pool).await)?,
        )
    }

    /// Deletes the documents of `realm` among `ids`, all or none; the outbox entry after which the index has forgotten them,
    /// if there were any.
    pub async fn delete_all(
        &self,
        realm: &Realm,
        ids: Vec<String>,
        now: Millis,
    ) -> Result<Option<i64>, ToolError> {
        let scope = realm.to_string();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let mut last = None;
                    for id in ids {
                        last = last.max(delete(&mut tx, &scope, &id, now).await?);
                    }
                    Ok::<_, ToolError>(last)
                })
            })
            .await
    }
}
