//! `git_list_repositories`: which repositories the project has.

use crate::{
    project::workspace::{default_branch, sparse::Cone},
    servers::git::{Git, engine::Error, fault},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitListRepositories;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Most repositories on a page.
    #[serde(default = "fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn fifty() -> u32 {
    50
}

/// A repository.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its name, for `repo` in other tools.
    pub repo: RepoName,
    /// The branch that new worktrees start from.
    pub default_branch: String,
    /// That branch's newest commit; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Agents with a worktree of it.
    pub worktrees: usize,
    /// The directories that worktrees of it hold, when they do not hold all: see git_clone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sparse_paths: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The repositories, by name.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for GitListRepositories {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_list_repositories";
    const ABOUT: &'static str = "List the repositories of the project, for the `repo` argument of the other git tools. Use git_init to make \
                                 one. Returns each one's default branch, its newest commit, how many agents work in it and which part they hold.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let project = ctx.project().clone();
        let after: Option<RepoName> = args
            .cursor
            .map(|cursor| paging::decode(&project, &cursor))
            .transpose()?;
        let workspaces = server.workspaces.clone();
        let limit = args.limit as usize;
        ctx.blocking(move |_| {
            let list = || -> Result<Output, Error> {
                let mut names = workspaces.repositories(&project)?;
                names.retain(|name| after.as_ref().is_none_or(|after| name > after));
                let more = names.len() > limit;
                names.truncate(limit);
                let next_cursor = names
                    .last()
                    .filter(|_| more)
                    .map(|last| paging::encode(&project, last));
                let mut items = Vec::with_capacity(names.len());
                for repo in names {
                    let repository = workspaces.bare_repository(&project, &repo)?;
                    let default_branch = default_branch(&repository)?;
                    let tip = repository
                        .refname_to_id(&format!("refs/heads/{default_branch}"))
                        .ok();
                    let cone = Cone::read(&repository)?;
                    items.push(Item {
                        sparse_paths: cone
                            .iter()
                            .flat_map(Cone::directories)
                            .map(str::to_owned)
                            .collect(),
                        worktrees: workspaces.worktrees(&project, &repo)?.len(),
                        repo,
                        default_branch,
                        commit: tip.map(|id| id.to_string()),
                    });
                }
                Ok(Output { items, next_cursor })
            };
            list().map_err(fault::of)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{bare_team, ok, save};

    #[tokio::test]
    async fn the_projects_own_repositories_page() {
        let team = bare_team().await;
        assert_eq!(
            ok(&team, "git_list_repositories", json!({})).await,
            json!({"items": []})
        );
        ok(&team, "git_init", json!({})).await;
        ok(
            &team,
            "git_init",
            json!({"repo": "docs", "default_branch": "trunk"}),
        )
        .await;
        let first = save(&team, "a", "1").await;
        ok(&team.at("demo", "bea"), "git_status", json!({})).await;
        let page = ok(&team, "git_list_repositories", json!({"limit": 1})).await;
        assert_eq!(
            page["items"],
            json!([{"repo": "docs", "default_branch": "trunk", "worktrees": 1}])
        );
        let rest = ok(
            &team,
            "git_list_repositories",
            json!({"cursor": page["next_cursor"]}),
        )
        .await;
        assert_eq!(
            rest,
            json!({"items": [{"repo": "main", "default_branch": "main", "commit": first, "worktrees": 2}]})
        );
        let eve = team.at("elsewhere", "eve");
        assert_eq!(
            ok(&eve, "git_list_repositories", json!({})).await,
            json!({"items": []})
        );
    }
}
