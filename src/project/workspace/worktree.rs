//! An agent's linked worktree, without the `.git` file that git itself would put into it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{BranchType, ErrorCode, Repository, Tree};

use super::repository::{default_branch, open, sync_directory};
use super::sparse::{self, Cone, Sight};
use super::{Error, TreeId, layout};
use crate::base::ids::AgentId;

/// Lies in an admin directory until its tree was checked out, so that an interrupted first use is repeated.
const UNFINISHED: &str = "syndarix-unfinished";
/// Lies there while the default branch has no commit: the tree is filled when it gets its first, unless the agent made
/// that one itself. Otherwise the histories of two agents would begin apart.
const UNBORN: &str = "syndarix-unborn";

/// Checks a tree out into an empty worktree, for those who know a faster way than libgit2's.
pub type Filler<'f> = &'f dyn Fn(&Repository, &Tree<'_>) -> io::Result<()>;

/// The branch an agent starts on.
pub fn agent_branch(agent: &AgentId) -> String {
    format!("agent/{agent}/work")
}

/// The agent in whose tree the branch `refs/heads/<branch>` is checked out, other than `except`.
pub fn branch_holder(
    repository: &Repository,
    branch: &str,
    except: &AgentId,
) -> Result<Option<String>, Error> {
    let holders = branch_holders(repository, branch)?;
    Ok(holders.into_iter().find(|name| name != except.as_str()))
}

/// The agents in whose trees the branch `refs/heads/<branch>` is checked out.
///
/// Read from the admin directories, because libgit2 finds other worktrees by the `.git` file that ours do not have.
pub fn branch_holders(repository: &Repository, branch: &str) -> Result<Vec<String>, Error> {
    let wanted = format!("ref: refs/heads/{branch}");
    let listing = match fs::read_dir(repository.commondir().join("worktrees")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut holders = Vec::new();
    for entry in listing {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let held = fs::read_to_string(entry.path().join("HEAD"))
            .is_ok_and(|head| head.trim_end() == wanted);
        if held {
            holders.push(name);
        }
    }
    Ok(holders)
}

pub(super) fn is_ready(admin: &Path) -> bool {
    let marked = |name| admin.join(name).exists();
    admin.join("HEAD").is_file() && !marked(UNFINISHED) && !marked(UNBORN)
}

/// Makes the admin directory and fills the tree from the default branch. What lies in the tree already stays as it is
/// and shows as modified or untracked. May be repeated after a crash at any point. The caller holds the repository's lock.
pub(super) fn create(
    bare: &Path,
    admin: &Path,
    tree: &Path,
    id: &TreeId,
    filler: Option<Filler<'_>>,
) -> Result<(), Error> {
    if !admin.join("HEAD").is_file() {
        stage(bare, admin, id)?;
    }
    let repository = open(admin, bare)?;
    let branch = agent_branch(&id.agent);
    let base = match repository.find_branch(&default_branch(&repository)?, BranchType::Local) {
        Ok(default) => Some(default.get().peel_to_commit()?),
        Err(error) if error.code() == ErrorCode::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let Some(base) = base else {
        mark(admin, UNBORN)?;
        return unmark(admin, UNFINISHED);
    };
    let started = repository.find_branch(&branch, BranchType::Local).is_ok();
    if !started || admin.join(UNFINISHED).exists() {
        mark(admin, UNFINISHED)?;
        if !started {
            repository.branch(&branch, &base, false)?;
        }
        fill(&repository, tree, filler)?;
    }
    unmark(admin, UNBORN)?;
    unmark(admin, UNFINISHED)
}

fn mark(admin: &Path, name: &str) -> Result<(), Error> {
    if !admin.join(name).exists() {
        fs::write(admin.join(name), "")?;
        sync_directory(admin)?;
    }
    Ok(())
}

fn unmark(admin: &Path, name: &str) -> Result<(), Error> {
    match fs::remove_file(admin.join(name)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => sync_directory(admin),
    }
}

/// The admin directory, complete before it gets its name.
fn stage(bare: &Path, admin: &Path, id: &TreeId) -> Result<(), Error> {
    let staged = bare.join(format!("new-worktree-{}", id.agent));
    let _ = fs::remove_dir_all(&staged);
    fs::create_dir_all(&staged)?;
    fs::write(
        staged.join("HEAD"),
        format!("ref: refs/heads/{}\n", agent_branch(&id.agent)),
    )?;
    fs::write(staged.join("commondir"), "../..\n")?;
    // libgit2 looks for the boundary of a shallow clone here only, git beside the objects only.
    std::os::unix::fs::symlink("../../shallow", staged.join("shallow"))?;
    fs::write(staged.join("gitdir"), layout::gitdir_entry(id))?;
    // Without a `.git` file in the tree, `git worktree prune` would take it for abandoned.
    fs::write(
        staged.join("locked"),
        "the tree has no .git file by design\n",
    )?;
    fs::write(staged.join(UNFINISHED), "")?;
    let worktrees = bare.join("worktrees");
    fs::create_dir_all(&worktrees)?;
    if admin.exists() {
        fs::remove_dir_all(admin)?;
    }
    fs::rename(&staged, admin)?;
    sync_directory(&worktrees)
}

/// Checks HEAD out into `tree`.
fn fill(repository: &Repository, tree: &Path, filler: Option<Filler<'_>>) -> Result<(), Error> {
    let head = repository.head()?.peel_to_tree()?;
    if let Some(cone) = Cone::read(repository)? {
        return fill_part(repository, &cone, &head);
    }
    let empty = fs::read_dir(tree)?.next().is_none();
    if let Some(filler) = filler.filter(|_| empty) {
        return Ok(filler(repository, &head)?);
    }
    let mut options = CheckoutBuilder::new();
    if empty {
        options.force();
    } else {
        options.safe().recreate_missing(true).allow_conflicts(true);
    }
    repository.checkout_tree(head.as_object(), Some(&mut options))?;
    if !empty {
        // Files that stayed are compared with HEAD, not with what happened to be checked out.
        let mut index = repository.index()?;
        index.read_tree(&head)?;
        index.write()?;
    }
    Ok(())
}

/// The same with what belongs to `cone` alone.
fn fill_part(repository: &Repository, cone: &Cone, head: &Tree<'_>) -> Result<(), Error> {
    let mut index = sparse::index(repository)?;
    index.read_tree(head)?;
    Sight::new(cone, repository).mark(&mut index, false)?;
    index.write()?;
    let held: Vec<_> = index
        .iter()
        .filter(|entry| !sparse::is_marked(entry))
        .collect();
    if held.is_empty() {
        return Ok(());
    }
    let mut options = CheckoutBuilder::new();
    options
        .safe()
        .recreate_missing(true)
        .allow_conflicts(true)
        .disable_pathspec_match(true);
    for entry in held {
        options.path(entry.path);
    }
    Ok(repository.checkout_tree(head.as_object(), Some(&mut options))?)
}
