//! A [`Filter`] as a query, apart from its scopes, which [`super::statistics`] has. It has no say in the score.

use std::ops::Bound;

use tantivy::{
    DocId, SegmentReader, Term,
    query::{
        AllQuery, BooleanQuery, Occur, Query, RangeQuery, TermQuery,
        doc_predicate_query::{DocPredicateQuery, FunctionPredicate},
    },
    schema::{Field, IndexRecordOption},
};

use super::schema::{Fields, PATH};
use crate::servers::knowledge_base::engine::filter::{Filter, MEMORY, PathGlob};

type Clause = (Occur, Box<dyn Query>);

/// What a chunk must be, and what it must not be.
pub fn query(filter: &Filter, fields: &Fields) -> BooleanQuery {
    let mut clauses = vec![must(Box::new(AllQuery))];
    if let Some(collection) = &filter.collection {
        clauses.push(must(among(fields.collection, [collection])));
    }
    if filter.kinds.is_empty() {
        clauses.push((Occur::MustNot, among(fields.form, [MEMORY])));
    } else {
        clauses.push(must(among(fields.form, &filter.kinds)));
    }
    if !filter.languages.is_empty() {
        clauses.push(must(among(fields.language, &filter.languages)));
    }
    if let Some(glob) = &filter.path_glob {
        clauses.push(must(like(glob)));
    }
    let tags = filter.tags.iter();
    clauses.extend(tags.map(|tag| must(among(fields.tag, [tag]))));
    if let Some(since) = filter.since_ms {
        let from = Bound::Included(Term::from_field_i64(fields.updated, since));
        clauses.push(must(Box::new(RangeQuery::new(from, Bound::Unbounded))));
    }
    BooleanQuery::new(clauses)
}

fn must(query: Box<dyn Query>) -> Clause {
    (Occur::Must, query)
}

fn among(field: Field, values: impl IntoIterator<Item = impl AsRef<str>>) -> Box<dyn Query> {
    let one = |value: &str| -> Box<dyn Query> {
        let term = Term::from_field_text(field, value);
        Box::new(TermQuery::new(term, IndexRecordOption::Basic))
    };
    let values = values.into_iter().map(|value| one(value.as_ref()));
    Box::new(BooleanQuery::union(values.collect()))
}

/// Chunks whose path is like `glob`. Each path of a segment is looked at once, however many chunks have it.
fn like(glob: &PathGlob) -> Box<dyn Query> {
    let glob = glob.clone();
    let predicate = FunctionPredicate::from(move |segment: &SegmentReader| {
        let column = segment.fast_fields().str(PATH)?;
        let mut wanted = Vec::new();
        if let Some(column) = &column {
            let mut paths = column.dictionary().stream()?;
            while paths.advance() {
                let path = std::str::from_utf8(paths.key());
                wanted.push(path.is_ok_and(|path| glob.matches(path)));
            }
        }
        Ok(move |chunk: DocId| {
            let path = column
                .as_ref()
                .and_then(|column| column.term_ords(chunk).next());
            path.is_some_and(|path| wanted.get(path as usize) == Some(&true))
        })
    });
    Box::new(DocPredicateQuery::from(predicate))
}
