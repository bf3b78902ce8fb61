//! Definitions as callers see them, and pages of them.

use std::{cmp::Ordering, collections::BTreeMap};

use schemars::JsonSchema;
use serde::Serialize;

use super::engine::{
    source::Skip,
    symbol::{Kind, Symbol},
};

/// Bytes of one page, so that a reply stays well under 48 KB.
const PAGE_BYTES: usize = 36_000;

/// A definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Item {
    /// `path#Container/name`, with `~2` and so on where a file defines that name again.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Line of its name, from 1.
    pub line: u32,
    /// Its last line.
    pub end_line: u32,
    /// Its head without its body, shortened.
    pub signature: String,
    /// Its source, shortened to 4 KB, when `body` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Item {
    pub(super) fn new(path: &str, symbol: &Symbol) -> Self {
        Self {
            id: symbol.id(path),
            kind: symbol.kind,
            line: symbol.line,
            end_line: symbol.last_line,
            signature: symbol.signature.clone(),
            body: None,
        }
    }

    /// About how many bytes it takes in a reply.
    fn weight(&self) -> usize {
        self.id.len()
            + self.signature.len()
            + self
                .body
                .as_ref()
                .map_or(0, |body| body.len() + body.len() / 8)
            + 90
    }
}

/// Source files that were left out, by reason.
pub type Skipped = BTreeMap<String, usize>;

pub(super) fn skipped(skipped: &BTreeMap<Skip, usize>) -> Skipped {
    skipped
        .iter()
        .map(|(skip, count)| (skip.as_str().to_owned(), *count))
        .collect()
}

/// The first items of `candidates` that fit one page; true when some were left.
pub(super) fn page<T>(
    candidates: impl IntoIterator<Item = T>,
    limit: usize,
    mut item: impl FnMut(&T) -> Item,
) -> (Vec<Item>, Option<T>, bool) {
    let (mut items, mut last, mut bytes) = (Vec::new(), None, 0);
    for candidate in candidates {
        let next = item(&candidate);
        bytes += next.weight();
        if items.len() >= limit || !items.is_empty() && bytes > PAGE_BYTES {
            return (items, last, true);
        }
        items.push(next);
        last = Some(candidate);
    }
    (items, last, false)
}

/// The order of a walk: by the names on the way down.
pub(super) fn by_path(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}
