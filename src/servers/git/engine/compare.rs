//! Two lines of history beside each other.

use git2::{Commit, Oid, Repository};

use super::{Error, found, merge};

/// How `head` relates to `base`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Commits that only `head` has.
    pub ahead: usize,
    /// Commits that only `base` has.
    pub behind: usize,
    /// Where they last were one; `None` for histories that never met.
    pub merge_base: Option<Oid>,
    /// Paths in which a merge of `head` into `base` would conflict.
    pub conflicts: Vec<String>,
}

/// Compares without leaving a trace: the merge is tried in memory.
pub fn compare(
    repository: &Repository,
    base: &Commit<'_>,
    head: &Commit<'_>,
) -> Result<Compared, Error> {
    let (ahead, behind) = repository.graph_ahead_behind(head.id(), base.id())?;
    let merge_base = found(repository.merge_base(base.id(), head.id()))?;
    let conflicts = if ahead == 0 || behind == 0 {
        Vec::new()
    } else {
        let _memory = merge::in_memory(repository)?;
        let index = merge::commits(repository, base, head)?;
        merge::conflicts(&index)?
            .into_iter()
            .map(|conflict| conflict.path)
            .collect()
    };
    Ok(Compared {
        ahead,
        behind,
        merge_base,
        conflicts,
    })
}
