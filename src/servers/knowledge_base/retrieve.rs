//! One search: ranked by words in the index and by meaning in the vectors, shown by SQL.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    KnowledgeBase,
    embedding::QueryVector,
    engine::{
        filter::Filter,
        fuse::{Candidate, candidates, dot, fuse, sort},
        lexical::Query,
    },
    model::{Format, Realm},
    store::HitRow,
};
use crate::tool::{Ctx, ToolError};

/// Chunks that each ranking brings. Beyond this place is noise.
const DEPTH: usize = 400;

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
            n => Some(format!(
                "{n} documents wait for their vectors: only their words are found"
            )),
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
            index
                .search(&query, &filter, DEPTH)
                .map_err(ToolError::internal)
        });
        let mut ranked: Vec<Candidate> =
            candidates(found.await?, Vec::new()).into_values().collect();
        for candidate in &mut ranked {
            candidate.score = candidate.words.map_or(0.0, |(part, _)| part);
        }
        sort(&mut ranked);
        Ok(Ranking {
            mode: Mode::Lexical,
            reason,
            ranked,
        })
    }

    async fn by_both(
        &self,
        server: &KnowledgeBase,
        ctx: &Ctx,
        mode: Mode,
        vector: QueryVector,
    ) -> Result<Vec<Candidate>, ToolError> {
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
            let near = near.into_iter().map(|near| near.chunk_id).collect();
            Ok(candidates(words, near))
        });
        let mut found = found.await?;
        let ids: Vec<String> = found.keys().cloned().collect();
        let rows = server
            .store
            .ranked(&vector.model, &self.realms, &ids)
            .await?;
        let weights = server.config.ranking.weights();
        // What SQL does not show any more falls out here.
        let shown = rows.into_iter().filter_map(|(chunk, form, numbers)| {
            let mut candidate = found.remove(&chunk)?;
            candidate.code = Format::from_word(&form) == Format::Code;
            candidate.vector = numbers;
            Some(candidate)
        });
        let mut shown: Vec<Candidate> = shown.collect();
        let compare = move |_: &_| {
            if mode == Mode::Hybrid {
                return Ok(fuse(shown, &vector.values, weights));
            }
            for candidate in &mut shown {
                candidate.score = candidate
                    .vector
                    .as_deref()
                    .map_or(0.0, |own| dot(own, &vector.values));
            }
            sort(&mut shown);
            Ok(shown)
        };
        ctx.blocking(compare).await
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
