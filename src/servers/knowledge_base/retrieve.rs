//! One search: ranked by the index, shown by SQL. A second leg (vectors) would be fused here, before rows are filled in.

use std::{collections::HashMap, sync::Arc};

use super::{
    KnowledgeBase,
    engine::lexical::{Filter, Found, Query},
    model::Realm,
    store::HitRow,
};
use crate::tool::{Ctx, ToolError};

/// Hits beyond this place are noise.
const DEEPEST: usize = 1_000;

/// What to look for, and where.
pub struct Search {
    query: Arc<Query>,
    filter: Filter,
    realms: Vec<Realm>,
}

/// Hits with their places in the ranking, and the place to go on from.
pub struct Page {
    pub hits: Vec<(usize, HitRow, Found)>,
    pub next: Option<usize>,
}

impl Search {
    /// Looks for `text` in `realms`, in one collection if it is named.
    pub fn new(text: &str, realms: Vec<Realm>, collection: Option<String>) -> Self {
        Self {
            query: Arc::new(Query::parse(text)),
            filter: Filter {
                scopes: realms.iter().map(ToString::to_string).collect(),
                collection,
            },
            realms,
        }
    }

    /// Looks for memories.
    pub fn memories(text: &str, realms: Vec<Realm>) -> Self {
        Self::new(text, realms, None)
    }

    /// The words that are looked for.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Up to `limit` hits from place `from` on. What the index holds but SQL no longer shows is passed over.
    pub async fn page(
        &self,
        server: &KnowledgeBase,
        ctx: &Ctx,
        from: usize,
        limit: usize,
    ) -> Result<Page, ToolError> {
        let mut hits = Vec::with_capacity(limit);
        let mut at = from;
        while at < DEEPEST {
            // One more than is missing, to know whether there is a next page.
            let wanted = limit - hits.len() + 1;
            let found = self.ranked(server, ctx, at, wanted).await?;
            let ended = found.len() < wanted;
            let ids: Vec<String> = found.iter().map(|found| found.chunk_id.clone()).collect();
            let rows = server.store.hits(&self.realms, &ids).await?;
            let keyed = rows.into_iter().map(|row| (row.chunk_id.clone(), row));
            let mut rows: HashMap<String, HitRow> = keyed.collect();
            for found in found {
                if let Some(row) = rows.remove(&found.chunk_id) {
                    if hits.len() == limit {
                        let next = Some(at).filter(|&at| at < DEEPEST);
                        return Ok(Page { hits, next });
                    }
                    hits.push((at, row, found));
                }
                at += 1;
            }
            if ended {
                break;
            }
        }
        Ok(Page { hits, next: None })
    }

    async fn ranked(
        &self,
        server: &KnowledgeBase,
        ctx: &Ctx,
        from: usize,
        limit: usize,
    ) -> Result<Vec<Found>, ToolError> {
        let index = server.indexer.index();
        let (query, filter) = (Arc::clone(&self.query), self.filter.clone());
        ctx.blocking(move |_| {
            index
                .search(&query, &filter, from, limit)
                .map_err(ToolError::internal)
        })
        .await
    }
}
