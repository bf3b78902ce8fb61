//! What differs between two states of a tree.

use std::cmp::Ordering;

use super::{Entry, What};
use crate::base::beneath::RelPath;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Removed,
    Modified,
    /// Only the mode bits.
    Mode,
    /// A file became a link or a directory, or the other way around.
    Kind,
}

/// One path that differs, with what was there and what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<'e> {
    pub path: &'e RelPath,
    pub change: Change,
    pub old: Option<&'e What>,
    pub new: Option<&'e What>,
}

/// The differences from `old` to `new`, both in a walk's order, in that order.
pub fn differences<'e>(old: &'e [Entry], new: &'e [Entry]) -> Vec<Difference<'e>> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut all = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return all,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.path.components().cmp(b.path.components()),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        let (old, new) = (
            before.map(|entry| &entry.what),
            after.map(|entry| &entry.what),
        );
        let path = before.or(after).map(|entry| &entry.path);
        if let (Some(path), Some(change)) = (path, change(old, new)) {
            all.push(Difference {
                path,
                change,
                old,
                new,
            });
        }
    }
}

fn change(old: Option<&What>, new: Option<&What>) -> Option<Change> {
    match (old, new) {
        (None, None) | (Some(What::Directory), Some(What::Directory)) => None,
        (None, Some(_)) => Some(Change::Added),
        (Some(_), None) => Some(Change::Removed),
        (Some(What::File(a)), Some(What::File(b))) if a.hash != b.hash => Some(Change::Modified),
        (Some(What::File(a)), Some(What::File(b))) => (a.mode != b.mode).then_some(Change::Mode),
        (Some(What::Link(a)), Some(What::Link(b))) => (a != b).then_some(Change::Modified),
        _ => Some(Change::Kind),
    }
}
