//! Searching.

use std::collections::HashMap;

use tantivy::{
    DocAddress, DocSet, Score, SegmentReader, TERMINATED, TantivyDocument, Term,
    query::{EnableScoring, Query as TantivyQuery},
    schema::{IndexRecordOption, Value},
};

use super::{
    Found, LexicalError, LexicalIndex, Query, best::Best, narrow, schema::CHUNK_ID,
    statistics::ScopeStatistics,
};
use crate::servers::knowledge_base::engine::filter::Filter;

/// What could only reach this part of the worst score among the best is passed over unseen. How high the chunks of a block
/// can score is kept in the index for the mean length of all its texts; with that of some scopes it is a little more.
const UNSEEN: Score = 0.8;

/// Steps of a score from 0 to 1. Words are added up in an order that the segments decide, and so the last bits of equals differ:
/// what stands below a step is rounded off.
const GRAIN: f32 = 16_384.0;

impl LexicalIndex {
    /// The `limit` best chunks for `query` among those that `filter` lets through, best first.
    pub fn search(
        &self,
        query: &Query,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Found>, LexicalError> {
        if query.is_empty() || filter.scopes.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let searcher = self.reader.searcher();
        let fields = &self.fields;
        let counts = ScopeStatistics::new(&searcher, fields.scope, &filter.scopes, &self.counted)?;
        let most = query.most(fields, &counts)?.max(f32::MIN_POSITIVE);
        let scoring = EnableScoring::enabled_from_statistics_provider(&counts, &searcher);
        // A union of words and nothing else: only that can pass over what cannot be among the best.
        let words = query.build(fields).weight(scoring)?;
        let plain = EnableScoring::disabled_from_searcher(&searcher);
        let wanted = narrow::query(filter, fields).weight(plain)?;
        let mut best = Best::new(limit);
        for (ordinal, (segment, mask)) in counts.masks().enumerate() {
            let mut wanted = wanted.scorer(segment, 1.0)?;
            words.for_each_pruning(best.bar() * UNSEEN, segment, &mut |chunk, score| {
                // Chunks come in order, so what is wanted is gone through once.
                if score > best.bar() && mask.has(chunk) {
                    let at = wanted.doc();
                    let at = if at < chunk { wanted.seek(chunk) } else { at };
                    if at == chunk {
                        best.offer(score, ordinal, chunk);
                    }
                }
                best.bar() * UNSEEN
            })?;
        }
        let hits = best.into_sorted();
        let mut found: Vec<Found> = hits
            .iter()
            .map(|hit| Found {
                chunk_id: String::new(),
                score: (hit.score / most * GRAIN).round() / GRAIN,
            })
            .collect();
        for (ordinal, (segment, _)) in counts.masks().enumerate() {
            let own = hits.iter().zip(&mut found);
            let own = own.filter(|(hit, _)| hit.segment == ordinal);
            name(segment, own.map(|(hit, found)| (hit.chunk, found)))?;
        }
        // Where equals lie in the segments tells what else was written since.
        found.sort_by(|a, b| {
            let score = b.score.total_cmp(&a.score);
            score.then_with(|| a.chunk_id.cmp(&b.chunk_id))
        });
        Ok(found)
    }

    /// The texts of those of `chunks` that are in the index.
    pub fn texts(&self, chunks: &[String]) -> Result<HashMap<String, String>, LexicalError> {
        let searcher = self.reader.searcher();
        let mut texts = HashMap::with_capacity(chunks.len());
        for (ordinal, segment) in (0_u32..).zip(searcher.segment_readers()) {
            let ids = segment.inverted_index(self.fields.chunk_id)?;
            for chunk in chunks {
                let term = Term::from_field_text(self.fields.chunk_id, chunk);
                let Some(mut places) = ids.read_postings(&term, IndexRecordOption::Basic)? else {
                    continue;
                };
                while places.doc() != TERMINATED && segment.is_deleted(places.doc()) {
                    places.advance();
                }
                if places.doc() != TERMINATED {
                    let stored: TantivyDocument =
                        searcher.doc(DocAddress::new(ordinal, places.doc()))?;
                    let body = stored
                        .get_first(self.fields.body)
                        .and_then(|value| value.as_str());
                    texts.insert(chunk.clone(), body.unwrap_or_default().to_owned());
                }
            }
        }
        Ok(texts)
    }
}

/// Puts in the ids of chunks of `segment`. They are read in their order: each block of the dictionary is opened once.
fn name<'f>(
    segment: &SegmentReader,
    found: impl Iterator<Item = (u32, &'f mut Found)>,
) -> Result<(), LexicalError> {
    let Some(column) = segment.fast_fields().str(CHUNK_ID)? else {
        return Ok(());
    };
    let mut found: Vec<(u64, &mut Found)> = found
        .filter_map(|(chunk, found)| Some((column.term_ords(chunk).next()?, found)))
        .collect();
    found.sort_unstable_by_key(|(ordinal, _)| *ordinal);
    let ordinals: Vec<u64> = found.iter().map(|(ordinal, _)| *ordinal).collect();
    let mut found = found.into_iter();
    column
        .dictionary()
        .sorted_ords_to_term_cb(&ordinals, |id| {
            if let Some((_, found)) = found.next() {
                found.chunk_id = String::from_utf8_lossy(id).into_owned();
            }
        })?;
    Ok(())
}
