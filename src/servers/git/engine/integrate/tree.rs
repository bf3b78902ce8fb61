//! The agent's tree during an integration: clean changes checked out, conflicts shown, all of it taken back.

use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{Commit, Index, IndexEntry, IndexTime, Repository, Tree};

use super::super::merge::{self, Conflict, Side};
use super::super::sparse::{self, Part, Paths};
use super::super::{Error, add, branch, shown, submodule, written};
use crate::base::beneath::{
    Beneath, Durability, Error as FileError, Existing, Kind, Links, RelPath,
};

/// Refuses while something is staged: it would become part of what is integrated.
pub fn refuse_staged(repository: &Repository) -> Result<(), Error> {
    let head = repository.head()?.peel_to_tree()?;
    let diff = repository.diff_tree_to_index(Some(&head), None, None)?;
    let paths: Vec<String> = diff
        .deltas()
        .filter_map(|delta| delta.new_file().path_bytes().map(shown))
        .take(50)
        .collect();
    if paths.is_empty() {
        Ok(())
    } else {
        Err(Error::Staged(paths))
    }
}

/// Brings what merged cleanly in `merged` into tree and index, which are those of HEAD, and shows the rest as
/// conflicts: markers in the files, three versions in the index.
///
/// # Errors
/// Before anything is changed: [`Error::LocalChanges`] when a file in conflict differs from HEAD,
/// [`Error::ThroughLink`], [`Error::Unsafe`] for a file against a directory.
pub fn show(
    repository: &Repository,
    files: &Beneath,
    merged: &mut Index,
    labels: (&str, &str),
) -> Result<(), Error> {
    let conflicts = merge::conflicts(merged)?;
    let shown = conflicts.iter().filter(|conflict| conflict.ours.is_some());
    let shown = shown.map(|conflict| conflict.path.clone().into_bytes());
    sparse::bring_in(repository, shown.collect())?;
    let mut texts = Vec::with_capacity(conflicts.len());
    for conflict in &conflicts {
        check(repository, files, conflict)?;
        texts.push(merge::marked(repository, conflict, labels.0, labels.1)?);
    }
    // Our side stands in for what conflicts, so that one checkout brings in all the rest.
    for conflict in &conflicts {
        let path = Path::new(&conflict.path);
        merged.conflict_remove(path)?;
        if merged.find_prefix(format!("{}/", conflict.path)).is_ok() {
            return Err(Error::Unsafe(format!(
                "{} is a file on one side and a directory on the other: rename one of them first",
                conflict.path
            )));
        }
        if let Some(ours) = &conflict.ours {
            merged.add(&entry(&conflict.path, ours, 0))?;
        }
    }
    let head = repository.head()?.peel_to_tree()?;
    let clean = repository.find_tree(written::tree(repository, merged, Some(&head))?)?;
    branch::tree(repository, clean.as_object(), false)?;
    for (conflict, text) in conflicts.iter().zip(&texts) {
        put(repository, files, conflict, text.as_deref())?;
    }
    let mut index = repository.index()?;
    index.read(true)?;
    for conflict in &conflicts {
        let path = Path::new(&conflict.path);
        if index.get_path(path, 0).is_some() {
            index.remove(path, 0)?;
        }
        for (stage, side) in [
            (1, &conflict.base),
            (2, &conflict.ours),
            (3, &conflict.theirs),
        ] {
            if let Some(side) = side {
                index.add(&entry(&conflict.path, side, stage))?;
            }
        }
    }
    add::save(&mut index)
}

/// Refuses a conflict whose file cannot be written, or holds what would be lost.
fn check(repository: &Repository, files: &Beneath, conflict: &Conflict) -> Result<(), Error> {
    let path = path(conflict)?;
    match files.directory(&path.parent(), Links::Refuse) {
        Ok(_) | Err(FileError::NotFound) => {}
        Err(FileError::Symlink) => return Err(Error::ThroughLink(conflict.path.clone())),
        Err(_) => return Err(Error::LocalChanges(vec![conflict.path.clone()])),
    }
    let there = match files.kind(&path) {
        Ok(kind) => Some(kind),
        Err(FileError::NotFound) => None,
        Err(other) => return Err(other.into()),
    };
    let same = match (&conflict.ours, there) {
        (None, None) => true,
        (Some(ours), Some(Kind::File)) if ours.mode & 0o170_000 == 0o100_000 => {
            // By way of the index, so that line endings and filters count as they do in status.
            let status = repository.status_file(Path::new(&conflict.path))?;
            !status.intersects(git2::Status::WT_MODIFIED | git2::Status::WT_TYPECHANGE)
        }
        (Some(ours), Some(Kind::Symlink)) => ours.mode & 0o170_000 == 0o120_000,
        _ => false,
    };
    if same {
        Ok(())
    } else {
        Err(Error::LocalChanges(vec![conflict.path.clone()]))
    }
}

/// Puts what a conflict leaves into its file: the marked text, or the side that is there.
fn put(
    repository: &Repository,
    files: &Beneath,
    conflict: &Conflict,
    text: Option<&[u8]>,
) -> Result<(), Error> {
    let path = path(conflict)?;
    if let Some(text) = text {
        return write(files, &path, text);
    }
    // Ours is in the tree already.
    match (&conflict.ours, &conflict.theirs) {
        (None, Some(theirs)) => put_side(repository, files, &path, theirs),
        _ => Ok(()),
    }
}

/// Writes a file or link as `side` has it; a submodule is left out.
pub fn put_side(
    repository: &Repository,
    files: &Beneath,
    path: &RelPath,
    side: &Side,
) -> Result<(), Error> {
    match side.mode & 0o170_000 {
        0o100_000 => {
            write(files, path, repository.find_blob(side.id)?.content())?;
            set_executable(files, path, side.mode == 0o100_755)
        }
        0o120_000 => {
            let blob = repository.find_blob(side.id)?;
            let target =
                std::str::from_utf8(blob.content()).map_err(|_| unwritable(path.as_str()))?;
            files.create_directories(&path.parent(), Durability::Cached)?;
            let name = RelPath::parse(path.name().unwrap_or_default())
                .map_err(|_| unwritable(path.as_str()))?;
            Ok(files
                .directory(&path.parent(), Links::Refuse)?
                .make_link(&name, target)?)
        }
        _ => Ok(()),
    }
}

pub fn write(files: &Beneath, path: &RelPath, content: &[u8]) -> Result<(), Error> {
    files.create_directories(&path.parent(), Durability::Cached)?;
    Ok(files.write(path, content, Existing::Replace, Durability::Synced)?)
}

fn path(conflict: &Conflict) -> Result<RelPath, Error> {
    // A name that is no text was made one to show it.
    let text = Some(conflict.path.as_str()).filter(|path| !path.contains('\u{fffd}'));
    let path = text.and_then(|text| RelPath::parse(text).ok());
    path.ok_or_else(|| unwritable(&conflict.path))
}

/// Gives the file the mode bits of an executable, or takes them.
pub fn set_executable(files: &Beneath, path: &RelPath, executable: bool) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let (file, stat) = files.file(path)?;
    let read = stat.st_mode & 0o444;
    let mode = if executable {
        stat.st_mode | (read >> 2)
    } else {
        stat.st_mode & !0o111
    };
    if mode == stat.st_mode {
        return Ok(());
    }
    Ok(file.set_permissions(std::fs::Permissions::from_mode(mode & 0o777))?)
}

/// An index entry of which only the content is known.
pub fn entry(path: impl AsRef<[u8]>, side: &Side, stage: u16) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: side.mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: side.id,
        flags: stage << 12,
        flags_extended: 0,
        path: path.as_ref().to_vec(),
    }
}

/// Makes tree and index those of `target` wherever the index, or the tree of HEAD, differs from it. Other local changes
/// stay.
pub fn take_back(
    repository: &Repository,
    files: &Beneath,
    target: &Commit<'_>,
) -> Result<(), Error> {
    let wanted = target.tree()?;
    let mut paths = Paths::new();
    let mut index = repository.index()?;
    index.read(true)?;
    let diffs = [
        repository.diff_tree_to_index(Some(&wanted), Some(&index), None)?,
        repository.diff_tree_to_tree(
            Some(&wanted),
            Some(&repository.head()?.peel_to_tree()?),
            None,
        )?,
    ];
    for delta in diffs.iter().flat_map(git2::Diff::deltas) {
        let both = [delta.old_file(), delta.new_file()];
        paths.extend(
            both.iter()
                .filter_map(|file| file.path_bytes().map(<[u8]>::to_vec)),
        );
    }
    for conflict in merge::conflicts(&index)? {
        index.conflict_remove(Path::new(&conflict.path))?;
        if let Some(ours) = &conflict.ours {
            index.add(&entry(&conflict.path, ours, 0))?;
        }
        // What only they had lies in the tree without being in the index: a checkout would take it for the agent's own.
        if conflict.ours.is_none()
            && let Ok(path) = RelPath::parse(&conflict.path)
        {
            let gone = files.remove(&path);
            if let Err(error) = gone
                && !matches!(error, FileError::NotFound | FileError::NotADirectory)
            {
                return Err(error.into());
            }
        }
        paths.insert(conflict.path.into_bytes());
    }
    add::save(&mut index)?;
    force(repository, files, &wanted, paths)
}

/// Makes these paths of tree and index those of `tree`, whatever is there.
fn force(
    repository: &Repository,
    files: &Beneath,
    tree: &Tree<'_>,
    paths: Paths,
) -> Result<(), Error> {
    let part = Part::of(repository, paths)?;
    let index = repository.index()?;
    part.check_out(|here| {
        submodule::way::make(repository, tree, Some(here))?;
        let mut options = CheckoutBuilder::new();
        options.force().disable_pathspec_match(true);
        for path in here {
            clear_way(&index, files, path)?;
            options.path(path.as_slice());
        }
        Ok(repository.checkout_tree(tree.as_object(), Some(&mut options))?)
    })?;
    part.note(repository, tree)
}

/// Removes links on the way to `path` that the index does not know: a forced checkout would write through them.
pub fn clear_way(index: &Index, files: &Beneath, path: &[u8]) -> Result<(), Error> {
    let Some(end) = path.iter().rposition(|byte| *byte == b'/') else {
        return Ok(());
    };
    let above = path
        .get(..end)
        .and_then(|above| std::str::from_utf8(above).ok());
    let above = above.ok_or_else(|| unwritable(&shown(path)))?;
    let mut at = RelPath::root();
    for part in above.split('/') {
        at = at.join(part).map_err(|_| unwritable(&shown(path)))?;
        match files.kind(&at) {
            Ok(Kind::Symlink) if index.get_path(Path::new(at.as_str()), 0).is_none() => {
                return Ok(files.remove(&at)?);
            }
            Ok(Kind::Directory) => {}
            _ => return Ok(()),
        }
    }
    Ok(())
}

fn unwritable(path: &str) -> Error {
    Error::Unsafe(format!("{path:?} is not a name that can be written here"))
}
