//! One search: ranked by words in the index and by meaning in the vectors, shown by SQL.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    KnowledgeBase,
    embedding::QueryVector,
    engine::{
        crowd::thin,
        filter::Filter,
        fuse::{Candidate, by_meaning, by_words, candidates, fuse},
        lexical::Query,
    },
    model::{Format, Realm},
    store::{HitRow, MANY},
};
use crate::tool::{Ctx, ToolError};

/// Chunks that each ranking brings. Beyond this place is noise.
const DEPTH: usize = 400;
/// The best of both, whose exact vectors are read: 8 bits a number bring no two that stand this far apart out of order.
const EXACT: usize = 50;

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// By words and by meaning.
    Hybrid,
    /// By words.
    Lexical,
    /// By meaning.
    Semantic,
}

/// What to look for, and where.
pub struct Search {
    text: String,
    query: Arc<Query>,
    filter: Arc<Filter>,
    realms: Vec<Realm>,
}

/// What was found, best first.
pub struct Ranking {
    /// How it was looked for.
    pub mode: Mode,
    /// Why not otherwise, or what it lacks.
    pub reason: Option<String>,
    /// The chunks.
    pub ranked: Vec<Candidate>,
}

/// Hits with their places in the ranking, and the place to go on from.
pub struct Page {
    pub hits: Vec<(usize, HitRow, Candidate)>,
    pub next: Option<usize>,
}

impl Search {
    /// Looks for `text` in `realms`. The filter's scopes become those of the realms.
    pub fn new(text: &str, realms: Vec<Realm>, filter: Filter) -> Self {
        let scopes = realms.iter().map(ToString::to_string).collect();
        Self {
            text: text.to_owned(),
            query: Arc::new(Query::parse(text)),
            filter: Arc::new(Filter { scopes, ..filter }),
            realms,
        }
    }

    /// The words that are looked for.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Ranks what there is. Without vectors it goes by words, and says why.
    pub async fn rank(
        &self,
        server: &KnowledgeBase,
        ctx: &Ctx,
        mode: Mode,
    ) -> Result<Ranking, ToolError> {
        // What has no word in it has no meaning either.
        if mode == Mode::Lexical || self.query.is_empty() {
            return self.by_words(server, ctx, None).await;
        }
        let vector = match server.embedding.query(ctx, &self.text).await {
            Ok(vector) => vector,
            Err(unavailable) => return self.by_words(server, ctx, Some(unavailable.reason)).await,
        };
        let waiting = server.embedding.waiting(&self.realms).await?;
        let reason = match waiting {
            0 => None,
            1 => Some("1 document waits for its vectors: only its words are found".to_owned()),
            n => {
                let more = if n == MANY { " or more" } else { "" };
                Some(format!(
                    "{n}{more} documents wait for their vectors: only their words are found"
                ))
            }
        };
        let ranked = self.by_both(server, ctx, mode, vector).await?;
        Ok(Ranking {
            mode,
            reason,
            ranked,
        })
    }

    async fn by_words(
        &self,
        server: &KnowledgeBase,
        ctx: &Ctx,
        reason: Option<String>,
    ) -> Result<Ranking, ToolError> {
        let index = server.indexer.index();
        let (query, filter) = (Arc::clone(&self.query), Arc::clone(&self.filter));
        let found = ctx.blocking(move |_| {
            let found = index.search(&query, &filter, DEPTH);
            let found = found.map_err(ToolError::internal)?;
            let mut ranked = candidates(found, Vec::new(), |_| Vec::new());
            by_words(&mut ranked);
            Ok(ranked)
        });
        let ranked = found.await?;
        Ok(Ranking {
            mode: Mode::Lexical,
            reason,
            ranked,
        })
    }

    /// Ranks by the vectors in memory, then the best of that by the exact ones.
    async fn by_both(
        &self,
        server: &KnowledgeBase,
        ctx: &Ctx,
        mode: Mode,
        vector: QueryVector,
    ) -> Result<Vec<Candidate>, ToolError> {
        let weights = server.config.ranking.weights();
        let rank = move |candidates: &mut [Candidate], query: &[f32]| match mode {
            Mode::Semantic => by_meaning(candidates, query),
            Mode::Hybrid | Mode::Lexical => fuse(candidates, query, weights),
        };
        let index = server.indexer.index();
        let (query, filter) = (Arc::clone(&self.query), Arc::clone(&self.filter));
        let (values, vectors) = (vector.values.clone(), Arc::clone(&vector.vectors));
        let found = ctx.blocking(move |_| {
            let words = match mode {
                Mode::Semantic => Vec::new(),
                Mode::Hybrid | Mode::Lexical => index
                    .search(&query, &filter, DEPTH)
                    .map_err(ToolError::internal)?,
            };
            let near = vectors.search(&values, &filter, DEPTH);
            let mut found = candidates(words, near, |rest| vectors.of(&filter.scopes, rest));
            rank(&mut found, &values);
            Ok(found)
        });
        let mut best = found.await?;
        let rest = best.split_off(EXACT.min(best.len()));
        let ids: Vec<String> = best.iter().map(|found| found.chunk_id.clone()).collect();
        let rows = server.store.ranked(&vector.model, &self.realms, &ids);
        let keyed = rows
            .await?
            .into_iter()
            .map(|(chunk, form, numbers)| (chunk, (form, numbers)));
        let mut rows: HashMap<String, (String, Option<Vec<f32>>)> = keyed.collect();
        // What SQL does not show any more falls out here.
        best.retain_mut(|found| {
            let row = rows.remove(&found.chunk_id);
            row.map(|(form, numbers)| {
                found.code = Format::from_word(&form) == Format::Code;
                found.vector = numbers;
            })
            .is_some()
        });
        ctx.blocking(move |_| {
            rank(&mut best, &vector.values);
            if mode == Mode::Hybrid {
                thin(&mut best, weights.crowding);
            }
            best.extend(rest);
            Ok(best)
        })
        .await
    }

    /// Up to `limit` hits from place `from` on. What the index holds but SQL no longer shows is passed over.
    pub async fn page(
        &self,
        server: &KnowledgeBase,
        ranked: Vec<Candidate>,
        from: usize,
        limit: usize,
    ) -> Result<Page, ToolError> {
        let mut hits = Vec::with_capacity(limit);
        let mut rest = ranked.into_iter().enumerate().skip(from);
        loop {
            // One more than is missing, to know whether there is a next page.
            let wanted = limit - hits.len() + 1;
            let part: Vec<(usize, Candidate)> = rest.by_ref().take(wanted).collect();
            let ended = part.len() < wanted;
            let ids: Vec<String> = part
                .iter()
                .map(|(_, found)| found.chunk_id.clone())
                .collect();
            let rows = server.store.hits(&self.realms, &ids).await?;
            let keyed = rows.into_iter().map(|row| (row.chunk_id.clone(), row));
            let mut rows: HashMap<String, HitRow> = keyed.collect();
            for (at, found) in part {
                let Some(row) = rows.remove(&found.chunk_id) else {
                    continue;
                };
                if hits.len() == limit {
                    let next = Some(at);
                    return Ok(Page { hits, next });
                }
                hits.push((at, row, found));
            }
            if ended {
                return Ok(Page { hits, next: None });
            }
        }
    }

    /// The texts of chunks.
    pub async fn texts(
        server: &KnowledgeBase,
        ctx: &Ctx,
        chunks: Vec<String>,
    ) -> Result<HashMap<String, String>, ToolError> {
        let index = server.indexer.index();
        ctx.blocking(move |_| index.texts(&chunks).map_err(ToolError::internal))
            .await
    }
}
