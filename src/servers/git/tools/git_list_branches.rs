//! `git_list_branches`: which branches there are, and who is on them.

use git2::BranchType;

use crate::{
    project::workspace::{branch_holder, default_branch},
    servers::git::{
        Git,
        engine::{self, name},
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitListBranches;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Only branches whose name starts so, e.g. `feature/`.
    #[garde(length(bytes, min = 1, max = 200))]
    pub prefix: Option<String>,
    /// Most branches to list.
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

/// A branch.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its name.
    pub branch: String,
    /// Its newest commit.
    pub commit: String,
    /// The first line of that commit's message.
    pub subject: String,
    /// True for the branch that new work starts from.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// True for the branch you are on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub current: bool,
    /// The other agent whose worktree is on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The branches, by name.
    pub items: Vec<Item>,
    /// For `cursor`, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for GitListBranches {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_list_branches";
    const ABOUT: &'static str = "List the branches of a repository by name, each with its newest commit and the agent whose worktree is on \
                                 it. Use git_log for a branch's history, and git_checkout to move to one. Returns pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let binding = (ctx.scope().clone(), args.repo.clone(), args.prefix.clone());
        let after: Option<String> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        let limit = args.limit as usize;
        let agent = ctx.agent().clone();
        server
            .look(ctx, args.repo, move |session, _| {
                let repository = &session.repository;
                let default = default_branch(repository)?;
                let current = name::head_branch(repository)?;
                let mut names = names(repository, args.prefix.as_deref().unwrap_or_default())?;
                names.retain(|name| after.as_ref().is_none_or(|after| name > after));
                names.sort_unstable();
                let more = names.len() > limit;
                names.truncate(limit);
                let next_cursor = names
                    .last()
                    .filter(|_| more)
                    .map(|last| paging::encode(&binding, last));
                let mut items = Vec::with_capacity(names.len());
                for branch in names {
                    let Some(found) = name::branch(repository, &branch)? else {
                        continue;
                    };
                    let commit = found.get().peel_to_commit()?;
                    let subject = commit.summary().ok().flatten().unwrap_or_default();
                    let held_by = branch_holder(repository, &branch, &agent)?;
                    items.push(Item {
                        commit: commit.id().to_string(),
                        subject: subject.chars().take(200).collect(),
                        default: branch == default,
                        current: current.as_deref() == Some(&branch),
                        held_by,
                        branch,
                    });
                }
                Ok(Output { items, next_cursor })
            })
            .await
    }
}

fn names(repository: &git2::Repository, prefix: &str) -> Result<Vec<String>, engine::Error> {
    let mut names = Vec::new();
    for branch in repository.branches(Some(BranchType::Local))? {
        let (branch, _) = branch?;
        // A name that is not UTF-8 cannot be said in JSON, and no tool makes one.
        if let Ok(Some(name)) = branch.name()
            && name.starts_with(prefix)
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn branches_come_by_name_in_pages() {
        let team = team().await;
        assert_eq!(
            ok(&team, "git_list_branches", json!({})).await,
            json!({"items": []})
        );
        let commit = save(&team, "a", "1").await;
        for name in ["feature/b", "feature/a", "other"] {
            ok(&team, "git_create_branch", json!({"name": name})).await;
        }
        let all = ok(&team, "git_list_branches", json!({})).await;
        let names: Vec<_> = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["branch"].clone())
            .collect();
        assert_eq!(
            names,
            ["agent/ann/work", "feature/a", "feature/b", "main", "other"]
        );
        assert_eq!(all["items"][0]["current"], true);
        assert_eq!(all["items"][0]["commit"], commit);
        let sent = json!({"prefix": "feature/", "limit": 1});
        let page = ok(&team, "git_list_branches", sent.clone()).await;
        assert_eq!(page["items"][0]["branch"], "feature/a");
        let mut next = sent;
        next["cursor"] = page["next_cursor"].clone();
        let page = ok(&team, "git_list_branches", next.clone()).await;
        assert_eq!(page["items"][0]["branch"], "feature/b");
        assert!(page.get("next_cursor").is_none());
        next["prefix"] = "o".into();
        assert_eq!(
            refused(&team, "git_list_branches", next).await.code,
            Code::InvalidArgument
        );
    }

    #[tokio::test]
    async fn a_branch_says_which_other_agent_is_on_it() {
        let team = team().await;
        save(&team, "a", "1").await;
        let bea = team.at("demo", "bea");
        let listed = ok(&bea, "git_list_branches", json!({"prefix": "agent/ann"})).await;
        assert_eq!(listed["items"][0]["held_by"], "ann");
    }
}
