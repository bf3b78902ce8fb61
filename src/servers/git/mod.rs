//! git-mcp: version control for a team of agents, each with a worktree of its own.

pub mod cli;
mod config;
pub mod engine;
mod fault;
mod http;
pub mod model;
mod pipes;
mod prompts;
pub mod remote;
mod resources;
mod review;
mod routes;
mod signing;
pub mod store;
pub mod tools;
mod upkeep;

use std::sync::Arc;

use git2::Repository;
use serde_json::Value;

use crate::{
    base::beneath::Beneath,
    project::workspace::{TreeId, Workspaces},
    tool::{WireSet, prelude::*},
};

use cli::Program;
use engine::{commit::Who, renames::Lists, sparse, submodule};
use remote::Remotes;
use upkeep::Upkeep;

pub use config::{Config, RemotesConfig};
use model::Rule;
use store::{GitStore, RepoKey};

/// The server.
#[derive(Debug)]
pub struct Git {
    config: Config,
    workspaces: Workspaces,
    program: Option<Program>,
    store: GitStore,
    upkeep: Upkeep,
    remotes: Remotes,
    lists: Arc<Lists>,
}

impl Git {
    /// Opens the server on the hub's workspaces.
    ///
    /// # Errors
    /// A missing git program is none: what can be done without it is.
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        let (name, workspaces, now) = (
            config.program.clone(),
            host.workspaces.clone(),
            host.clock.now(),
        );
        let ready = move || (Program::find(&name), workspaces.break_locks(now));
        let (found, broken) = tokio::task::spawn_blocking(ready)
            .await
            .map_err(ToolError::internal)?;
        if broken > 0 {
            tracing::info!(broken, "broke locks of a dead hub");
        }
        let program = match found {
            Ok(program) => {
                tracing::info!(version = program.version(), "found the git program");
                Some(program)
            }
            Err(missing) => {
                tracing::warn!(%missing, "no git program: remotes do not work, some tools take longer");
                None
            }
        };
        let remotes = Remotes::open(&host.data, &config.remotes.ssh_program)?;
        Ok(Self {
            config,
            workspaces: host.workspaces.clone(),
            store: GitStore::new(host.db.clone()),
            upkeep: Upkeep::start(host, program.as_ref()),
            remotes,
            lists: Arc::default(),
            program,
        })
    }

    /// The agent, as the author of what it commits.
    fn who(&self, ctx: &Ctx) -> Who {
        let (agent, project) = (ctx.agent(), ctx.project());
        Who {
            name: agent.to_string(),
            email: format!("{agent}@{project}.{}", self.config.email_domain),
            now: ctx.now(),
        }
    }

    /// Runs `work` on the caller's tree without keeping others from it.
    async fn look<R: Send + 'static>(
        &self,
        ctx: &Ctx,
        repo: Option<RepoName>,
        work: impl FnOnce(&Session, &Stop) -> Result<R, engine::Error> + Send + 'static,
    ) -> Result<R, ToolError> {
        self.run(ctx, tree(ctx, repo)?, Vec::new(), work).await
    }

    async fn run<R: Send + 'static>(
        &self,
        ctx: &Ctx,
        tree: TreeId,
        rules: Vec<Rule>,
        work: impl FnOnce(&Session, &Stop) -> Result<R, engine::Error> + Send + 'static,
    ) -> Result<R, ToolError> {
        self.upkeep.used(&tree, false);
        let (workspaces, program) = (self.workspaces.clone(), self.program.clone());
        let lists = Arc::clone(&self.lists);
        let watched = (workspaces.clone(), tree.clone());
        let done = ctx.blocking(move |stop| {
            let opened = workspaces.repository(&tree);
            let session = Session {
                repository: opened.map_err(|error| fault::of(error.into()))?,
                workspaces,
                tree,
                git: program,
                lists,
                rules,
            };
            work(&session, stop).map_err(fault::of)
        });
        pipes::released(watched.0, watched.1, done).await
    }

    /// Runs `work` on the caller's tree as the only one that changes it.
    async fn change<R: Send + 'static>(
        &self,
        ctx: &Ctx,
        repo: Option<RepoName>,
        work: impl FnOnce(&Session, &Stop) -> Result<R, engine::Error> + Send + 'static,
    ) -> Result<R, ToolError> {
        let changed = tree(ctx, repo)?;
        let lock = self.workspaces.lock_tree(&changed).await;
        let rules = self.store.rules(&RepoKey::of(&changed)).await?;
        let who = self.who(ctx);
        let locked = move |session: &Session, stop: &Stop| {
            let _lock = lock;
            who.introduce(&session.repository)?;
            let settle = || {
                sparse::settle(&session.repository, true)?;
                submodule::way::settle(&session.repository)
            };
            settle()?;
            let done = work(session, stop);
            settle()?;
            done
        };
        let done = self.run(ctx, changed.clone(), rules, locked).await;
        done.inspect(|_| {
            self.upkeep.used(&changed, true);
            ctx.changed_own("git", true);
        })
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

    async fn mend(&self, ctx: &Ctx, args: &Value, error: &ToolError) -> Result<bool, ToolError> {
        if !remote::partial::may_lack(error) {
            return Ok(false);
        }
        let repo = args.get("repo").and_then(Value::as_str);
        let repo = repo.map(RepoName::new).transpose();
        let repo = repo.map_err(|error| ToolError::invalid("/repo", error.to_string()))?;
        self.bring(ctx, &review::key(ctx, repo)?).await
    }

    fn tools(set: &mut ToolSet<Self>) {
        set.add::<tools::git_init::GitInit>()
            .add::<tools::git_status::GitStatus>()
            .add::<tools::git_add::GitAdd>()
            .add::<tools::git_commit::GitCommit>()
            .add::<tools::git_log::GitLog>()
            .add::<tools::git_diff::GitDiff>()
            .add::<tools::git_diff_unstaged::GitDiffUnstaged>()
            .add::<tools::git_diff_staged::GitDiffStaged>()
            .add::<tools::git_show::GitShow>()
            .add::<tools::git_read_file::GitReadFile>()
            .add::<tools::git_list_tree::GitListTree>()
            .add::<tools::git_list_branches::GitListBranches>()
            .add::<tools::git_create_branch::GitCreateBranch>()
            .add::<tools::git_checkout::GitCheckout>()
            .add::<tools::create_pull_request::CreatePullRequest>()
            .add::<tools::list_pull_requests::ListPullRequests>()
            .add::<tools::get_pull_request::GetPullRequest>()
            .add::<tools::update_pull_request::UpdatePullRequest>()
            .add::<tools::review_pull_request::ReviewPullRequest>()
            .add::<tools::merge_pull_request::MergePullRequest>()
            .add::<tools::protect_branch::ProtectBranch>()
            .add::<tools::set_commit_status::SetCommitStatus>()
            .add::<tools::git_blame::GitBlame>()
            .add::<tools::git_bisect::GitBisect>()
            .add::<tools::git_grep::GitGrep>()
            .add::<tools::git_compare::GitCompare>()
            .add::<tools::git_reflog::GitReflog>()
            .add::<tools::git_list_repositories::GitListRepositories>()
            .add::<tools::git_worktree::GitWorktree>()
            .add::<tools::git_reset::GitReset>()
            .add::<tools::git_restore::GitRestore>()
            .add::<tools::git_branch::GitBranch>()
            .add::<tools::git_tag::GitTag>()
            .add::<tools::git_stash::GitStash>()
            .add::<tools::git_merge::GitMerge>()
            .add::<tools::git_rebase::GitRebase>()
            .add::<tools::git_cherry_pick::GitCherryPick>()
            .add::<tools::git_revert::GitRevert>()
            .add::<tools::git_resolve_conflict::GitResolveConflict>()
            .add::<tools::git_apply_patch::GitApplyPatch>()
            .add::<tools::git_clone::GitClone>()
            .add::<tools::git_remote::GitRemote>()
            .add::<tools::git_fetch::GitFetch>()
            .add::<tools::git_pull::GitPull>()
            .add::<tools::git_push::GitPush>()
            .add::<tools::git_credential::GitCredential>()
            .add::<tools::git_signing_key::GitSigningKey>()
            .add::<tools::git_submodule::GitSubmodule>()
            .add::<tools::git_export_tree::GitExportTree>();
    }
}

/// The caller's tree and its repository, opened for one call.
struct Session {
    repository: Repository,
    workspaces: Workspaces,
    tree: TreeId,
    /// The git program, where there is one.
    git: Option<Program>,
    lists: Arc<Lists>,
    /// The rules of protected branches, for what changes something.
    rules: Vec<Rule>,
}

impl Session {
    /// Refuses to move a protected branch otherwise than by a pull request.
    fn refuse_protected(&self, branch: &str) -> Result<(), engine::Error> {
        if self.rules.iter().any(|rule| rule.covers(branch)) {
            return Err(engine::Error::Protected(branch.to_owned()));
        }
        Ok(())
    }

    /// Runs `work` as the only one that changes refs of the repository, if the branch that HEAD is on may move.
    fn with_head<R>(
        &self,
        work: impl FnOnce() -> Result<R, engine::Error>,
    ) -> Result<R, engine::Error> {
        if let Some(branch) = engine::name::head_branch(&self.repository)? {
            self.refuse_protected(&branch)?;
        }
        self.with_refs(work)
    }

    /// The git program, with what it found when it compared before.
    fn comparer(&self) -> Option<(&Program, &Lists)> {
        Some((self.git.as_ref()?, &self.lists))
    }

    /// The tree's files.
    fn files(&self) -> Result<Beneath, engine::Error> {
        Ok(self.workspaces.files(&self.tree)?)
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
