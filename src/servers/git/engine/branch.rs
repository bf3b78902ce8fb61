//! Making branches and moving between them.

use git2::build::CheckoutBuilder;
use git2::{CheckoutNotificationType, Commit, ErrorCode, Oid, Repository};

use super::{Error, name, shown};
use crate::base::ids::AgentId;
use crate::project::workspace::{branch_holder, default_branch};

/// Most conflicting paths that are listed.
const MAX_LISTED: usize = 50;

/// Where HEAD is after a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// `None` when detached.
    pub branch: Option<String>,
    /// `None` on an unborn branch.
    pub commit: Option<Oid>,
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
    let branch = match name::check_branch(target) {
        Ok(()) => name::branch(repository, target)?,
        Err(_) => None,
    };
    let Some(branch) = branch else {
        if name::head(repository)?.is_none() && target == default_branch(repository)? {
            return to_unborn(repository, target, agent);
        }
        let commit = name::commit(repository, target)?;
        tree(repository, &commit, force)?;
        repository.set_head_detached(commit.id())?;
        return Ok(At {
            branch: None,
            commit: Some(commit.id()),
        });
    };
    check_free(repository, target, agent)?;
    let commit = branch.get().peel_to_commit()?;
    tree(repository, &commit, force)?;
    repository.set_head(&format!("refs/heads/{target}"))?;
    Ok(At {
        branch: Some(target.to_owned()),
        commit: Some(commit.id()),
    })
}

fn to_unborn(repository: &Repository, branch: &str, agent: &AgentId) -> Result<At, Error> {
    check_free(repository, branch, agent)?;
    repository.set_head(&format!("refs/heads/{branch}"))?;
    Ok(At {
        branch: Some(branch.to_owned()),
        commit: None,
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

/// Makes the tree and the index those of `commit`, keeping local changes that are not in the way.
fn tree(repository: &Repository, commit: &Commit<'_>, force: bool) -> Result<(), Error> {
    let mut conflicts = Vec::new();
    let mut options = CheckoutBuilder::new();
    if force {
        options.force();
    } else {
        options.safe();
    }
    options.notify_on(CheckoutNotificationType::CONFLICT);
    options.notify(|_, path, _, _, _| {
        if conflicts.len() < MAX_LISTED {
            conflicts.extend(path.map(|path| shown(path.as_os_str().as_encoded_bytes())));
        }
        true
    });
    let done = repository.checkout_tree(commit.as_object(), Some(&mut options));
    drop(options);
    match done {
        Err(error) if error.code() == ErrorCode::Conflict => Err(Error::LocalChanges(conflicts)),
        done => Ok(done?),
    }
}
