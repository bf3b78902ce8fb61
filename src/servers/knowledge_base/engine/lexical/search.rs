//! Searching.

use std::collections::HashMap;

use tantivy::{
    DocAddress, DocSet, TERMINATED, TantivyDocument, Term,
    collector::TopDocs,
    query::{BooleanQuery, Occur},
    schema::{IndexRecordOption, Value},
};

use super::{
    Found, LexicalError, LexicalIndex, Query, narrow, schema::CHUNK_ID, statistics::ScopeStatistics,
};
use crate::servers::knowledge_base::engine::filter::Filter;

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
        let mut clauses = narrow::clauses(filter, fields);
        clauses.push((Occur::Must, Box::new(query.build(fields))));
        let wanted = TopDocs::with_limit(limit).order_by_score();
        let hits = searcher.search_with_statistics_provider(
            &BooleanQuery::new(clauses),
            &wanted,
            &counts,
        )?;
        let mut names = Vec::with_capacity(searcher.segment_readers().len());
        for segment in searcher.segment_readers() {
            names.push(segment.fast_fields().str(CHUNK_ID)?);
        }
        let mut found = Vec::with_capacity(hits.len());
        for (
            score,
            DocAddress {
                segment_ord,
                doc_id,
            },
        ) in hits
        {
            let Some(Some(column)) = names.get(segment_ord as usize) else {
                continue;
            };
            let mut chunk_id = String::new();
            if let Some(ordinal) = column.term_ords(doc_id).next() {
                column.ord_to_str(ordinal, &mut chunk_id)?;
            }
            found.push(Found {
                chunk_id,
                score: score / most,
            });
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
