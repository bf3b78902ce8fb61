//! `update_pull_request`: change what a pull request says, close it or open it again.

use super::pull_request::{Summary, line};
use crate::{
    servers::git::{Git, engine::pull, model::PullState, review, store::Patch},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct UpdatePullRequest;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The pull request's number.
    #[garde(range(min = 1))]
    pub number: i64,
    /// The version that you read: refused when it has changed since.
    #[garde(range(min = 1))]
    pub expected_version: Option<i64>,
    /// A new title, in one line.
    #[garde(length(chars, min = 1, max = 200))]
    pub title: Option<String>,
    /// A new text, in Markdown.
    #[garde(length(bytes, max = 16_384))]
    pub body: Option<String>,
    /// Whether it is not ready for its merge.
    pub draft: Option<bool>,
    /// Another branch to merge into.
    #[garde(length(bytes, min = 1, max = 200))]
    pub target: Option<String>,
    /// `closed` gives it up, `open` opens it again.
    pub state: Option<Wanted>,
}

/// What it is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Wanted {
    /// Open again.
    Open,
    /// Given up.
    Closed,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The pull request now.
    pub pull_request: Summary,
}

impl Tool for UpdatePullRequest {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "update_pull_request";
    const ABOUT: &'static str = "Change a pull request's title, text, target branch or draft mark, close it, or open it again. One that is \
                                 merged stays as it is. Its changes are those of its source branch: commit there to change them.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo)?;
        let row = server.pull(ctx, &key, args.number).await?;
        if let Some(expected) = args
            .expected_version
            .filter(|expected| *expected != row.version)
        {
            return Err(ToolError::precondition_failed(format!(
                "it has version {}, not {expected}",
                row.version
            ))
            .hint("read it again with get_pull_request"));
        }
        if row.state()? == PullState::Merged {
            return Err(ToolError::conflict(format!(
                "pull request {} is merged",
                row.number
            )));
        }
        let target = args.target.clone().unwrap_or_else(|| row.target.clone());
        if target == row.source {
            return Err(ToolError::invalid("/target", "is the source itself"));
        }
        let state = match args.state {
            Some(Wanted::Open) => Some(PullState::Open),
            Some(Wanted::Closed) => Some(PullState::Closed),
            None => None,
        };
        let (source, wanted) = (row.source.clone(), target);
        // A closed one may be without its branches; whatever is open has both.
        let needed = state != Some(PullState::Closed) && (args.target.is_some() || state.is_some());
        let ends = server
            .look_bare(ctx, &key, move |repository, _| {
                match pull::ends(repository, &source, &wanted) {
                    Err(_) if !needed => Ok(None),
                    ends => ends.map(Some),
                }
            })
            .await?;
        let patch = Patch {
            title: args
                .title
                .as_deref()
                .map(|title| line(title, "/title"))
                .transpose()?,
            body: args.body,
            draft: args.draft,
            target: args.target,
            state,
            ends: ends.map(|ends| (ends.head.to_string(), ends.base.to_string())),
        };
        let at = (row.number, row.version);
        let row = server.store.patch_pull(&key, at, patch, ctx.now()).await?;
        let row = row.ok_or_else(|| {
            ToolError::conflict("it changed while this was done")
                .hint("read it again with get_pull_request")
        })?;
        ctx.changed("git/pulls".to_owned());
        Ok(Output {
            pull_request: Summary::of(&row)?,
        })
    }
}
