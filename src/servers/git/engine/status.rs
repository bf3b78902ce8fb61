//! What differs between HEAD, the index and the tree.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use git2::{Delta, DiffOptions, FileMode, Index, Repository, Status, StatusEntry, StatusOptions};
use schemars::JsonSchema;
use serde::Serialize;

use super::reset::is_below;
use super::{Backend, Error, name, pathspec, porcelain, shown, sparse, submodule};
use crate::base::beneath::RelPath;
use crate::servers::git::cli::Program;

/// How a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Change {
    Added,
    Modified,
    Deleted,
    Renamed,
    Copied,
    /// File, link or submodule became another of these.
    Typechange,
    Untracked,
    Conflicted,
    Unreadable,
}

impl Change {
    /// `None` for what is no change.
    pub fn of_delta(delta: Delta) -> Option<Self> {
        Some(match delta {
            Delta::Added => Self::Added,
            Delta::Deleted => Self::Deleted,
            Delta::Modified => Self::Modified,
            Delta::Renamed => Self::Renamed,
            Delta::Copied => Self::Copied,
            Delta::Untracked => Self::Untracked,
            Delta::Typechange => Self::Typechange,
            Delta::Unreadable => Self::Unreadable,
            Delta::Conflicted => Self::Conflicted,
            Delta::Unmodified | Delta::Ignored => return None,
        })
    }
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub path: String,
    /// Index against HEAD: what the next commit takes.
    pub staged: Option<Change>,
    /// Tree against index.
    pub unstaged: Option<Change>,
    /// Old path of a staged rename.
    pub from: Option<String>,
}

/// Files in the index above which the git program is asked, if it is there: before that, starting it costs more.
const MANY_FILES: u32 = 2000;

/// Every file that differs, untracked ones too, and who looked. With the tree's lock, the program `may_write` what it
/// learned of the files' times into the index.
pub fn all(
    repository: &Repository,
    git: Option<&Program>,
    paths: &[RelPath],
    may_write: bool,
    stop: &dyn Fn() -> bool,
) -> Result<(Vec<Item>, Backend), Error> {
    // The program sees what the index on the disk says.
    let unsaved = sparse::settle(repository, may_write)?;
    match git {
        Some(git) if !unsaved && files(repository)? > MANY_FILES => {
            let items = porcelain::status(repository, git, paths, may_write, stop)?;
            Ok((with_links(repository, paths, items)?, Backend::Git))
        }
        _ => Ok((status(repository, paths, true)?, Backend::Libgit2)),
    }
}

/// How many files the index on the disk has, by its header (gitformat-index): to read a large one whole takes libgit2 longer than
/// all else that is done here beside the program.
fn files(repository: &Repository) -> io::Result<u32> {
    let mut header = [0; 12];
    let read = File::open(repository.path().join("index"))
        .and_then(|mut index| index.read_exact(&mut header));
    match (read, header) {
        (Ok(()), [b'D', b'I', b'R', b'C', _, _, _, _, count @ ..]) => Ok(u32::from_be_bytes(count)),
        // libgit2 says what is wrong with it.
        (Ok(()), _) => Ok(0),
        (Err(error), _)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) =>
        {
            Ok(0)
        }
        (Err(error), _) => Err(error),
    }
}

/// Every file that differs, by path; below `paths` when there are any.
pub fn status(
    repository: &Repository,
    paths: &[RelPath],
    untracked: bool,
) -> Result<Vec<Item>, Error> {
    sparse::settle(repository, false)?;
    let mut options = StatusOptions::new();
    options
        .include_untracked(untracked)
        .recurse_untracked_dirs(untracked)
        .renames_head_to_index(true)
        .exclude_submodules(true)
        .include_unreadable(true)
        .sort_case_sensitively(true)
        .disable_pathspec_match(true);
    for path in pathspec::of(paths) {
        options.pathspec(path);
    }
    let statuses = repository.statuses(Some(&mut options))?;
    let index = repository.index()?;
    let items = statuses.iter().filter_map(|entry| item(&index, &entry));
    let mut items: Vec<Item> = items.collect();
    items.sort_by(|a, b| a.path.cmp(&b.path));
    with_links(repository, paths, items)
}

/// `items` with the submodules of which something is staged: neither of the two is asked for them, because both would look for a
/// repository among the files.
fn with_links(
    repository: &Repository,
    paths: &[RelPath],
    mut items: Vec<Item>,
) -> Result<Vec<Item>, Error> {
    let head = name::head(repository)?
        .map(|head| head.tree())
        .transpose()?;
    let file = Path::new(submodule::FILE);
    let of_head = head
        .as_ref()
        .is_some_and(|head| head.get_path(file).is_ok());
    // What HEAD does not have is among the items if it is staged, unless nobody asked for it.
    let may_be_staged = !paths.is_empty() || items.iter().any(|item| item.path == submodule::FILE);
    if !of_head && !may_be_staged {
        return Ok(items);
    }
    let index = repository.index()?;
    if !of_head && index.get_path(file, 0).is_none() {
        return Ok(items);
    }
    let mut options = DiffOptions::new();
    options.include_typechange(true);
    let diff = repository.diff_tree_to_index(head.as_ref(), Some(&index), Some(&mut options))?;
    for delta in diff.deltas() {
        let (old, new) = (delta.old_file(), delta.new_file());
        let is_link = [&old, &new]
            .iter()
            .any(|side| side.mode() == FileMode::Commit);
        let path = new.path_bytes().or(old.path_bytes()).map(shown);
        let (true, Some(path)) = (is_link, path) else {
            continue;
        };
        if !paths.is_empty() && !is_below(&path, paths) {
            continue;
        }
        let staged = Change::of_delta(delta.status());
        match items.binary_search_by(|item| item.path.cmp(&path)) {
            Ok(at) => {
                if let Some(item) = items.get_mut(at) {
                    item.staged = item.staged.or(staged);
                }
            }
            Err(at) => items.insert(
                at,
                Item {
                    path,
                    staged,
                    unstaged: None,
                    from: None,
                },
            ),
        }
    }
    Ok(items)
}

fn item(index: &Index, entry: &StatusEntry<'_>) -> Option<Item> {
    let mut status = entry.status();
    // libgit2 takes it for deleted.
    if status.contains(Status::WT_DELETED) && sparse::is_left_out(index, entry.path_bytes()) {
        status -= Status::WT_DELETED;
    }
    let staged = staged(status);
    let unstaged = unstaged(status);
    if staged.is_none() && unstaged.is_none() {
        return None;
    }
    let renamed = entry
        .head_to_index()
        .filter(|_| staged == Some(Change::Renamed));
    let old = renamed
        .as_ref()
        .and_then(|delta| delta.old_file().path_bytes());
    let new = renamed
        .as_ref()
        .and_then(|delta| delta.new_file().path_bytes());
    Some(Item {
        path: shown(new.unwrap_or_else(|| entry.path_bytes())),
        staged,
        unstaged,
        from: old.map(shown),
    })
}

fn staged(status: Status) -> Option<Change> {
    [
        (Status::INDEX_NEW, Change::Added),
        (Status::INDEX_DELETED, Change::Deleted),
        (Status::INDEX_RENAMED, Change::Renamed),
        (Status::INDEX_TYPECHANGE, Change::Typechange),
        (Status::INDEX_MODIFIED, Change::Modified),
    ]
    .into_iter()
    .find_map(|(flag, change)| status.contains(flag).then_some(change))
}

fn unstaged(status: Status) -> Option<Change> {
    [
        (Status::CONFLICTED, Change::Conflicted),
        (Status::WT_NEW, Change::Untracked),
        (Status::WT_DELETED, Change::Deleted),
        (Status::WT_TYPECHANGE, Change::Typechange),
        (Status::WT_MODIFIED, Change::Modified),
    ]
    .into_iter()
    .find_map(|(flag, change)| status.contains(flag).then_some(change))
}
