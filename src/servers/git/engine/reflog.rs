//! Where HEAD or a branch was before.

use git2::{Oid, Repository};

use super::{Error, shown};

/// One move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// `None` for the first.
    pub from: Option<Oid>,
    /// `None` when it was deleted.
    pub to: Option<Oid>,
    pub who: String,
    /// Seconds since the epoch.
    pub time: i64,
    pub message: String,
}

/// The moves of `reference`, a whole name or `HEAD`, newest first, from number `skip` on; how many there are in all.
pub fn reflog(
    repository: &Repository,
    reference: &str,
    skip: usize,
    limit: usize,
) -> Result<(Vec<Move>, usize), Error> {
    let log = repository.reflog(reference)?;
    let moves = log.iter().skip(skip).take(limit).map(|entry| {
        let who = entry.committer();
        Move {
            from: Some(entry.id_old()).filter(|id| !id.is_zero()),
            to: Some(entry.id_new()).filter(|id| !id.is_zero()),
            who: format!("{} <{}>", shown(who.name_bytes()), shown(who.email_bytes())),
            time: who.when().seconds(),
            message: entry.message_bytes().map(shown).unwrap_or_default(),
        }
    });
    Ok((moves.collect(), log.len()))
}
