//! Bare repositories: made once, then opened by their place in the layout.

use std::io;
use std::path::{Path, PathBuf};

use git2::{Config, ErrorCode, Reference, Repository, RepositoryInitOptions, RepositoryOpenFlags};

use super::{Error, Filler, TreeId, Workspaces, layout, settings, worktree};
use crate::base::beneath::TEMP_PREFIX;
use crate::base::ids::{ProjectId, RepoName};

/// Whether [`Workspaces::create_repository`] made the repository or found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    New,
    Existing,
}

impl Workspaces {
    /// The repository as seen from the agent's tree, which is made when this is its first use.
    ///
    /// # Errors
    /// [`Error::NoRepository`] before [`Workspaces::create_repository`].
    pub fn repository(&self, tree: &TreeId) -> Result<Repository, Error> {
        let (bare, admin) = self.ensure(tree, None)?.ok_or(Error::NoRepository)?;
        open(&admin, &bare)
    }

    /// The same, for the sake of the first use: the files are checked out by `filler`.
    pub fn add_worktree(&self, tree: &TreeId, filler: Filler<'_>) -> Result<(), Error> {
        self.ensure(tree, Some(filler))?
            .ok_or(Error::NoRepository)
            .map(drop)
    }

    /// Makes the agent's worktree if the repository exists and this is its first use; the bare and admin directories.
    pub(super) fn ensure(
        &self,
        tree: &TreeId,
        filler: Option<Filler<'_>>,
    ) -> Result<Option<(PathBuf, PathBuf)>, Error> {
        let bare = layout::bare(&self.0.data, &tree.project, &tree.repo);
        let admin = layout::admin(&bare, &tree.agent);
        if worktree::is_ready(&admin) {
            return Ok(Some((bare, admin)));
        }
        if !bare.is_dir() {
            return Ok(None);
        }
        let _short = self.lock_repository(&tree.project, &tree.repo);
        if !worktree::is_ready(&admin) {
            let path = layout::tree(&self.0.data, tree);
            std::fs::create_dir_all(&path)?;
            worktree::create(&bare, &admin, &path, tree, filler)?;
        }
        Ok(Some((bare, admin)))
    }

    /// The bare repository itself, for work that concerns no tree.
    pub fn bare_repository(
        &self,
        project: &ProjectId,
        repo: &RepoName,
    ) -> Result<Repository, Error> {
        let bare = self.existing_bare(project, repo)?;
        open(&bare, &bare)
    }

    /// Makes an empty bare repository whose HEAD is the unborn `branch`; leaves an existing one as it is.
    pub fn create_repository(
        &self,
        project: &ProjectId,
        repo: &RepoName,
        branch: &str,
    ) -> Result<Created, Error> {
        let head = format!("refs/heads/{branch}");
        if branch.starts_with('-') || !Reference::is_valid_name(&head) {
            return Err(Error::BadBranch(branch.to_owned()));
        }
        let _short = self.lock_repository(project, repo);
        let bare = layout::bare(&self.0.data, project, repo);
        if bare.is_dir() {
            return Ok(Created::Existing);
        }
        // Prepared aside and renamed: a half-made repository is never seen.
        let staged = layout::staged_bare(&self.0.data, project, repo);
        match std::fs::remove_dir_all(&staged) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut options = RepositoryInitOptions::new();
        options
            .bare(true)
            .mkpath(true)
            .no_reinit(true)
            .external_template(false)
            .initial_head(&head);
        Repository::init_opts(&staged, &options)?;
        configure(&staged)?;
        std::fs::rename(&staged, &bare)?;
        sync_directory(&layout::repos(&self.0.data, project))?;
        Ok(Created::New)
    }

    fn existing_bare(&self, project: &ProjectId, repo: &RepoName) -> Result<PathBuf, Error> {
        let bare = layout::bare(&self.0.data, project, repo);
        if bare.is_dir() {
            Ok(bare)
        } else {
            Err(Error::NoRepository)
        }
    }
}

/// The branch that HEAD of the bare repository names, born or not.
///
/// Read from its file: opening the bare repository once more would cost more than all the rest of a small call.
pub fn default_branch(bare: &Repository) -> Result<String, Error> {
    let head = std::fs::read_to_string(bare.commondir().join("HEAD"))?;
    let branch = head.trim_end().strip_prefix("ref: refs/heads/");
    Ok(branch.unwrap_or(super::DEFAULT_BRANCH).to_owned())
}

/// Opens exactly `git_dir`, looking neither above nor beside it, with the repository's own config and no other:
/// what the user or the system configured for git does not apply.
pub(super) fn open(git_dir: &Path, bare: &Path) -> Result<Repository, Error> {
    let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
    let no_ceilings: [&Path; 0] = [];
    let repository = match Repository::open_ext(git_dir, flags, no_ceilings) {
        Err(error) if error.code() == ErrorCode::NotFound => return Err(Error::NoRepository),
        opened => opened?,
    };
    repository.set_config(&settings::open(bare)?)?;
    Ok(repository)
}

/// The whole configuration of a repository. Nothing else is ever written there.
pub(super) fn configure(bare: &Path) -> Result<(), Error> {
    let mut config = Config::open(&bare.join("config"))?;
    config.set_bool("core.bare", true)?;
    config.set_bool("core.logAllRefUpdates", true)?;
    config.set_bool("core.protectHFS", true)?;
    config.set_bool("core.protectNTFS", true)?;
    config.set_str("core.autocrlf", "false")?;
    for (name, value) in settings::REQUIRED {
        config.set_str(name, value)?;
    }
    std::fs::create_dir_all(bare.join("info"))?;
    std::fs::write(bare.join("info/exclude"), format!("{TEMP_PREFIX}*\n"))?;
    Ok(())
}

pub(super) fn sync_directory(path: &Path) -> Result<(), Error> {
    Ok(std::fs::File::open(path)?.sync_all()?)
}
