//! `create_pull_request`: ask for a branch to be merged.

use super::pull_request::line;
use crate::{
    project::workspace::default_branch,
    servers::git::{
        Git,
        engine::{Error, name, pull},
        review::{self, Readiness},
        store::NewPull,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct CreatePullRequest;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// What it does, in one line.
    #[garde(length(chars, min = 1, max = 200))]
    pub title: String,
    /// Why and how, in Markdown.
    #[serde(default)]
    #[garde(length(bytes, max = 16_384))]
    pub body: String,
    /// The branch with the changes; the one your worktree is on when left out.
    #[garde(length(bytes, min = 1, max = 200))]
    pub source: Option<String>,
    /// The branch to merge them into; the default branch when left out.
    #[garde(length(bytes, min = 1, max = 200))]
    pub target: Option<String>,
    /// Not ready for its merge yet.
    #[serde(default)]
    pub draft: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Its number in the repository.
    pub number: i64,
    /// The branch with the changes.
    pub source: String,
    /// The branch to merge them into.
    pub target: String,
    /// The source's last commit.
    pub head: String,
    /// Commits that only the source has.
    pub ahead: usize,
    /// Commits that only the target has.
    pub behind: usize,
    /// What its merge still needs.
    pub merge: Readiness,
    /// Its version, for `expected_version` of update_pull_request.
    pub version: i64,
}

impl Tool for CreatePullRequest {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "create_pull_request";
    const ABOUT: &'static str = "Ask for a branch of the repository to be merged into another: others look at it with get_pull_request, say \
                                 what they think with review_pull_request, and merge_pull_request merges it when nothing is missing. Commit \
                                 your work first: later commits to the source belong to it too. Returns its number and what its merge needs.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo.clone())?;
        let title = line(&args.title, "/title")?;
        let own = if args.source.is_some() {
            args.source
        } else {
            let branch = server.look(ctx, args.repo, |session, _| {
                name::head_branch(&session.repository)
            });
            branch.await?
        };
        let source = own.ok_or_else(|| {
            ToolError::invalid(
                "/source",
                "your worktree is on no branch: name the branch with the changes",
            )
        })?;
        let (from, to) = (source.clone(), args.target);
        let (target, ends, conflicts) = server
            .look_bare(ctx, &key, move |repository, _| {
                let target = match to {
                    Some(target) => target,
                    None => default_branch(repository)?,
                };
                let ends = pull::ends(repository, &from, &target)?;
                let conflicts = pull::conflicts(repository, &ends)?;
                Ok::<_, Error>((target, ends, conflicts))
            })
            .await?;
        if source == target {
            return Err(ToolError::invalid("/target", "is the source itself"));
        }
        if ends.ahead == 0 {
            return Err(ToolError::conflict(format!(
                "{source:?} has no commit that {target:?} has not"
            ))
            .hint("commit your changes with git_commit first"));
        }
        let new = NewPull {
            title,
            body: args.body,
            draft: args.draft,
            source,
            target,
            author: ctx.agent().to_string(),
        };
        let row = match server.store.open_pull(&key, new, ctx.now()).await? {
            Ok(row) => row,
            Err(number) => {
                return Err(ToolError::conflict(format!("pull request {number} is open for the same branches"))
                    .hint("what is committed to the source belongs to it: change it with update_pull_request")
                    .details(serde_json::json!({ "number": number })));
            }
        };
        let merge = server.readiness(&key, &row, &ends, conflicts).await?;
        ctx.changed("git/pulls".to_owned());
        Ok(Output {
            number: row.number,
            source: row.source,
            target: row.target,
            head: ends.head.to_string(),
            ahead: ends.ahead,
            behind: ends.behind,
            merge,
            version: row.version,
        })
    }
}
