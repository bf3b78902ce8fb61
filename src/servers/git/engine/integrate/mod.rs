//! Bringing changes in: merge, rebase, cherry-pick and revert.
//!
//! Everything is worked out in memory first. Without a conflict, tree and branch then move once; with one, what merged
//! cleanly is checked out, the rest is shown, and a note beside HEAD says what is left to do, whatever becomes of the hub.

mod resolve;
mod resume;
mod sequence;
pub mod state;
pub mod tree;

use git2::{Commit, Oid, Repository};

use super::commit::Who;
use super::merge::{self, Conflict};
use super::{Error, branch, name, shown, written};
use crate::base::beneath::Beneath;

pub use resolve::{Resolution, resolve};
pub use resume::{abort, proceed, skip};
use sequence::Ran;
pub use state::{Kind, State};

/// Most commits of one rebase, cherry-pick or revert.
pub const MAX_COMMITS: usize = 500;

/// The agent's tree and who works in it. Its lock and the repository's are held.
pub struct Work<'w> {
    pub repository: &'w Repository,
    pub files: &'w Beneath,
    pub who: &'w Who,
    pub stop: &'w dyn Fn() -> bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was nothing to bring in.
    UpToDate,
    /// HEAD moved to a commit that was there.
    FastForwarded { head: Oid },
    /// It is all in.
    Done { head: Oid, made: Vec<Oid> },
    /// It waits for these to be resolved; so many commits come after.
    Conflicted {
        current: Oid,
        conflicts: Vec<Conflict>,
        left: usize,
    },
    /// It is as it was before.
    Aborted { head: Oid },
}

/// Whether a merge may, must or must not be without a commit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FastForward {
    Auto,
    Never,
    Only,
}

/// Where and how a trial is made: `dry` says what would happen, with nothing written.
fn begin<'w>(work: &Work<'w>, dry: bool) -> Result<Commit<'w>, Error> {
    state::refuse(work.repository)?;
    let head = name::head(work.repository)?.ok_or(Error::Unborn)?;
    if dry {
        merge::in_memory(work.repository)?;
    } else {
        tree::refuse_staged(work.repository)?;
    }
    Ok(head)
}

/// Merges the commit `theirs`, named `label`, into HEAD.
pub fn merge(
    work: &Work<'_>,
    theirs: &Commit<'_>,
    label: &str,
    message: Option<&str>,
    forward: FastForward,
    dry: bool,
) -> Result<Outcome, Error> {
    let repository = work.repository;
    let ours = begin(work, dry)?;
    if ours.id() == theirs.id() || repository.graph_descendant_of(ours.id(), theirs.id())? {
        return Ok(Outcome::UpToDate);
    }
    let can_forward = repository.graph_descendant_of(theirs.id(), ours.id())?;
    if forward == FastForward::Only && !can_forward {
        return Err(Error::NoFastForward);
    }
    if can_forward && forward != FastForward::Never {
        if !dry {
            move_to(work, &ours, theirs, &format!("merge {label}: Fast-forward"))?;
        }
        return Ok(Outcome::FastForwarded { head: theirs.id() });
    }
    let branch = name::head_branch(repository)?;
    let into = branch.as_deref().unwrap_or("HEAD");
    let message = message.map_or_else(|| format!("Merge {label} into {into}\n"), ToOwned::to_owned);
    let mut index = merge::commits(repository, &ours, theirs)?;
    let mut state = State {
        kind: Kind::Merge,
        ready: false,
        branch: branch.clone(),
        original: ours.id(),
        current: theirs.id(),
        todo: Vec::new(),
        made: Vec::new(),
        message,
        mainline: 0,
    };
    if index.has_conflicts() {
        return stop_at(work, &mut state, &ours, &mut index, dry);
    }
    let tree = written::tree(repository, &index, Some(&ours.tree()?))?;
    let made = record_merge(work, &state, tree, &ours)?;
    if !dry {
        move_to(work, &ours, &made, &format!("merge {label}"))?;
    }
    Ok(Outcome::Done {
        head: made.id(),
        made: vec![made.id()],
    })
}

fn record_merge<'w>(
    work: &Work<'w>,
    state: &State,
    tree: Oid,
    ours: &Commit<'_>,
) -> Result<Commit<'w>, Error> {
    let repository = work.repository;
    let who = work.who.signature()?;
    let (tree, theirs) = (
        repository.find_tree(tree)?,
        repository.find_commit(state.current)?,
    );
    let message = git2::message_prettify(state.message.as_str(), None)?;
    let id = written::commit(
        repository,
        &who,
        &who,
        &message,
        &tree,
        &[ours, &theirs],
        None,
    )?;
    Ok(repository.find_commit(id)?)
}

/// Puts the commits of HEAD that `onto` lacks on top of it. Merges among them are left out, as is what `onto` has already.
pub fn rebase(work: &Work<'_>, onto: &Commit<'_>, dry: bool) -> Result<Outcome, Error> {
    let repository = work.repository;
    let head = begin(work, dry)?;
    if repository.graph_descendant_of(head.id(), onto.id())? && is_straight(work, &head, onto)?
        || head.id() == onto.id()
    {
        return Ok(Outcome::UpToDate);
    }
    let todo = own_commits(work, &head, onto)?;
    let mut state = State {
        kind: Kind::Rebase,
        ready: false,
        branch: name::head_branch(repository)?,
        original: head.id(),
        current: onto.id(),
        todo,
        made: Vec::new(),
        message: String::new(),
        mainline: 0,
    };
    let start = repository.find_commit(onto.id())?;
    go_on(work, &mut state, &head, start, dry)
}

/// Whether HEAD is `onto` with commits on top that are no merges.
fn is_straight(work: &Work<'_>, head: &Commit<'_>, onto: &Commit<'_>) -> Result<bool, Error> {
    let mut at = head.clone();
    while at.id() != onto.id() {
        if (work.stop)() {
            return Err(Error::Stopped);
        }
        if at.parent_count() != 1 {
            return Ok(false);
        }
        at = at.parent(0)?;
    }
    Ok(true)
}

/// The commits that HEAD has and `onto` lacks, without merges, oldest first.
fn own_commits(work: &Work<'_>, head: &Commit<'_>, onto: &Commit<'_>) -> Result<Vec<Oid>, Error> {
    let mut walk = work.repository.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
    walk.push(head.id())?;
    walk.hide(onto.id())?;
    let mut own = Vec::new();
    for id in walk {
        let id = id?;
        if work.repository.find_commit(id)?.parent_count() < 2 {
            own.push(id);
        }
        if own.len() > MAX_COMMITS {
            return Err(Error::TooManyCommits(MAX_COMMITS));
        }
    }
    Ok(own)
}

/// Brings the changes of `commits` in, in this order, or with [`Kind::Revert`] takes them back.
pub fn pick(
    work: &Work<'_>,
    kind: Kind,
    commits: Vec<Oid>,
    mainline: u32,
    dry: bool,
) -> Result<Outcome, Error> {
    let head = begin(work, dry)?;
    if commits.len() > MAX_COMMITS {
        return Err(Error::TooManyCommits(MAX_COMMITS));
    }
    let mut state = State {
        kind,
        ready: false,
        branch: name::head_branch(work.repository)?,
        original: head.id(),
        current: head.id(),
        todo: commits,
        made: Vec::new(),
        message: String::new(),
        mainline,
    };
    go_on(work, &mut state, &head, head.clone(), dry)
}

/// Runs what is left to do on top of `tip`, while HEAD and the tree are at `head`.
fn go_on(
    work: &Work<'_>,
    state: &mut State,
    head: &Commit<'_>,
    tip: Commit<'_>,
    dry: bool,
) -> Result<Outcome, Error> {
    let before = state.clone();
    let ran = sequence::run(work.repository, state, tip, work.who, work.stop)?;
    let tip = match &ran {
        Ran::Stopped(tip, _) | Ran::Through(tip) => tip.clone(),
    };
    if !dry {
        // A hub that dies from here on leaves something that can be aborted.
        state::save(work.repository, state)?;
        if let Err(error) = stand_on(work, state, head, &tip) {
            return Err(fall_back(work, head, before, error));
        }
    }
    if let Ran::Stopped(_, mut index) = ran {
        return stop_at(work, state, &tip, &mut index, dry);
    }
    if !dry {
        land(work, state, &tip)?;
    }
    let made = std::mem::take(&mut state.made);
    if made.is_empty() && tip.id() == state.original {
        return Ok(Outcome::UpToDate);
    }
    Ok(Outcome::Done {
        head: tip.id(),
        made,
    })
}

/// After `error` at a step: as it was before all, or, when conflicts were resolved on the way, as `state` has it, so that
/// `continue` tries the step again.
fn fall_back(work: &Work<'_>, head: &Commit<'_>, mut state: State, error: Error) -> Error {
    if head.id() == state.original {
        return resume::undo(work, &state).err().unwrap_or(error);
    }
    state.ready = true;
    state::save(work.repository, &state).err().unwrap_or(error)
}

/// Moves tree and HEAD from `head` to `tip`: the branch with it, but for a rebase, whose branch moves at its end.
fn stand_on(
    work: &Work<'_>,
    state: &State,
    head: &Commit<'_>,
    tip: &Commit<'_>,
) -> Result<(), Error> {
    if head.id() == tip.id() && state.kind != Kind::Rebase {
        return Ok(());
    }
    if state.kind != Kind::Rebase {
        return move_to(work, head, tip, state.kind.tool());
    }
    branch::tree(work.repository, tip.as_object(), false)?;
    Ok(work.repository.set_head_detached(tip.id())?)
}

/// The last step: a rebased branch moves to `tip`, unless somebody moved it meanwhile; the note goes.
fn land(work: &Work<'_>, state: &State, tip: &Commit<'_>) -> Result<(), Error> {
    if let (Kind::Rebase, Some(branch)) = (state.kind, &state.branch) {
        let reference = format!("refs/heads/{branch}");
        work.repository.reference_matching(
            &reference,
            tip.id(),
            true,
            state.original,
            "rebase (finish)",
        )?;
        work.repository.set_head(&reference)?;
    }
    state::clear(work.repository)
}

/// Moves the tree, and HEAD's branch or HEAD itself, from `from` to `to`.
fn move_to(work: &Work<'_>, from: &Commit<'_>, to: &Commit<'_>, why: &str) -> Result<(), Error> {
    branch::tree(work.repository, to.as_object(), false)?;
    name::move_head(work.repository, Some(from.id()), to.id(), why)
}

/// Stops at the conflicts in `index` with what tree and HEAD are at, `ours`.
fn stop_at(
    work: &Work<'_>,
    state: &mut State,
    ours: &Commit<'_>,
    index: &mut git2::Index,
    dry: bool,
) -> Result<Outcome, Error> {
    let conflicts = merge::conflicts(index)?;
    if !dry {
        let theirs = work.repository.find_commit(state.current)?;
        let short: String = theirs.id().to_string().chars().take(10).collect();
        let subject = theirs.summary_bytes().map(shown).unwrap_or_default();
        state::save(work.repository, state)?;
        let shown = tree::show(
            work.repository,
            work.files,
            index,
            ("ours", &format!("{short} {subject}")),
        );
        if let Err(error) = shown {
            let mut again = state.clone();
            again.todo.insert(0, state.current);
            return Err(fall_back(work, ours, again, error));
        }
        state.ready = true;
        state::save(work.repository, state)?;
    }
    Ok(Outcome::Conflicted {
        current: state.current,
        conflicts,
        left: state.todo.len(),
    })
}
