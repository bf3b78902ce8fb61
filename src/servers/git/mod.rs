//! git-mcp: version control for a team of agents, each with a worktree of its own.

pub mod cli;
mod config;
pub mod engine;
mod fault;
mod http;
pub mod model;
mod prompts;
mod resources;
mod review;
mod routes;
pub mod store;
pub mod tools;

use git2::Repository;

use crate::{
    project::workspace::{TreeId, Workspaces},
    tool::{WireSet, prelude::*},
};

use cli::Program;

pub use config::Config;
use store::GitStore;

/// The server.
#[derive(Debug)]
pub struct Git {
    config: Config,
    workspaces: Workspaces,
    program: Option<Program>,
    store: GitStore,
}

impl Git {
    /// Opens the server on the hub's workspaces.
    ///
    /// # Errors
    /// A missing git program is none: what can be done without it is.
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        let name = config.program.clone();
        let found = tokio::task::spawn_blocking(move || Program::find(&name)).await;
        let program = match found.map_err(ToolError::internal)? {
            Ok(program) => {
                tracing::info!(version = program.version(), "found the git program");
                Some(program)
            }
            Err(missing) => {
                tracing::warn!(%missing, "no git program: remotes do not work, some tools take longer");
                None
            }
        };
        Ok(Self {
            program,
            config,
            workspaces: host.workspaces.clone(),
            store: GitStore::new(host.db.clone()),
        })
    }

    /// Runs `work` on the caller's tree without keeping others from it.
    async fn look<R: Send + 'static>(
        &self,
        ctx: &Ctx,
        repo: Option<RepoName>,
        work: impl FnOnce(&Session, &Stop) -> Result<R, engine::Error> + Send + 'static,
    ) -> Result<R, ToolError> {
        let tree = tree(ctx, repo)?;
        let workspaces = self.workspaces.clone();
        ctx.blocking(move |stop| {
            Session::open(workspaces, tree)
                .and_then(|s| work(&s, stop))
                .map_err(fault::of)
        })
        .await
    }

    /// Runs `work` on the caller's tree as the only one that changes it.
    async fn change<R: Send + 'static>(
        &self,
        ctx: &Ctx,
        repo: Option<RepoName>,
        work: impl FnOnce(&Session, &Stop) -> Result<R, engine::Error> + Send + 'static,
    ) -> Result<R, ToolError> {
        let lock = self.workspaces.lock_tree(&tree(ctx, repo.clone())?).await;
        let locked = move |session: &Session, stop: &Stop| {
            let _lock = lock;
            work(session, stop)
        };
        self.look(ctx, repo, locked)
            .await
            .inspect(|_| ctx.changed_own("git", true))
    }
}

impl ToolServer for Git {
    const ID: ServerId = ServerId::Git;
    const ROUTES: &'static [Route] = routes::ROUTES;
    const RESOURCES: &'static [Resource] = resources::RESOURCES;
    const PROMPTS: &'static [Prompt] = prompts::PROMPTS;
    const COMPLETIONS: &'static [Completion] = resources::COMPLETIONS;

    fn wires(set: &mut WireSet<Self>) {
        http::add(set);
    }

    fn tools(set: &mut ToolSet<Self>) {
        set.add::<tools::git_init::GitInit>()
            .add::<tools::git_status::GitStatus>()
            .add::<tools::git_add::GitAdd>()
            .add::<tools::git_commit::GitCommit>()
            .add::<tools::git_log::GitLog>()
            .add::<tools::git_diff::GitDiff>()
            .add::<tools::git_list_branches::GitListBranches>()
            .add::<tools::git_create_branch::GitCreateBranch>()
            .add::<tools::git_checkout::GitCheckout>()
            .add::<tools::git_export_tree::GitExportTree>()
            .add::<tools::create_pull_request::CreatePullRequest>()
            .add::<tools::list_pull_requests::ListPullRequests>()
            .add::<tools::get_pull_request::GetPullRequest>()
            .add::<tools::update_pull_request::UpdatePullRequest>()
            .add::<tools::review_pull_request::ReviewPullRequest>()
            .add::<tools::merge_pull_request::MergePullRequest>()
            .add::<tools::protect_branch::ProtectBranch>()
            .add::<tools::set_commit_status::SetCommitStatus>();
    }
}

/// The caller's tree and its repository, opened for one call.
struct Session {
    repository: Repository,
    workspaces: Workspaces,
    tree: TreeId,
}

impl Session {
    fn open(workspaces: Workspaces, tree: TreeId) -> Result<Self, engine::Error> {
        let repository = workspaces.repository(&tree)?;
        Ok(Self {
            repository,
            workspaces,
            tree,
        })
    }

    /// Runs `work` as the only one that changes refs of the repository.
    fn with_refs<R>(
        &self,
        work: impl FnOnce() -> Result<R, engine::Error>,
    ) -> Result<R, engine::Error> {
        let _short = self
            .workspaces
            .lock_repository(&self.tree.project, &self.tree.repo);
        work()
    }
}

/// The tree that a call works in.
fn tree(ctx: &Ctx, repo: Option<RepoName>) -> Result<TreeId, ToolError> {
    TreeId::new(ctx.scope(), repo).map_err(|error| ToolError::invalid("/repo", error.to_string()))
}
