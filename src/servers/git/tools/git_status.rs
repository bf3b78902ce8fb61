//! `git_status`: where you are and what changed.

use crate::{
    project::workspace::default_branch,
    servers::git::{
        Git,
        engine::{
            Backend,
            integrate::{Kind, state},
            name,
            status::{self, Change},
            submodule,
        },
        fault, tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitStatus;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Only files at or below these paths.
    #[serde(default)]
    #[garde(length(max = 100))]
    pub paths: Vec<String>,
    /// Most files to list.
    #[serde(default = "fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 8192))]
    pub cursor: Option<String>,
}

fn fifty() -> u32 {
    50
}

/// A file that differs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The file, relative to the top of the tree.
    pub path: String,
    /// How the index differs from HEAD: what the next commit takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged: Option<Change>,
    /// How the file differs from the index: what git_add would stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unstaged: Option<Change>,
    /// The old path of a staged rename.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The branch you are on; none when HEAD is detached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// HEAD's commit; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// True when HEAD is on a commit and not on a branch.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
    /// True when the branch has no commit yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unborn: bool,
    /// What is under way and waits for its conflicts to be resolved, or to be aborted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<Kind>,
    /// The branch that new worktrees start from.
    pub default_branch: String,
    /// Commits of yours that the default branch lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<usize>,
    /// Commits of the default branch that yours lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<usize>,
    /// True when nothing is staged, changed or untracked.
    pub clean: bool,
    /// Files with staged changes.
    pub staged: usize,
    /// Tracked files with changes that are not staged.
    pub unstaged: usize,
    /// Files that git does not know.
    pub untracked: usize,
    /// The files, by path.
    pub items: Vec<Item>,
    /// Submodules whose files are those of another commit than the one that is staged, the first 50: git_submodule brings the
    /// right ones, and tells what changed in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub submodules: Vec<String>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Who looked: the `git` program or `libgit2`.
    pub backend: Backend,
}

impl Tool for GitStatus {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_status";
    const ABOUT: &'static str = "Show the branch you are on and which files are staged, changed or untracked in your worktree. Use git_diff to \
                                 see the changes themselves. Returns branch, HEAD, how far it is ahead of and behind the default branch, counts, \
                                 and the files in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let paths = name::paths(&args.paths).map_err(fault::of)?;
        let binding = (ctx.scope().clone(), args.repo.clone(), args.paths);
        let after: Option<String> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        let limit = args.limit as usize;
        let lock = server
            .workspaces
            .try_lock_tree(&tree(ctx, args.repo.clone())?);
        server
            .look(ctx, args.repo, move |session, stop| {
                let repository = &session.repository;
                let stop = || stop.is_set();
                let (all, backend) = status::all(
                    repository,
                    session.git.as_ref(),
                    &paths,
                    lock.is_some(),
                    &stop,
                )?;
                drop(lock);
                let untracked = |item: &&status::Item| item.unstaged == Some(Change::Untracked);
                let branch = name::head_branch(repository)?;
                let head = name::head(repository)?.map(|head| head.id());
                let default_branch = default_branch(repository)?;
                let base =
                    name::branch(repository, &default_branch)?.and_then(|base| base.get().target());
                let apart = head
                    .zip(base)
                    .filter(|_| branch.as_ref() != Some(&default_branch));
                let apart = apart
                    .map(|(head, base)| repository.graph_ahead_behind(head, base))
                    .transpose()?;
                let (staged, untracked) = (
                    all.iter().filter(|item| item.staged.is_some()).count(),
                    all.iter().filter(untracked).count(),
                );
                let unstaged =
                    all.iter().filter(|item| item.unstaged.is_some()).count() - untracked;
                let clean = all.is_empty();
                let mut rest = all
                    .into_iter()
                    .filter(|item| after.as_ref().is_none_or(|after| item.path > *after));
                let items: Vec<Item> = rest.by_ref().take(limit).map(Item::from).collect();
                let next = if rest.next().is_some() {
                    items.last()
                } else {
                    None
                };
                Ok(Output {
                    detached: branch.is_none(),
                    unborn: head.is_none(),
                    in_progress: state::load(repository)?.map(|state| state.kind),
                    branch,
                    head: head.map(|head| head.to_string()),
                    default_branch,
                    ahead: apart.map(|(ahead, _)| ahead),
                    behind: apart.map(|(_, behind)| behind),
                    clean,
                    staged,
                    unstaged,
                    untracked,
                    submodules: submodule::behind(&session.repository)?
                        .into_iter()
                        .take(50)
                        .collect(),
                    next_cursor: next.map(|last| paging::encode(&binding, &last.path)),
                    items,
                    backend,
                })
            })
            .await
    }
}

impl From<status::Item> for Item {
    fn from(item: status::Item) -> Self {
        Self {
            path: item.path,
            staged: item.staged,
            unstaged: item.unstaged,
            from: item.from,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn unborn_staged_changed_and_untracked() {
        let team = team().await;
        let status = ok(&team, "git_status", json!({})).await;
        let like = json!({"branch": "agent/ann/work", "unborn": true, "default_branch": "main", "clean": true,
                          "staged": 0, "unstaged": 0, "untracked": 0, "items": [], "backend": "libgit2"});
        assert_eq!(status, like);
        save(&team, "a", "1").await;
        save(&team, "b", "1").await;
        write(&team, "a", "2");
        write(&team, "c", "3");
        ok(&team, "git_add", json!({"paths": ["a"]})).await;
        write(&team, "a", "4");
        let status = ok(&team, "git_status", json!({"limit": 1})).await;
        assert_eq!(
            status["items"],
            json!([{"path": "a", "staged": "modified", "unstaged": "modified"}])
        );
        let counts = (&status["staged"], &status["unstaged"], &status["untracked"]);
        assert_eq!(counts, (&json!(1), &json!(1), &json!(1)));
        assert_eq!(
            (&status["ahead"], &status["behind"]),
            (&json!(1), &json!(0))
        );
        let rest = ok(
            &team,
            "git_status",
            json!({"limit": 1, "cursor": status["next_cursor"]}),
        )
        .await;
        assert_eq!(
            (&rest["items"], rest.get("next_cursor")),
            (&json!([{"path": "c", "unstaged": "untracked"}]), None)
        );
        assert_eq!(
            ok(&team, "git_status", json!({"paths": ["b"]})).await["items"],
            json!([])
        );
        for bad in ["../x", "/etc", "-x", ".git"] {
            assert_eq!(
                refused(&team, "git_status", json!({"paths": [bad]}))
                    .await
                    .code,
                Code::InvalidArgument,
                "{bad}"
            );
        }
    }
}
