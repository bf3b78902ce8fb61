//! `git_worktree`: the agents' trees of a repository.

use crate::{
    servers::git::{
        Git,
        engine::{Error, status, submodule, worktree},
        fault, tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitWorktree;

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// Say who works where.
    #[default]
    List,
    /// Make your own, which any other git tool does too on first use.
    Add,
    /// Remove your own with its files; branches stay.
    Remove,
    /// Forget those whose files are gone.
    Prune,
}

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// `list`, `add`, `remove` (your own) or `prune`.
    #[serde(default)]
    pub action: Action,
    /// With `remove`: lose changes that are not committed.
    #[serde(default)]
    pub force: bool,
}

/// A tree.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The agent whose tree it is.
    pub agent: AgentId,
    /// The branch it is on; none when its HEAD is detached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit its HEAD is on when detached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// True for your own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
    /// True when its files are gone; `prune` forgets it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The trees there are after the call, by agent.
    pub items: Vec<Item>,
    /// Agents whose trees this call removed or forgot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<AgentId>,
}

impl Tool for GitWorktree {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_worktree";
    const ABOUT: &'static str = "List the agents' worktrees of a repository, make your own, remove your own, or forget those whose files are \
                                 gone. Each agent has one tree a repository, made on first use; to work on another branch use git_checkout. \
                                 Returns the trees there are.";
    const ACCESS: Access = Access::Write;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let own = tree(ctx, args.repo)?;
        let (workspaces, program) = (server.workspaces.clone(), server.program.clone());
        let lock = workspaces.lock_tree(&own).await;
        let done = ctx
            .blocking(move |stop| {
                let _lock = lock;
                let work = || -> Result<Output, Error> {
                    let mut removed = Vec::new();
                    match args.action {
                        Action::List => {}
                        Action::Add => {
                            worktree::add(&workspaces, program.as_ref(), &own, &|| stop.is_set())?;
                        }
                        Action::Remove => {
                            let trees = workspaces.worktrees(&own.project, &own.repo)?;
                            if !trees.iter().any(|tree| tree.agent == own.agent) {
                                return Err(Error::NoWorktree(own.agent.to_string()));
                            }
                            if !args.force {
                                let repository = workspaces.repository(&own)?;
                                let changed = status::status(&repository, &[], true)?.into_iter();
                                let mut paths: Vec<String> =
                                    changed.map(|item| item.path).collect();
                                paths.extend(submodule::changed(&repository)?);
                                if !paths.is_empty() {
                                    paths.truncate(50);
                                    return Err(Error::LocalChanges(paths));
                                }
                            }
                            workspaces.remove_worktree(&own)?;
                            removed.push(own.agent.clone());
                        }
                        Action::Prune => {
                            for tree in workspaces.worktrees(&own.project, &own.repo)? {
                                if !tree.present {
                                    let mut gone = own.clone();
                                    gone.agent.clone_from(&tree.agent);
                                    workspaces.remove_worktree(&gone)?;
                                    removed.push(tree.agent);
                                }
                            }
                        }
                    }
                    let trees = workspaces.worktrees(&own.project, &own.repo)?;
                    let items = trees.into_iter().map(|tree| {
                        let branch = tree.head.strip_prefix("refs/heads/").map(ToOwned::to_owned);
                        Item {
                            own: tree.agent == own.agent,
                            agent: tree.agent,
                            commit: Some(tree.head).filter(|_| branch.is_none()),
                            branch,
                            missing: !tree.present,
                        }
                    });
                    Ok(Output {
                        items: items.collect(),
                        removed,
                    })
                };
                work().map_err(fault::of)
            })
            .await?;
        if !done.removed.is_empty() {
            ctx.changed_own("git", true);
            ctx.changed_own("files", true);
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{bare_team, ok, refused, root, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn trees_are_listed_removed_and_pruned() {
        assert_eq!(
            refused(&bare_team().await, "git_worktree", json!({}))
                .await
                .code,
            Code::Conflict
        );
        let team = team().await;
        let first = save(&team, "a", "1").await;
        let bea = team.at("demo", "bea");
        ok(&bea, "git_worktree", json!({"action": "add"})).await;
        assert_eq!(std::fs::read_to_string(root(&bea).join("a")).unwrap(), "1");
        assert_eq!(ok(&bea, "git_status", json!({})).await["clean"], true);
        ok(&bea, "git_checkout", json!({"target": first})).await;
        let listed = ok(&team, "git_worktree", json!({})).await;
        let like = json!([{"agent": "ann", "branch": "agent/ann/work", "own": true}, {"agent": "bea", "commit": first}]);
        assert_eq!(listed["items"], like);
        std::fs::remove_dir_all(root(&bea)).unwrap();
        assert_eq!(
            ok(&team, "git_worktree", json!({})).await["items"][1]["missing"],
            true
        );
        assert_eq!(
            ok(&team, "git_worktree", json!({"action": "prune"})).await["removed"],
            json!(["bea"])
        );
        write(&team, "new", "1");
        let dirty = refused(&team, "git_worktree", json!({"action": "remove"})).await;
        assert_eq!(
            (dirty.code, dirty.details.unwrap()["paths"].clone()),
            (Code::Conflict, json!(["new"]))
        );
        let gone = ok(
            &team,
            "git_worktree",
            json!({"action": "remove", "force": true}),
        )
        .await;
        assert_eq!(gone, json!({"items": [], "removed": ["ann"]}));
        assert!(!root(&team).join("a").exists());
        // The next use makes it anew, from the branch that stayed.
        assert_eq!(ok(&team, "git_status", json!({})).await["head"], first);
        assert!(root(&team).join("a").exists());
    }
}
