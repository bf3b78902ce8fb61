//! Which commit to look at next for the one that brought a fault, as `git bisect` has it, with nothing kept between calls.

mod library;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::ControlFlow;

use git2::{Oid, Repository};

use super::{Backend, Error, found, shown};
use crate::base::beneath::RelPath;
use crate::servers::git::cli::{Command, Place, Program, Word};

/// What is known so far.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub good: Vec<Oid>,
    /// What cannot be tested.
    pub skip: Vec<Oid>,
    /// Only commits that changed something at or below one of these.
    pub paths: Vec<RelPath>,
    pub first_parent: bool,
}

/// What follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To be tested next, one of so many that may be the first bad one.
    Next { commit: Oid, remaining: usize },
    /// To be tested next: it is before the bad commit and before a good one that is not. If it is bad too, the fault was
    /// mended on the way to the good one, and is not new in the bad one.
    Base(Oid),
    /// The first bad commit.
    First(Oid),
    /// The first bad commit is one of these, and all but the last are skipped.
    Skipped(Vec<Oid>),
}

/// What was found out.
#[derive(Debug)]
pub struct Found {
    pub answer: Answer,
    /// Merge bases that should have been tested and are skipped: the fault may be older than they are.
    pub untested: Vec<Oid>,
    pub backend: Backend,
}

/// What to do about the fault that `bad` has.
///
/// # Errors
/// [`Error::Contradiction`], [`Error::BadBeforeGood`]; [`Error::NothingToBisect`] when no commit changes the paths.
pub fn bisect(
    repository: &Repository,
    git: Option<&Program>,
    bad: Oid,
    known: &Known,
    stop: &dyn Fn() -> bool,
) -> Result<Found, Error> {
    refuse_contradictions(bad, known)?;
    // By first parents the program leaves a merge out whose first parent is before a good commit, whatever it changes in the
    // paths (2.47).
    let git = git.filter(|_| !known.first_parent || known.paths.is_empty());
    let backend = git.map_or(Backend::Libgit2, |_| Backend::Git);
    let mut untested = Vec::new();
    for base in bases(repository, bad, known)? {
        if base == bad {
            return Err(Error::BadBeforeGood(bad));
        } else if known.skip.contains(&base) {
            untested.push(base);
        } else if !known.good.contains(&base) {
            return Ok(Found {
                answer: Answer::Base(base),
                untested,
                backend,
            });
        }
    }
    let answer = match git {
        Some(git) if known.skip.is_empty() => best(repository, git, bad, known, stop)?,
        Some(git) => pick(bad, known, all(repository, git, bad, known, stop)?)?,
        None => pick(bad, known, library::suspects(repository, bad, known, stop)?)?,
    };
    Ok(Found {
        answer,
        untested,
        backend,
    })
}

/// About how many tests are left after the next one (git's own estimate).
pub fn steps_left(remaining: usize) -> u32 {
    let Some(whole) = remaining.checked_ilog2().filter(|_| remaining > 2) else {
        return 0;
    };
    let over = remaining - (1 << whole);
    if (1 << whole) < 3 * over {
        whole
    } else {
        whole - 1
    }
}

fn refuse_contradictions(bad: Oid, known: &Known) -> Result<(), Error> {
    if known.good.contains(&bad) {
        return Err(Error::Contradiction(bad, "good", "bad"));
    }
    if known.skip.contains(&bad) {
        return Err(Error::Contradiction(bad, "skipped", "bad"));
    }
    match known.good.iter().find(|good| known.skip.contains(good)) {
        Some(good) => Err(Error::Contradiction(*good, "skipped", "good")),
        None => Ok(()),
    }
}

/// The merge bases of `bad` with all that is good: a good commit itself where it is before `bad`.
fn bases(repository: &Repository, bad: Oid, known: &Known) -> Result<Vec<Oid>, Error> {
    let mut ends = vec![bad];
    ends.extend(&known.good);
    let bases = found(repository.merge_bases_many(&ends))?;
    Ok(bases.map(|bases| bases.to_vec()).unwrap_or_default())
}

/// `rev-list` over what may be the first bad commit.
fn rev_list(
    repository: &Repository,
    git: &Program,
    bad: Oid,
    known: &Known,
    how: &'static str,
) -> Command {
    let mut command = git
        .command(Place::bare(repository), "rev-list")
        .flag(how)
        .word(Word::object(bad));
    if known.first_parent {
        command = command.flag("--first-parent");
    }
    for good in &known.good {
        command = command.word(Word::not(*good));
    }
    command.paths(known.paths.iter().filter(|path| !path.is_root()))
}

/// Without anything skipped the program answers in one line, and need not compare all.
fn best(
    repository: &Repository,
    git: &Program,
    bad: Oid,
    known: &Known,
    stop: &dyn Fn() -> bool,
) -> Result<Answer, Error> {
    let said = rev_list(repository, git, bad, known, "--bisect-vars").output(stop)?;
    let said = shown(&said);
    let value = |name: &str| {
        let mut lines = said.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim_matches('\'')))
    };
    let commit = value("bisect_rev=").and_then(|id| Oid::from_str(id).ok());
    let remaining = value("bisect_all=").and_then(|all| all.parse().ok());
    match (commit, remaining) {
        (Some(commit), Some(_)) if commit == bad => Ok(Answer::First(bad)),
        (Some(commit), Some(remaining)) if remaining > 0 => Ok(Answer::Next { commit, remaining }),
        _ => Err(Error::NothingToBisect),
    }
}

/// All that may be the first bad commit, the best to test first.
fn all(
    repository: &Repository,
    git: &Program,
    bad: Oid,
    known: &Known,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Oid>, Error> {
    let (mut ids, mut line) = (Vec::new(), Vec::new());
    let command = rev_list(repository, git, bad, known, "--bisect-all");
    command.each(stop, &mut |piece| {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if !part.ends_with(b"\n") {
                break;
            }
            // `<id> (dist=<n>)`.
            let id = line.split(u8::is_ascii_whitespace).next();
            let id = id.and_then(|id| std::str::from_utf8(id).ok());
            ids.extend(id.and_then(|id| Oid::from_str(id).ok()));
            line.clear();
        }
        ControlFlow::Continue(())
    })?;
    Ok(ids)
}

/// What to do with `suspects`, the best to test first.
fn pick(bad: Oid, known: &Known, suspects: Vec<Oid>) -> Result<Answer, Error> {
    let skip: HashSet<Oid> = known.skip.iter().copied().collect();
    let remaining = suspects.len();
    let Some(first) = suspects.first().copied() else {
        return Err(Error::NothingToBisect);
    };
    let open = suspects.iter().filter(|id| !skip.contains(id)).copied();
    let open: Vec<Oid> = open.collect();
    let Some(best) = open.iter().find(|id| **id != bad).copied() else {
        if remaining == 1 && first == bad {
            return Ok(Answer::First(bad));
        }
        let (last, mut rest): (Vec<Oid>, Vec<Oid>) =
            suspects.into_iter().partition(|id| *id == bad);
        rest.extend(last);
        return Ok(Answer::Skipped(rest));
    };
    // Beside one that cannot be tested are more of its kind.
    let commit = if skip.contains(&first) {
        further(&open, bad).unwrap_or(best)
    } else {
        best
    };
    Ok(Answer::Next { commit, remaining })
}

/// One that is some way off the best, by git's own numbers: each call is led elsewhere, and the better ones more often.
fn further(open: &[Oid], bad: Oid) -> Option<Oid> {
    const STEPS: u64 = 32_768;
    let count = open.len() as u64;
    let random = (count.wrapping_mul(1_103_515_245).wrapping_add(12_345) / 65_536) % STEPS;
    let at = count * random / STEPS * random.isqrt() / STEPS.isqrt();
    let at = usize::try_from(at).ok()?;
    let found = open.get(at).filter(|id| **id != bad);
    found
        .or_else(|| open.get(at.checked_sub(1)?))
        .copied()
        .filter(|id| *id != bad)
}
