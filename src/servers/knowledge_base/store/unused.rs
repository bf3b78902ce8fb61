//! Vectors that no search uses any more: of documents that were deleted, of older versions, of earlier titles.

use super::{KnowledgeStore, write::lock};
use crate::{on_db, on_tx, tool::ToolError};

/// A vector's model, scope and text.
type Key = (String, String, String);

/// Whether a chunk that searches find is embedded as `kb_embedding` row `e`.
const USED: &str = "exists (select 1 from kb_chunk c join kb_document d on d.id = c.document_id and d.version = c.version \
                    where c.scope = e.scope and c.passage_hash = e.text_hash and d.deleted_ms is null)";

impl KnowledgeStore {
    /// Looks at `limit` vectors after `after`, in the order of their keys, and removes those that are not used: where to go
    /// on, if there may be more, and how many were removed.
    pub async fn sweep_vectors(
        &self,
        after: Key,
        limit: i64,
    ) -> Result<(Option<Key>, u64), ToolError> {
        let sql = format!(
            "select model, scope, text_hash, case when {USED} then 1 else 0 end as used from kb_embedding e \
             where (model, scope, text_hash) > ($1, $2, $3) order by model, scope, text_hash limit $4"
        );
        type Row = (String, String, String, i32);
        let rows: Vec<Row> = on_db!(&self.db, pool => sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&after.0)
            .bind(&after.1).bind(&after.2).bind(limit).fetch_all(pool).await)?;
        let last = rows
            .last()
            .filter(|_| rows.len() as i64 == limit)
            .map(|(model, scope, hash, _)| (model.clone(), scope.clone(), hash.clone()));
        let unused: Vec<Row> = rows.into_iter().filter(|row| row.3 == 0).collect();
        if unused.is_empty() {
            return Ok((last, 0));
        }
        let removed = self
            .db
            .write(move |mut tx| {
                Box::pin(async move {
                    // Whoever is about to use one has noted so under the same lock.
                    lock(&mut tx).await?;
                    let sql = format!(
                        "delete from kb_embedding as e where model = $1 and scope = $2 and text_hash = $3 and not {USED}"
                    );
                    let mut removed = 0;
                    for (model, scope, hash, _) in unused {
                        removed += on_tx!(tx, c => sqlx::query(sqlx::AssertSqlSafe(sql.as_str())).bind(&model)
                            .bind(&scope).bind(&hash).execute(&mut **c).await.map(|done| done.rows_affected()))?;
                    }
                    Ok::<u64, ToolError>(removed)
                })
            })
            .await?;
        Ok((last, removed))
    }
}
