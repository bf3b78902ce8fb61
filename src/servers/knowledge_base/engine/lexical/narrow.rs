//! A [`Filter`] as clauses of a query. None has a say in the score.

use std::ops::Bound;

use tantivy::{
    DocId, SegmentReader, Term,
    query::{
        ConstScoreQuery, Occur, Query, RangeQuery, TermSetQuery,
        doc_predicate_query::{DocPredicateQuery, FunctionPredicate},
    },
    schema::Field,
};

use super::schema::{Fields, PATH};
use crate::servers::knowledge_base::engine::filter::{Filter, MEMORY, PathGlob};

type Clause = (Occur, Box<dyn Query>);

/// What a chunk must be, and what it must not be.
pub fn clauses(filter: &Filter, fields: &Fields) -> Vec<Clause> {
    let mut clauses = vec![must(among(fields.scope, &filter.scopes))];
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
        let range = RangeQuery::new(from, Bound::Unbounded);
        clauses.push(must(Box::new(ConstScoreQuery::new(Box::new(range), 0.0))));
    }
    clauses
}

fn must(query: Box<dyn Query>) -> Clause {
    (Occur::Must, query)
}

fn among(field: Field, values: impl IntoIterator<Item = impl AsRef<str>>) -> Box<dyn Query> {
    let values = values.into_iter();
    let terms = values.map(|value| Term::from_field_text(field, value.as_ref()));
    Box::new(ConstScoreQuery::new(
        Box::new(TermSetQuery::new(terms)),
        0.0,
    ))
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
    let query = DocPredicateQuery::from(predicate);
    Box::new(ConstScoreQuery::new(Box::new(query), 0.0))
}
