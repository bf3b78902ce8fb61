//! Comparing the caches with the database, document by document.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    KnowledgeBase,
    engine::lexical::{Held, LexicalIndex},
    store::Expected,
};
use crate::tool::{Ctx, ToolError};

/// Documents that are compared together.
const PAGE: u32 = 200;
/// How long what differed may be on its way still.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a document in the index is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The document.
    pub document_id: String,
    /// What differs.
    pub what: String,
}

/// What was compared, and what differs.
#[derive(Debug, Default)]
pub struct Report {
    /// Live documents.
    pub documents: u64,
    /// Their chunks.
    pub chunks: u64,
    /// Documents that are not in the index as they are in the database.
    pub different: Vec<Difference>,
}

impl KnowledgeBase {
    /// Compares the index with the database. What differs is looked at again when the index has caught up.
    pub async fn verify_index(&self, ctx: &Ctx) -> Result<Report, ToolError> {
        let index = self.indexer.index();
        let mut report = Report::default();
        let listed = Arc::clone(&index);
        let mut others = ctx
            .blocking(move |_| listed.documents().map_err(ToolError::internal))
            .await?;
        let mut suspects = Vec::new();
        let mut after = String::new();
        loop {
            let ids = self.store.live_after(&after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after.clone_from(last);
            for id in &ids {
                others.remove(id);
            }
            let expected = self.store.expected(&ids).await?;
            report.documents += expected.len() as u64;
            report.chunks += expected
                .values()
                .map(|one| one.chunks.len() as u64)
                .sum::<u64>();
            suspects.extend(compare(ctx, &index, expected).await?);
            ctx.progress(report.documents as f64, None, "documents compared");
        }
        let mut again: Vec<String> = suspects.into_iter().map(|one| one.document_id).collect();
        again.extend(others);
        if again.is_empty() {
            return Ok(report);
        }
        let last = self.store.last_seq().await?;
        if !self.indexer.reach(last, PATIENCE).await {
            return Err(ToolError::unavailable(format!(
                "the index is at change {} of {last} and does not catch up: look at the hub's log",
                self.indexer.progress().seq
            )));
        }
        let index = self.indexer.index();
        for ids in again.chunks(PAGE as usize) {
            let mut expected = self.store.expected(ids).await?;
            for id in ids {
                // What is gone should have no chunks.
                expected.entry(id.clone()).or_default();
            }
            report
                .different
                .extend(compare(ctx, &index, expected).await?);
        }
        Ok(report)
    }
}

async fn compare(
    ctx: &Ctx,
    index: &Arc<LexicalIndex>,
    expected: BTreeMap<String, Expected>,
) -> Result<Vec<Difference>, ToolError> {
    let index = Arc::clone(index);
    ctx.blocking(move |stop| {
        let mut different = Vec::new();
        for (document_id, expected) in expected {
            stop.check()?;
            let held = index.held(&document_id, &expected.scope);
            if let Some(what) = difference(&expected, &held.map_err(ToolError::internal)?) {
                different.push(Difference { document_id, what });
            }
        }
        Ok(different)
    })
    .await
}

fn difference(expected: &Expected, held: &[Held]) -> Option<String> {
    let chunks = expected
        .chunks
        .iter()
        .map(|(id, hash)| (id.as_str(), hash.as_str()));
    let found = held
        .iter()
        .map(|one| (one.chunk_id.as_str(), one.text_hash.as_str()));
    if expected.chunks.is_empty() && !held.is_empty() {
        Some(format!(
            "the index holds {} chunks of a document that is gone",
            held.len()
        ))
    } else if held.len() != expected.chunks.len() {
        let (is, should) = (held.len(), expected.chunks.len());
        Some(format!("the index holds {is} of its {should} chunks"))
    } else if !chunks
        .clone()
        .map(|(id, _)| id)
        .eq(found.clone().map(|(id, _)| id))
    {
        Some("the index holds chunks of another version".to_owned())
    } else if !chunks.eq(found) {
        Some("the index holds another text".to_owned())
    } else if held.iter().any(|one| !one.in_scope) {
        Some("the index holds it for another scope".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_said() {
        let chunk = |id: &str, hash: &str| (id.to_owned(), hash.to_owned());
        let held = |id: &str, hash: &str, in_scope| Held {
            chunk_id: id.into(),
            text_hash: hash.into(),
            in_scope,
        };
        let expected = Expected {
            scope: "global".into(),
            chunks: vec![chunk("a", "1"), chunk("b", "2")],
        };
        let same = [held("a", "1", true), held("b", "2", true)];
        assert_eq!(difference(&expected, &same), None);
        for (held, word) in [
            (vec![], "0 of its 2"),
            (
                vec![held("a", "1", true), held("c", "2", true)],
                "another version",
            ),
            (
                vec![held("a", "1", true), held("b", "3", true)],
                "another text",
            ),
            (
                vec![held("a", "1", true), held("b", "2", false)],
                "another scope",
            ),
        ] {
            let what = difference(&expected, &held).unwrap();
            assert!(what.contains(word), "{what}");
        }
        let gone = difference(&Expected::default(), &same).unwrap();
        assert!(gone.contains("gone"));
    }
}
