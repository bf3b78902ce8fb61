//! What is under way: gone on with, skipped, taken back.

use super::super::{Error, merge, name, written};
use super::sequence;
use super::state::{self, Kind, State};
use super::{Outcome, Work, go_on, record_merge, tree};

/// The one of `kind` that is under way.
fn under_way(work: &Work<'_>, kind: Kind) -> Result<State, Error> {
    match state::load(work.repository)? {
        Some(state) if state.kind == kind => Ok(state),
        Some(state) => Err(Error::InProgress(state.kind)),
        None => Err(Error::NothingInProgress(kind)),
    }
}

/// Goes on after the conflicts were resolved and staged; a merge with `message` instead of the one it began with.
pub fn proceed(work: &Work<'_>, kind: Kind, message: Option<&str>) -> Result<Outcome, Error> {
    let repository = work.repository;
    let mut state = under_way(work, kind)?;
    if !state.ready {
        return Err(Error::Interrupted(kind));
    }
    let mut index = repository.index()?;
    index.read(true)?;
    let open = merge::conflicts(&index)?;
    if !open.is_empty() {
        return Err(Error::Conflicted(
            open.into_iter().map(|conflict| conflict.path).collect(),
        ));
    }
    let head = name::head(repository)?.ok_or(Error::Unborn)?;
    let tree = written::tree(repository, &index, Some(&head.tree()?))?;
    if kind == Kind::Merge {
        if let Some(message) = message {
            message.clone_into(&mut state.message);
        }
        let made = record_merge(work, &state, tree, &head)?;
        name::move_head(repository, Some(head.id()), made.id(), "merge")?;
        state::clear(repository)?;
        return Ok(Outcome::Done {
            head: made.id(),
            made: vec![made.id()],
        });
    }
    let tip = match sequence::record(repository, &mut state, tree, &head, work.who)? {
        Some(made) => {
            name::move_head(repository, Some(head.id()), made.id(), kind.tool())?;
            made
        }
        None => head,
    };
    state.ready = false;
    go_on(work, &mut state, &tip.clone(), tip, false)
}

/// Leaves the commit that conflicts out and goes on.
pub fn skip(work: &Work<'_>, kind: Kind) -> Result<Outcome, Error> {
    let mut state = under_way(work, kind)?;
    if kind == Kind::Merge {
        return Err(Error::NothingToSkip);
    }
    if !state.ready {
        return Err(Error::Interrupted(kind));
    }
    let head = name::head(work.repository)?.ok_or(Error::Unborn)?;
    tree::take_back(work.repository, work.files, &head)?;
    state.ready = false;
    go_on(work, &mut state, &head.clone(), head, false)
}

/// Makes all as it was before.
pub fn abort(work: &Work<'_>, kind: Kind) -> Result<Outcome, Error> {
    let state = under_way(work, kind)?;
    undo(work, &state)
}

pub(super) fn undo(work: &Work<'_>, state: &State) -> Result<Outcome, Error> {
    let repository = work.repository;
    let original = repository.find_commit(state.original)?;
    tree::take_back(repository, work.files, &original)?;
    let head = name::head(repository)?.ok_or(Error::Unborn)?;
    match (&state.branch, state.kind) {
        (Some(branch), Kind::Rebase) => repository.set_head(&format!("refs/heads/{branch}"))?,
        _ if head.id() != original.id() => {
            name::move_head(repository, Some(head.id()), original.id(), "abort")?;
        }
        _ => {}
    }
    state::clear(repository)?;
    Ok(Outcome::Aborted {
        head: original.id(),
    })
}
