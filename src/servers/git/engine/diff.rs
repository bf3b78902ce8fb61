//! Differences, a page at a time.

use git2::{
    Commit, Delta, Diff, DiffDelta, DiffFindOptions, DiffOptions, FileMode, Oid, Patch, Repository,
};
use serde::{Deserialize, Serialize};

use super::renames::{Listed, Lists, Trees};
use super::status::Change;
use super::{Backend, Error, name, patch, pathspec, shown, sparse};
use crate::base::beneath::RelPath;
use crate::servers::git::cli::Program;

/// Text of the patches on a page, in bytes.
pub(super) const PAGE_BYTES: usize = 32 * 1024;
/// Files larger than this are compared as binary, in bytes.
const MAX_FILE: i64 = 4 << 20;
/// Insertions and deletions are summed up for at most so many files.
const MAX_SUMMED: usize = 200;
/// Pairs of a removed and an added file above which the git program looks for renames, if it is there.
const MANY_PAIRS: usize = 400;

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sides {
    /// Index and tree.
    Unstaged,
    /// HEAD and index.
    Staged,
    /// Two commits; `from` defaults to the first parent of `to`, and `to` to HEAD.
    Range {
        from: Option<String>,
        to: Option<String>,
        merge_base: bool,
    },
}

/// How a file's difference is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Patch,
    Stat,
    NameStatus,
    Word,
}

/// Where a page ended: before line `line` of the patch of `path`, or after all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    pub path: String,
    pub line: Option<usize>,
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    pub path: String,
    /// Old path of a renamed or copied file.
    pub from: Option<String>,
    pub change: Change,
    pub binary: bool,
    pub insertions: Option<usize>,
    pub deletions: Option<usize>,
    /// Octal, as git writes them, when they differ.
    pub modes: Option<(String, String)>,
    pub patch: String,
    /// The patch goes on on the next page.
    pub continued: bool,
}

/// One page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub items: Vec<FileDiff>,
    pub next: Option<After>,
}

/// What was compared, by whom.
pub enum Compared<'r> {
    Library(Diff<'r>),
    Program(Trees<'r>, Listed),
}

/// Everything that differs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub files: usize,
    /// Insertions and deletions, unless there are too many files to sum up.
    pub lines: Option<(usize, usize)>,
}

/// The commits on both sides, where there are any.
pub type Ends = (Option<Oid>, Option<Oid>);

/// Compares `sides`, detecting renames; where that is much work and the first `enough` files will do, no more of them. Returns the commits that were compared, to bind a cursor to them.
pub fn compare<'r>(
    repository: &'r Repository,
    git: Option<(&'r Program, &Lists)>,
    sides: &Sides,
    paths: &[RelPath],
    context: u32,
    enough: Option<usize>,
    stop: &dyn Fn() -> bool,
) -> Result<(Compared<'r>, Ends), Error> {
    let mut options = options(paths, context);
    let (mut diff, ends) = match sides {
        Sides::Unstaged => {
            let index = sparse::quiet_index(repository)?;
            let diff = repository.diff_index_to_workdir(Some(&index), Some(&mut options))?;
            (diff, (None, None))
        }
        Sides::Staged => {
            let head = name::head(repository)?;
            let tree = head.as_ref().map(git2::Commit::tree).transpose()?;
            let diff = repository.diff_tree_to_index(tree.as_ref(), None, Some(&mut options))?;
            (diff, (head.map(|head| head.id()), None))
        }
        Sides::Range {
            from,
            to,
            merge_base,
        } => {
            let (from, to) = range(repository, from.as_deref(), to.as_deref(), *merge_base)?;
            let old = from.as_ref().map(git2::Commit::tree).transpose()?;
            let new = to.tree()?;
            let diff =
                repository.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options))?;
            let ends = (from.map(|from| from.id()), Some(to.id()));
            if let (Some((git, lists)), Some(old)) = (git, &old)
                && is_rename_heavy(&diff)
            {
                let trees = Trees {
                    repository,
                    git,
                    old: old.id(),
                    new: new.id(),
                    context,
                };
                let all = trees.list(lists, paths, enough, stop)?;
                return Ok((Compared::Program(trees, all), ends));
            }
            (diff, ends)
        }
    };
    diff.find_similar(Some(DiffFindOptions::new().renames(true)))?;
    Ok((Compared::Library(diff), ends))
}

/// The commits of a range: `from` defaults to the first parent of `to`, and `to` to HEAD.
fn range<'r>(
    repository: &'r Repository,
    from: Option<&str>,
    to: Option<&str>,
    merge_base: bool,
) -> Result<(Option<Commit<'r>>, Commit<'r>), Error> {
    let to = name::commit(repository, to.unwrap_or("HEAD"))?;
    let from = match from {
        Some(from) => Some(name::commit(repository, from)?),
        None => to.parents().next(),
    };
    let from = match from {
        Some(from) if merge_base => {
            let base = super::found(repository.merge_base(from.id(), to.id()))?;
            base.map(|base| repository.find_commit(base)).transpose()?
        }
        from => from,
    };
    Ok((from, to))
}

fn options(paths: &[RelPath], context: u32) -> DiffOptions {
    let mut options = DiffOptions::new();
    options
        .context_lines(context)
        .include_typechange(true)
        .ignore_submodules(false)
        .indent_heuristic(true)
        .max_size(MAX_FILE)
        .disable_pathspec_match(true);
    for path in pathspec::of(paths) {
        options.pathspec(path);
    }
    options
}

/// Whether looking for renames means comparing many files with many.
fn is_rename_heavy(diff: &Diff<'_>) -> bool {
    let count = |wanted| {
        diff.deltas()
            .filter(|delta| delta.status() == wanted)
            .count()
    };
    count(Delta::Added) * count(Delta::Deleted) > MANY_PAIRS
}

impl Compared<'_> {
    pub fn backend(&self) -> Backend {
        match self {
            Self::Library(_) => Backend::Libgit2,
            Self::Program(..) => Backend::Git,
        }
    }

    /// Whether it knows all that differs, or the first files alone.
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Library(_) => true,
            Self::Program(_, listed) => listed.whole,
        }
    }

    /// How much differs in all, if it [is whole](Self::is_whole); with `lines` those are counted too, unless there are too many files.
    pub fn totals(&self, lines: bool) -> Result<Totals, Error> {
        match self {
            Self::Library(diff) => totals(diff, lines),
            Self::Program(_, listed) => Ok(Totals {
                files: listed.files.len(),
                lines: None,
            }),
        }
    }

    /// The files after `after`, at most `limit`.
    pub fn page(
        &self,
        format: Format,
        after: Option<&After>,
        limit: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<Page, Error> {
        match self {
            Self::Library(diff) => page(diff, format, after, limit, stop),
            Self::Program(trees, listed) => trees.page(&listed.files, format, after, limit, stop),
        }
    }
}

fn totals(diff: &Diff<'_>, lines: bool) -> Result<Totals, Error> {
    let files = diff.deltas().len();
    let lines = if lines && files <= MAX_SUMMED {
        let stats = diff.stats()?;
        Some((stats.insertions(), stats.deletions()))
    } else {
        None
    };
    Ok(Totals { files, lines })
}

/// The files after `after`, at most `limit`.
fn page(
    diff: &Diff<'_>,
    format: Format,
    after: Option<&After>,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Page, Error> {
    let mut page = Page::default();
    let mut room = PAGE_BYTES;
    for (index, delta) in diff.deltas().enumerate() {
        if stop() {
            return Err(Error::Stopped);
        }
        let path = path_of(&delta);
        let skip = match after {
            Some(after) if path < after.path => continue,
            Some(after) if path == after.path => match after.line {
                Some(line) => line,
                None => continue,
            },
            _ => 0,
        };
        let Some(mut item) = item(&delta) else {
            continue;
        };
        if page.items.len() == limit || (room == 0 && !page.items.is_empty()) {
            page.next = page.items.last().map(|last| After {
                path: last.path.clone(),
                line: None,
            });
            return Ok(page);
        }
        if format != Format::NameStatus {
            let text = fill(diff, index, format, &mut item)?;
            let (piece, used) = patch::piece(&text, skip, room);
            if used == 0 && !text.is_empty() && !page.items.is_empty() {
                page.next = page.items.last().map(|last| After {
                    path: last.path.clone(),
                    line: None,
                });
                return Ok(page);
            }
            room = room.saturating_sub(piece.len());
            item.continued = skip + used < text.lines().count();
            item.patch = piece;
        }
        room = room.saturating_sub(item.path.len() + 96);
        if item.continued {
            let line = skip + item.patch.lines().count();
            page.next = Some(After {
                path: item.path.clone(),
                line: Some(line),
            });
            page.items.push(item);
            return Ok(page);
        }
        page.items.push(item);
    }
    Ok(page)
}

/// Adds the counts to `item` and returns its patch in `format`, empty for binary files and `Stat`.
fn fill(
    diff: &Diff<'_>,
    index: usize,
    format: Format,
    item: &mut FileDiff,
) -> Result<String, Error> {
    let Some(mut patch) = Patch::from_diff(diff, index)? else {
        return Ok(String::new());
    };
    item.binary = patch.delta().flags().is_binary();
    if item.binary {
        return Ok(String::new());
    }
    let (_, insertions, deletions) = patch.line_stats()?;
    item.insertions = Some(insertions);
    item.deletions = Some(deletions);
    match format {
        Format::Patch => Ok(patch::as_git(shown(&patch.to_buf()?))),
        Format::Word => patch::words(&patch),
        Format::Stat | Format::NameStatus => Ok(String::new()),
    }
}

/// Deltas are sorted by this, byte by byte.
fn path_of(delta: &DiffDelta<'_>) -> String {
    let path = delta
        .new_file()
        .path_bytes()
        .or_else(|| delta.old_file().path_bytes());
    path.map(shown).unwrap_or_default()
}

fn item(delta: &DiffDelta<'_>) -> Option<FileDiff> {
    let change = Change::of_delta(delta.status())?;
    let moved = matches!(change, Change::Renamed | Change::Copied);
    let (old, new) = (delta.old_file(), delta.new_file());
    let both = !matches!(change, Change::Added | Change::Deleted | Change::Untracked)
        && old.mode() != new.mode();
    Some(FileDiff {
        path: path_of(delta),
        from: old.path_bytes().filter(|_| moved).map(shown),
        change,
        binary: delta.flags().is_binary(),
        insertions: None,
        deletions: None,
        modes: both.then(|| (octal(old.mode()), octal(new.mode()))),
        patch: String::new(),
        continued: false,
    })
}

fn octal(mode: FileMode) -> String {
    format!("{:06o}", u32::from(mode))
}
