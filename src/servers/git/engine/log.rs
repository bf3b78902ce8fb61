//! History.

use std::path::Path;

use git2::{Commit, DiffOptions, Oid, Repository, Sort, Tree};
use serde::{Deserialize, Serialize};

use super::{Backend, Error, name, pathspec, shown};
use crate::base::beneath::RelPath;
use crate::servers::git::cli::{Place, Program, Word};

/// Most commits looked at for one page; a filter that matches little then continues on the next.
const MAX_SCANNED: usize = 50_000;

/// Which commits.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only commits that changed something at or below one of these.
    pub paths: Vec<RelPath>,
    /// Part of the author's name or address, in any case.
    pub author: Option<String>,
    /// Part of the message, in any case.
    pub grep: Option<String>,
    /// Seconds since the epoch, by commit time.
    pub since: Option<i64>,
    pub until: Option<i64>,
    /// Only commits that change how often this text occurs.
    pub pickaxe: Option<String>,
    pub first_parent: bool,
}

/// Where a page ended. The tips are fixed, so pages join even if branches move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    tip: String,
    hide: Option<String>,
    last: String,
    /// Commits on the pages before.
    seen: usize,
}

/// One page of commits.
#[derive(Debug)]
pub struct Page<'r> {
    pub commits: Vec<Commit<'r>>,
    pub next: Option<After>,
    pub backend: Backend,
    ends: Ends,
    seen: usize,
}

/// What is listed: all that `tip` reaches and `hide` does not.
#[derive(Debug, Clone, Copy)]
struct Ends {
    tip: Oid,
    hide: Option<Oid>,
}

impl Ends {
    fn after(self, last: Oid, seen: usize) -> After {
        After {
            tip: self.tip.to_string(),
            hide: self.hide.map(|hide| hide.to_string()),
            last: last.to_string(),
            seen,
        }
    }
}

impl Page<'_> {
    /// Where the page ends if only its first `count` commits are shown.
    pub fn end_after(&self, count: usize) -> Option<After> {
        let last = self.commits.get(count.checked_sub(1)?)?.id();
        Some(self.ends.after(last, self.seen + count))
    }
}

/// Commits reachable from `revision` (HEAD when `None`; `a..b` leaves out what `a` reaches), newest first.
///
/// The git program is asked for the history of paths and for changed text, of which libgit2 looks at every commit.
pub fn log<'r>(
    repository: &'r Repository,
    git: Option<&Program>,
    revision: Option<&str>,
    filter: &Filter,
    after: Option<&After>,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Page<'r>, Error> {
    let ends = match after {
        Some(after) => Ends {
            tip: oid(&after.tip)?,
            hide: after.hide.as_deref().map(oid).transpose()?,
        },
        None => ends(repository, revision.unwrap_or("HEAD"))?,
    };
    // The program compares case by the rules of ASCII alone.
    let plain = [&filter.author, &filter.grep]
        .into_iter()
        .flatten()
        .all(|text| text.is_ascii());
    match git {
        Some(git)
            if plain
                && (filter.pickaxe.is_some()
                    || filter.paths.iter().any(|path| !path.is_root())) =>
        {
            by_program(repository, git, ends, filter, after, limit, stop)
        }
        _ => by_library(repository, ends, filter, after, limit, stop),
    }
}

fn by_program<'r>(
    repository: &'r Repository,
    git: &Program,
    ends: Ends,
    filter: &Filter,
    after: Option<&After>,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Page<'r>, Error> {
    let seen = after.map_or(0, |after| after.seen);
    let mut command = git
        .command(Place::bare(repository), "log")
        .flag("--format=%H")
        .flag("--no-ext-diff")
        .flag("--no-textconv")
        .flag("--no-mailmap")
        .flag("--no-decorate")
        .flag("--no-patch")
        .flag("--regexp-ignore-case")
        .flag("--fixed-strings")
        .option("--skip=", seen.to_string())
        .option("--max-count=", (limit + 1).to_string());
    if filter.first_parent {
        command = command.flag("--first-parent");
    }
    for (option, value) in [
        ("--author=", &filter.author),
        ("--grep=", &filter.grep),
        ("-S", &filter.pickaxe),
    ] {
        if let Some(value) = value {
            command = command.option(option, value);
        }
    }
    for (option, value) in [("--max-age=", filter.since), ("--min-age=", filter.until)] {
        if let Some(value) = value {
            command = command.option(option, value.to_string());
        }
    }
    command = command.word(Word::object(ends.tip));
    if let Some(hide) = ends.hide {
        command = command.word(Word::not(hide));
    }
    let said = command
        .paths(filter.paths.iter().filter(|path| !path.is_root()))
        .output(stop)?;
    let mut commits = Vec::new();
    for line in shown(&said).lines() {
        commits.push(repository.find_commit(oid(line)?)?);
    }
    let more = commits.len() > limit;
    commits.truncate(limit);
    let mut page = Page {
        commits,
        next: None,
        backend: Backend::Git,
        ends,
        seen,
    };
    if more {
        page.next = page.end_after(page.commits.len());
    }
    Ok(page)
}

fn by_library<'r>(
    repository: &'r Repository,
    ends: Ends,
    filter: &Filter,
    after: Option<&After>,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Page<'r>, Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::NONE)?;
    if filter.first_parent {
        walk.simplify_first_parent()?;
    }
    walk.push(ends.tip)?;
    if let Some(hide) = ends.hide {
        walk.hide(hide)?;
    }
    let last = after.map(|after| oid(&after.last)).transpose()?;
    let before = after.map_or(0, |after| after.seen);
    let mut skipping = last.is_some();
    let mut page = Page {
        commits: Vec::new(),
        next: None,
        backend: Backend::Libgit2,
        ends,
        seen: before,
    };
    let mut scanned = 0;
    let mut seen = None;
    for id in walk {
        if stop() {
            return Err(Error::Stopped);
        }
        let id = id?;
        if skipping {
            skipping = last != Some(id);
            continue;
        }
        if page.commits.len() == limit || scanned == MAX_SCANNED {
            page.next = seen.map(|last: Oid| ends.after(last, before + page.commits.len()));
            break;
        }
        scanned += 1;
        seen = Some(id);
        let commit = repository.find_commit(id)?;
        if matches(repository, &commit, filter, stop)? {
            page.commits.push(commit);
        }
    }
    Ok(page)
}

fn oid(text: &str) -> Result<Oid, Error> {
    Oid::from_str(text).map_err(|_| Error::NoSuchRevision(text.to_owned()))
}

fn ends(repository: &Repository, revision: &str) -> Result<Ends, Error> {
    let id = |revision: &str| {
        let revision = if revision.is_empty() {
            "HEAD"
        } else {
            revision
        };
        name::commit(repository, revision).map(|commit| commit.id())
    };
    if revision.contains("...") {
        return Err(Error::BadRevision(revision.to_owned()));
    }
    match revision.split_once("..") {
        Some((from, to)) => Ok(Ends {
            tip: id(to)?,
            hide: Some(id(from)?),
        }),
        None => Ok(Ends {
            tip: id(revision)?,
            hide: None,
        }),
    }
}

/// The cheap questions first.
fn matches(
    repository: &Repository,
    commit: &Commit<'_>,
    filter: &Filter,
    stop: &dyn Fn() -> bool,
) -> Result<bool, Error> {
    let time = commit.time().seconds();
    if filter.since.is_some_and(|since| time < since)
        || filter.until.is_some_and(|until| time > until)
    {
        return Ok(false);
    }
    let contains = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    if let Some(author) = &filter.author {
        let who = commit.author();
        let who = format!("{} <{}>", shown(who.name_bytes()), shown(who.email_bytes()));
        if !contains(&who, author) {
            return Ok(false);
        }
    }
    if filter
        .grep
        .as_ref()
        .is_some_and(|grep| !contains(&shown(commit.message_bytes()), grep))
    {
        return Ok(false);
    }
    if !filter.paths.is_empty() && !touches(commit, &filter.paths, filter.first_parent)? {
        return Ok(false);
    }
    match &filter.pickaxe {
        Some(text) => changes_count(repository, commit, filter, text, stop),
        None => Ok(true),
    }
}

/// Whether one of `paths` differs from every parent, as git's default history simplification has it. Looks up the paths
/// in the trees instead of comparing the trees.
fn touches(commit: &Commit<'_>, paths: &[RelPath], first_parent: bool) -> Result<bool, Error> {
    let tree = commit.tree()?;
    let at = |tree: &Tree<'_>, path: &RelPath| {
        if path.is_root() {
            return Some((tree.id(), 0));
        }
        tree.get_path(Path::new(path.as_str()))
            .ok()
            .map(|entry| (entry.id(), entry.filemode()))
    };
    let differs = |other: Option<&Tree<'_>>| {
        paths
            .iter()
            .any(|path| at(&tree, path) != other.and_then(|other| at(other, path)))
    };
    let parents = commit
        .parents()
        .take(if first_parent { 1 } else { usize::MAX });
    let mut any = false;
    for parent in parents {
        any = true;
        if !differs(Some(&parent.tree()?)) {
            return Ok(false);
        }
    }
    Ok(any || differs(None))
}

/// Whether the commit changes how often `text` occurs, against its first parent (`git log -S`).
fn changes_count(
    repository: &Repository,
    commit: &Commit<'_>,
    filter: &Filter,
    text: &str,
    stop: &dyn Fn() -> bool,
) -> Result<bool, Error> {
    if commit.parent_count() > 1 && !filter.first_parent {
        return Ok(false);
    }
    let old = commit
        .parents()
        .next()
        .map(|parent| parent.tree())
        .transpose()?;
    let mut options = DiffOptions::new();
    options.disable_pathspec_match(true);
    for path in pathspec::of(&filter.paths) {
        options.pathspec(path);
    }
    let diff =
        repository.diff_tree_to_tree(old.as_ref(), Some(&commit.tree()?), Some(&mut options))?;
    let count = |id: Oid| {
        let blob = repository.find_blob(id).ok();
        blob.map_or(0, |blob| shown(blob.content()).matches(text).count())
    };
    for delta in diff.deltas() {
        if stop() {
            return Err(Error::Stopped);
        }
        if count(delta.old_file().id()) != count(delta.new_file().id()) {
            return Ok(true);
        }
    }
    Ok(false)
}
