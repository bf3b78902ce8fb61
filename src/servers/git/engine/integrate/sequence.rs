//! One commit after the other, put on top of a new base: rebase, cherry-pick and revert.

use git2::{Commit, Index, Oid, Repository, Signature};

use super::super::commit::Who;
use super::super::{Error, merge, shown, written};
use super::{Kind, State};

/// Where a run of commits ended.
pub enum Ran<'r> {
    /// All are on top of this.
    Through(Commit<'r>),
    /// `state.current` conflicts with this.
    Stopped(Commit<'r>, Index),
}

/// Puts the commits of `state.todo` on top of `tip`, in memory and in the object database only.
pub fn run<'r>(
    repository: &'r Repository,
    state: &mut State,
    mut tip: Commit<'r>,
    who: &Who,
    stop: &dyn Fn() -> bool,
) -> Result<Ran<'r>, Error> {
    while !state.todo.is_empty() {
        if stop() {
            return Err(Error::Stopped);
        }
        state.current = state.todo.remove(0);
        let commit = repository.find_commit(state.current)?;
        let index = pick(repository, state, &commit, &tip)?;
        if index.has_conflicts() {
            return Ok(Ran::Stopped(tip, index));
        }
        let tree = written::tree(repository, &index, Some(&tip.tree()?))?;
        if let Some(made) = record(repository, state, tree, &tip, who)? {
            tip = made;
        }
    }
    Ok(Ran::Through(tip))
}

fn pick(
    repository: &Repository,
    state: &State,
    commit: &Commit<'_>,
    tip: &Commit<'_>,
) -> Result<Index, Error> {
    let merged = commit.parent_count() > 1;
    if merged != (state.mainline > 0) || state.mainline as usize > commit.parent_count() {
        return Err(Error::Mainline {
            commit: commit.id(),
            parents: commit.parent_count(),
        });
    }
    let options = merge::options();
    if state.kind == Kind::Revert {
        return Ok(repository.revert_commit(commit, tip, state.mainline, Some(&options))?);
    }
    Ok(repository.cherrypick_commit(commit, tip, state.mainline, Some(&options))?)
}

/// Makes the commit of `tree` in the place of `state.current`; `None` when it would change nothing, because its change is
/// there already.
pub fn record<'r>(
    repository: &'r Repository,
    state: &mut State,
    tree: Oid,
    tip: &Commit<'r>,
    who: &Who,
) -> Result<Option<Commit<'r>>, Error> {
    if tree == tip.tree_id() {
        return Ok(None);
    }
    let committer = who.signature()?;
    let commit = repository.find_commit(state.current)?;
    let (author, message) = if state.kind == Kind::Revert {
        (committer.clone(), reverting(&commit, state.mainline))
    } else {
        let author = commit.author();
        let author = Signature::new(
            &shown(author.name_bytes()),
            &shown(author.email_bytes()),
            &author.when(),
        )?;
        (author, shown(commit.message_raw_bytes()))
    };
    let tree = repository.find_tree(tree)?;
    let id = written::commit(
        repository,
        &author,
        &committer,
        &message,
        &tree,
        &[tip],
        None,
    )?;
    state.made.push(id);
    Ok(Some(repository.find_commit(id)?))
}

/// The message that `git revert` writes.
fn reverting(commit: &Commit<'_>, mainline: u32) -> String {
    let subject = commit.summary_bytes().map(shown).unwrap_or_default();
    let against = mainline
        .checked_sub(1)
        .and_then(|at| commit.parent_id(at as usize).ok());
    let changes = against
        .map(|parent| format!(", reversing\nchanges made to {parent}"))
        .unwrap_or_default();
    format!(
        "Revert \"{subject}\"\n\nThis reverts commit {}{changes}.\n",
        commit.id()
    )
}
