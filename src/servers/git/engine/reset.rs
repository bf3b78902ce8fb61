//! Moving HEAD back, and files back to what they were.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::{Commit, Repository, ResetType, Tree};

use super::integrate::{state, tree};
use super::{Error, branch, name, shown, sparse, submodule};
use crate::base::beneath::{Beneath, RelPath};

/// What a reset takes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// HEAD alone: what was committed after it is staged then.
    Soft,
    /// HEAD and index: what was committed after it is in the files then.
    Mixed,
    /// HEAD, index and files: local changes are lost.
    Hard,
}

/// Moves HEAD's branch to `target`. With [`Mode::Hard`] what is being integrated is given up.
pub fn reset(repository: &Repository, target: &Commit<'_>, mode: Mode) -> Result<(), Error> {
    if mode != Mode::Hard {
        state::refuse(repository)?;
    } else if let Some(state) = state::load(repository)? {
        // A rebase has no branch under HEAD to move.
        if let (state::Kind::Rebase, Some(branch)) = (state.kind, &state.branch) {
            repository.set_head(&format!("refs/heads/{branch}"))?;
        }
    }
    match mode {
        Mode::Soft => repository.reset(target.as_object(), ResetType::Soft, None)?,
        Mode::Mixed => {
            keep_files(repository, Some(target), &[RelPath::root()])?;
            repository.reset(target.as_object(), ResetType::Mixed, None)?;
        }
        Mode::Hard => {
            branch::tree(repository, target.as_object(), true)?;
            sparse::tidy(repository)?;
            repository.reset(target.as_object(), ResetType::Soft, None)?;
            state::clear(repository)?;
        }
    }
    Ok(())
}

/// Takes `paths` out of what is staged: they are in the index as they are in HEAD. Returns how many changed.
pub fn unstage(repository: &Repository, paths: &[RelPath]) -> Result<usize, Error> {
    let head = name::head(repository)?;
    keep_files(repository, head.as_ref(), paths)?;
    restore_index(repository, head.as_ref(), paths)
}

/// Brings the files that are left out of the tree and staged at and below `paths`, before they are those of `source` in the
/// index: what was staged is in the files then.
pub fn keep_files(
    repository: &Repository,
    source: Option<&Commit<'_>>,
    paths: &[RelPath],
) -> Result<(), Error> {
    let source = source.map(Commit::tree).transpose()?;
    let mut staged = sparse::staged(repository, source.as_ref())?;
    staged.retain(|path| is_below(&shown(path), paths));
    sparse::bring_in(repository, staged)
}

/// Makes `paths` in the index those of `source`. Returns how many changed.
pub fn restore_index(
    repository: &Repository,
    source: Option<&Commit<'_>>,
    paths: &[RelPath],
) -> Result<usize, Error> {
    let source = source.map(Commit::tree).transpose()?;
    restore_index_of(repository, source.as_ref(), paths)
}

/// The same of a tree.
pub fn restore_index_of(
    repository: &Repository,
    source: Option<&Tree<'_>>,
    paths: &[RelPath],
) -> Result<usize, Error> {
    let mut index = repository.index()?;
    index.read(true)?;
    let diff = repository.diff_tree_to_index(source, Some(&index), None)?;
    let mut changed = 0;
    for delta in diff.deltas() {
        let named = delta
            .new_file()
            .path_bytes()
            .or_else(|| delta.old_file().path_bytes());
        let Some(path) = named.filter(|path| is_below(&shown(path), paths)) else {
            continue;
        };
        changed += 1;
        let at = Path::new(OsStr::from_bytes(path));
        let _ = index.conflict_remove(at);
        match source.and_then(|tree| tree.get_path(at).ok()) {
            Some(entry) => {
                let side = super::merge::Side {
                    id: entry.id(),
                    mode: entry.filemode().cast_unsigned(),
                };
                index.add(&tree::entry(path, &side, 0))?;
            }
            None => index.remove_path(at)?,
        }
    }
    if changed > 0 {
        super::add::save(&mut index)?;
    }
    Ok(changed)
}

/// Makes the files at and below `paths` those of `source`, or of the index: local changes are lost. Files that are in
/// neither stay. Returns the paths that were written or removed.
pub fn restore_files(
    repository: &Repository,
    files: &Beneath,
    source: Option<&Commit<'_>>,
    paths: &[RelPath],
) -> Result<Vec<String>, Error> {
    let mut index = repository.index()?;
    index.read(true)?;
    let mut wanted = match source {
        Some(source) => {
            let mut of_source = git2::Index::new()?;
            of_source.read_tree(&source.tree()?)?;
            of_source
        }
        None => repository.index()?,
    };
    let diff = repository.diff_index_to_workdir(Some(&wanted), None)?;
    let touched = diff
        .deltas()
        .filter_map(|delta| delta.new_file().path_bytes().map(<[u8]>::to_vec))
        .filter(|path| is_below(&shown(path), paths));
    let touched = sparse::asked_for(repository, touched.collect(), paths)?;
    let mut options = git2::build::CheckoutBuilder::new();
    options
        .force()
        .disable_pathspec_match(true)
        .update_index(source.is_none());
    let stays = |path: &Path| {
        wanted
            .get_path(path, 0)
            .is_some_and(|entry| submodule::is_link(&entry))
    };
    submodule::way::make_for(repository, &stays, Some(&touched))?;
    for path in &touched {
        tree::clear_way(&index, files, path)?;
        options.path(path.as_slice());
    }
    if !touched.is_empty() {
        repository.checkout_index(Some(&mut wanted), Some(&mut options))?;
    }
    Ok(touched.iter().map(|path| shown(path)).collect())
}

/// Whether `path` is one of `paths` or below one.
pub fn is_below(path: &str, paths: &[RelPath]) -> bool {
    paths.iter().any(|wanted| {
        let rest = path.strip_prefix(wanted.as_str());
        wanted.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether `path` names something in `source`, or in HEAD or the index.
pub fn is_known(
    repository: &Repository,
    source: Option<&Commit<'_>>,
    path: &RelPath,
) -> Result<bool, Error> {
    if path.is_root() {
        return Ok(true);
    }
    let at = Path::new(path.as_str());
    let head = match source {
        Some(source) => Some(source.clone()),
        None => name::head(repository)?,
    };
    if head
        .map(|head| head.tree())
        .transpose()?
        .is_some_and(|tree| tree.get_path(at).is_ok())
    {
        return Ok(true);
    }
    let index = repository.index()?;
    Ok(index.get_path(at, 0).is_some() || index.find_prefix(format!("{path}/")).is_ok())
}
