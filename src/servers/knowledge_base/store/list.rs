//! Listing documents.

use serde::Serialize;

use super::{DocumentRow, KnowledgeStore};
use crate::{db::like, on_db, servers::knowledge_base::model::Realm, tool::ToolError};

/// Which documents are meant.
#[derive(Debug, Clone, Serialize)]
pub struct DocumentsFilter {
    /// Those of this collection.
    pub collection: Option<String>,
    /// Those with this text in a name of theirs.
    pub text: Option<String>,
}

impl KnowledgeStore {
    /// Documents visible in one of `realms`, newest first, made before the one with the id `before`.
    pub async fn documents(
        &self,
        realms: &[Realm; 2],
        filter: &DocumentsFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DocumentRow>, ToolError> {
        let sql = "select * from kb_document where scope in ($1, $2) and deleted_ms is null \
                   and ($3 = '' or id < $3) and ($4 = '' or collection = $4) \
                   and ($5 = '' or lower(title || ' ' || coalesce(external_id, '') || ' ' || coalesce(uri, '')) like lower($5) escape '\\') \
                   order by id desc limit $6";
        let [a, b] = realms.each_ref().map(ToString::to_string);
        let like = filter.text.as_deref().map_or(String::new(), like);
        let collection = filter.collection.clone().unwrap_or_default();
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(a).bind(b).bind(before.unwrap_or_default())
            .bind(collection).bind(like).bind(i64::from(limit)).fetch_all(pool).await)?,
        )
    }
}
