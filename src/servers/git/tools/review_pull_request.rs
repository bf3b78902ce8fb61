//! `review_pull_request`: say what one thinks of a pull request.

use crate::{
    servers::git::{
        Git,
        engine::pull,
        model::{PullState, Verdict},
        review::{self, Readiness},
        store::{NewReview, Remark},
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ReviewPullRequest;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The pull request's number.
    #[garde(range(min = 1))]
    pub number: i64,
    /// What the review comes to.
    pub verdict: Verdict,
    /// What you think of it, in Markdown. Required unless you approve.
    #[serde(default)]
    #[garde(length(bytes, max = 16_384))]
    pub body: String,
    /// Remarks on lines.
    #[serde(default)]
    #[garde(length(max = 50), dive)]
    pub comments: Vec<LineComment>,
    /// The source's commit that you looked at, from get_pull_request: refused when the source has moved since.
    #[garde(length(bytes, min = 7, max = 64))]
    pub expected_head: Option<String>,
}

/// A remark.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct LineComment {
    /// The file, as in the diff.
    #[garde(length(bytes, min = 1, max = 4_096))]
    pub path: String,
    /// The line in the file as the source has it, counted from 1; the whole file when left out.
    #[garde(range(min = 1))]
    pub line: Option<i64>,
    /// What to say, in Markdown.
    #[garde(length(bytes, min = 1, max = 4_096))]
    pub body: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The review.
    pub review_id: String,
    /// The source's commit that it is of.
    pub head: String,
    /// What the merge still needs.
    pub merge: Readiness,
}

impl Tool for ReviewPullRequest {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "review_pull_request";
    const ABOUT: &'static str = "Review an open pull request: approve it, ask for changes, or comment, with remarks on lines. Read it first \
                                 with get_pull_request. Nobody approves their own. An approval is for the source's last commit: new commits \
                                 need a new one where the target branch is protected. Returns what the merge still needs.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo)?;
        if args.verdict != Verdict::Approve
            && args.body.trim().is_empty()
            && args.comments.is_empty()
        {
            return Err(ToolError::invalid(
                "/body",
                "is required, or comments: say what is to be changed",
            ));
        }
        let row = server.pull(ctx, &key, args.number).await?;
        if row.state()? != PullState::Open {
            return Err(ToolError::conflict(format!(
                "pull request {} is not open",
                row.number
            )));
        }
        if args.verdict == Verdict::Approve && row.author == ctx.agent().as_str() {
            return Err(ToolError::forbidden(
                "it is your own: another agent has to approve it",
            ));
        }
        let (source, target) = (row.source.clone(), row.target.clone());
        let (ends, conflicts) = server
            .look_bare(ctx, &key, move |repository, _| {
                let ends = pull::ends(repository, &source, &target)?;
                let conflicts = pull::conflicts(repository, &ends)?;
                Ok((ends, conflicts))
            })
            .await?;
        let head = ends.head.to_string();
        if let Some(expected) = args
            .expected_head
            .filter(|expected| !head.starts_with(expected.as_str()))
        {
            return Err(ToolError::precondition_failed(format!(
                "the source is at {head}, not at {expected}"
            ))
            .hint("look at what was added with get_pull_request")
            .details(serde_json::json!({ "head": head })));
        }
        let remarks = args.comments.into_iter().map(|comment| Remark {
            path: comment.path,
            line: comment.line,
            body: comment.body,
        });
        let new = NewReview {
            number: row.number,
            agent: ctx.agent().to_string(),
            verdict: args.verdict,
            body: args.body,
            head: head.clone(),
            remarks: remarks.collect(),
        };
        let review_id = server.store.add_review(&key, new, ctx.now()).await?;
        let merge = server.readiness(&key, &row, &ends, conflicts).await?;
        ctx.changed("git/pulls".to_owned());
        Ok(Output {
            review_id,
            head,
            merge,
        })
    }
}
