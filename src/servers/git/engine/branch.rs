//! Making branches and moving between them.

use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{
    Branch, CheckoutNotificationType, Commit, ErrorCode, Index, Object, ObjectType, Oid,
    Repository, Tree,
};

use super::integrate::state;
use super::sparse::{self, Part, Paths};
use super::{Error, name, reset, shown, submodule};
use crate::base::beneath::{Beneath, Kind, RelPath};
use crate::base::ids::AgentId;
use crate::project::workspace::sparse::Cone;
use crate::project::workspace::{branch_holder, default_branch};

/// Most conflicting paths that are listed.
const MAX_LISTED: usize = 50;

/// Where HEAD is after a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// `None` when detached.
    pub branch: Option<String>,
    pub commit: Oid,
}

/// Makes the branch `name` at `from` (a revision, or HEAD).
pub fn create<'r>(
    repository: &'r Repository,
    name: &str,
    from: Option<&str>,
    agent: &AgentId,
) -> Result<Commit<'r>, Error> {
    name::check_branch(name)?;
    name::check_own(name, agent)?;
    if name::branch(repository, name)?.is_some() {
        return Err(Error::BranchExists(name.to_owned()));
    }
    let commit = name::commit(repository, from.unwrap_or("HEAD"))?;
    match repository.branch(name, &commit, false) {
        Ok(_) => Ok(commit),
        // `a` and `a/b` cannot both be branches.
        Err(_) if has_relative(repository, name)? => Err(Error::BranchExists(name.to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// Gives the branch `from` the name `to`; whoever is on it stays on it.
pub fn rename(
    repository: &Repository,
    from: &str,
    to: &str,
    agent: &AgentId,
) -> Result<Oid, Error> {
    name::check_branch(to)?;
    name::check_own(to, agent)?;
    let mut branch = own(repository, from, agent)?;
    if name::branch(repository, to)?.is_some() || has_relative(repository, to)? {
        return Err(Error::BranchExists(to.to_owned()));
    }
    check_free(repository, from, agent)?;
    let on_it = name::head_branch(repository)?.as_deref() == Some(from);
    let renamed = branch.rename(to, false)?;
    let commit = renamed.get().peel_to_commit()?.id();
    if on_it {
        repository.set_head(&format!("refs/heads/{to}"))?;
    }
    Ok(commit)
}

/// Deletes the branch; where it was.
///
/// # Errors
/// [`Error::Unmerged`] when its commits are on no other branch, unless `force`.
pub fn delete(
    repository: &Repository,
    name: &str,
    agent: &AgentId,
    force: bool,
) -> Result<Oid, Error> {
    let mut branch = own(repository, name, agent)?;
    check_free(repository, name, agent)?;
    if name::head_branch(repository)?.as_deref() == Some(name) {
        return Err(Error::BranchBusy {
            branch: name.to_owned(),
            holder: agent.to_string(),
        });
    }
    let commit = branch.get().peel_to_commit()?.id();
    if !force {
        let mut walk = repository.revwalk()?;
        walk.push(commit)?;
        for other in repository.branches(None)? {
            let other = other?.0;
            if other.get().name_bytes() != branch.get().name_bytes()
                && let Some(id) = other.get().target()
            {
                walk.hide(id)?;
            }
        }
        let commits = walk.count();
        if commits > 0 {
            return Err(Error::Unmerged {
                branch: name.to_owned(),
                commits,
            });
        }
    }
    branch.delete()?;
    Ok(commit)
}

/// A branch that `agent` may rename or delete: there, not the default branch, not another agent's.
fn own<'r>(repository: &'r Repository, name: &str, agent: &AgentId) -> Result<Branch<'r>, Error> {
    let branch = name::branch(repository, name)?.ok_or_else(|| Error::NoBranch(name.to_owned()))?;
    name::check_own(name, agent)?;
    if name == default_branch(repository)? {
        return Err(Error::DefaultBranch(name.to_owned()));
    }
    Ok(branch)
}

/// Takes back a branch that was just made.
pub fn remove(repository: &Repository, name: &str) -> Result<(), Error> {
    match name::branch(repository, name)? {
        Some(mut branch) => Ok(branch.delete()?),
        None => Ok(()),
    }
}

/// Whether a branch above or below `name` in its path is in the way.
fn has_relative(repository: &Repository, name: &str) -> Result<bool, Error> {
    let below = repository
        .references_glob(&format!("refs/heads/{name}/*"))?
        .next()
        .is_some();
    let above = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
    let mut above = above.map(|part| repository.find_reference(&format!("refs/heads/{part}")));
    Ok(below || above.any(|found| found.is_ok()))
}

/// Checks out the branch `target`, or, detached, the commit that it names.
///
/// # Errors
/// [`Error::LocalChanges`] when files differ from HEAD and the target too, unless `force`; [`Error::BranchBusy`] when
/// another agent has the branch.
pub fn checkout(
    repository: &Repository,
    target: &str,
    agent: &AgentId,
    force: bool,
) -> Result<At, Error> {
    state::refuse(repository)?;
    let branch = match name::check_branch(target) {
        Ok(()) => name::branch(repository, target)?,
        Err(_) => None,
    };
    let Some(branch) = branch else {
        // No agent waits on the default branch for its first commit: see the workspaces' first use.
        if name::head(repository)?.is_none() && target == default_branch(repository)? {
            return Err(Error::Unborn);
        }
        let commit = name::commit(repository, target)?;
        tree(repository, commit.as_object(), force)?;
        repository.set_head_detached(commit.id())?;
        sparse::tidy(repository)?;
        return Ok(At {
            branch: None,
            commit: commit.id(),
        });
    };
    check_free(repository, target, agent)?;
    let commit = branch.get().peel_to_commit()?;
    tree(repository, commit.as_object(), force)?;
    repository.set_head(&format!("refs/heads/{target}"))?;
    sparse::tidy(repository)?;
    Ok(At {
        branch: Some(target.to_owned()),
        commit: commit.id(),
    })
}

fn check_free(repository: &Repository, branch: &str, agent: &AgentId) -> Result<(), Error> {
    match branch_holder(repository, branch, agent)? {
        Some(holder) => Err(Error::BranchBusy {
            branch: branch.to_owned(),
            holder,
        }),
        None => Ok(()),
    }
}

/// Removes links that are where `tree` has directories: a forced checkout of libgit2 would write through them. A link
/// that the index knows is left to it, which removes that itself.
fn clear_links(
    repository: &Repository,
    index: &Index,
    files: &Beneath,
    tree: &Tree<'_>,
    at: &RelPath,
) -> Result<(), Error> {
    for entry in tree
        .iter()
        .filter(|entry| entry.kind() == Some(ObjectType::Tree))
    {
        // What cannot be a path here cannot be checked out either.
        let Some(path) = entry.name().ok().and_then(|name| at.join(name).ok()) else {
            continue;
        };
        match files.kind(&path) {
            Ok(Kind::Symlink) if index.get_path(Path::new(path.as_str()), 0).is_none() => {
                files.remove(&path)?;
            }
            Ok(Kind::Directory) => {
                clear_links(
                    repository,
                    index,
                    files,
                    &repository.find_tree(entry.id())?,
                    &path,
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Makes the tree and the index those of `target`, a commit or tree, keeping local changes that are not in the way.
pub fn tree(repository: &Repository, target: &Object<'_>, force: bool) -> Result<(), Error> {
    if force && let Some(top) = repository.workdir() {
        let (files, index) = (Beneath::open(top)?, repository.index()?);
        clear_links(
            repository,
            &index,
            &files,
            &target.peel_to_tree()?,
            &RelPath::root(),
        )?;
    }
    if !force {
        return bring(repository, target, How::Safe);
    }
    bring(repository, target, How::Force)?;
    // libgit2 leaves an entry alone whose file is as it should be.
    reset::restore_index_of(
        repository,
        Some(&target.peel_to_tree()?),
        &[RelPath::root()],
    )?;
    Ok(())
}

/// Makes the files those of `target`, where they differ from HEAD; the index stays. Local changes that are not in the way
/// are kept.
pub fn files(repository: &Repository, target: &Object<'_>) -> Result<(), Error> {
    bring(repository, target, How::FilesAlone)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Force,
    Safe,
    FilesAlone,
}

fn bring(repository: &Repository, target: &Object<'_>, how: How) -> Result<(), Error> {
    if Cone::read(repository)?.is_none() {
        return check_out(repository, target, how, None);
    }
    let tree = target.peel_to_tree()?;
    let paths = sparse::differing(repository, &tree, how == How::Force)?;
    if how == How::FilesAlone {
        // What somebody put aside comes back, wherever it was.
        sparse::bring_in(repository, paths.clone())?;
        let part = Part::whole(paths);
        return part.check_out(|here| check_out(repository, target, how, Some(here)));
    }
    let part = Part::of(repository, paths)?;
    if how == How::Safe {
        part.refuse_staged(repository, &tree)?;
    }
    part.check_out(|here| check_out(repository, target, how, Some(here)))?;
    part.note(repository, &tree)
}

fn check_out(
    repository: &Repository,
    target: &Object<'_>,
    how: How,
    paths: Option<&Paths>,
) -> Result<(), Error> {
    let mut conflicts = Vec::new();
    let mut options = CheckoutBuilder::new();
    match how {
        How::Force => options.force(),
        How::Safe => options.safe(),
        How::FilesAlone => options.safe().update_index(false),
    };
    if let Some(paths) = paths {
        options.disable_pathspec_match(true);
        for path in paths {
            options.path(path.as_slice());
        }
    }
    options.notify_on(CheckoutNotificationType::CONFLICT);
    options.notify(|_, path, _, _, _| {
        if conflicts.len() < MAX_LISTED {
            conflicts.extend(path.map(|path| shown(path.as_os_str().as_encoded_bytes())));
        }
        true
    });
    submodule::way::make(repository, &target.peel_to_tree()?, paths)?;
    let done = repository.checkout_tree(target, Some(&mut options));
    drop(options);
    match done {
        Err(error) if error.code() == ErrorCode::Conflict => Err(Error::LocalChanges(conflicts)),
        done => Ok(done?),
    }
}
