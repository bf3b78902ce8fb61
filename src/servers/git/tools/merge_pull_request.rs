//! `merge_pull_request`: put a pull request's changes on its target branch.

use git2::Oid;

use crate::{
    project::workspace::branch_holders,
    servers::git::{
        Git,
        engine::{Error, pull},
        model::Method,
        review,
        store::{Close, RepoKey},
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct MergePullRequest;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The pull request's number.
    #[garde(range(min = 1))]
    pub number: i64,
    /// How; `merge` when left out.
    pub method: Option<Method>,
    /// The message of the new commit; made of the title and the text when left out. Not for `rebase`, which keeps each commit's.
    #[garde(length(bytes, min = 1, max = 65_536))]
    pub message: Option<String>,
    /// The source's commit that you looked at: refused when the source has moved since.
    #[garde(length(bytes, min = 7, max = 64))]
    pub expected_head: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The pull request's number.
    pub number: i64,
    /// The target's last commit now.
    pub merge_commit: String,
    /// The branch that it is on.
    pub target: String,
    /// How it was merged.
    pub method: Method,
    /// The pull request's version.
    pub version: i64,
}

impl Tool for MergePullRequest {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "merge_pull_request";
    const ABOUT: &'static str = "Merge an open pull request into its target branch: with a merge commit, squashed into one commit, or rebased. \
                                 Refused while something is missing, such as approvals or checks of a protected branch, and while it \
                                 conflicts. Returns the new commit. The source branch stays.";
    const ACCESS: Access = Access::Write;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo)?;
        let method = args.method.unwrap_or(Method::Merge);
        if method == Method::Rebase && args.message.is_some() {
            return Err(ToolError::invalid(
                "/message",
                "is not for rebase, which keeps each commit's own",
            ));
        }
        let row = server.pull(ctx, &key, args.number).await?;
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
        let merge = server.readiness(&key, &row, &ends, conflicts).await?;
        if !merge.ready {
            return Err(ToolError::conflict(format!(
                "it cannot be merged: {}",
                merge.missing.join("; ")
            ))
            .hint("get_pull_request shows what its merge needs")
            .details(
                serde_json::json!({ "missing": merge.missing, "conflicts": merge.conflicts }),
            ));
        }
        let who = server.who(ctx);
        let message = args.message.unwrap_or_else(|| match method {
            Method::Merge => format!(
                "Merge pull request #{} from {}\n\n{}",
                row.number, row.source, row.title
            ),
            Method::Squash | Method::Rebase => {
                format!("{} (#{})\n\n{}", row.title, row.number, row.body)
            }
        });
        let target = row.target.clone();
        let made = server
            .look_bare(ctx, &key, move |repository, _| {
                // Its files would show the merge undone.
                if let Some(holder) = branch_holders(repository, &target)?.pop() {
                    return Err(Error::TargetInUse { target, holder });
                }
                match method {
                    Method::Merge => pull::merge(repository, &ends, &message, &who),
                    Method::Squash => pull::squash(repository, &ends, &message, &who),
                    Method::Rebase => pull::rebase(repository, &ends, &who),
                }
            })
            .await?;
        // Noted before the branch moves: a crash in between leaves word of what to look for.
        let close = Close {
            merge_commit: made.to_string(),
            merged_by: ctx.agent().to_string(),
            method,
            head,
            base: ends.base.to_string(),
        };
        let at = (row.number, row.version);
        if !server.store.begin_landing(&key, at, close).await? {
            return Err(ToolError::conflict("it changed while this was done")
                .hint("read it again with get_pull_request"));
        }
        let landed = server
            .land(ctx, &key, &row.target, (ends.base, made), row.number)
            .await;
        let ended = server
            .store
            .end_landing(&key, row.number, landed.is_ok(), ctx.now())
            .await?;
        landed?;
        ctx.changed("git/pulls".to_owned());
        ctx.changed("git/branches".to_owned());
        Ok(Output {
            number: row.number,
            merge_commit: made.to_string(),
            target: row.target,
            method,
            version: ended.map_or(row.version, |row| row.version),
        })
    }
}

impl Git {
    async fn land(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
        target: &str,
        (from, to): (Oid, Oid),
        number: i64,
    ) -> Result<(), ToolError> {
        let target = target.to_owned();
        let why = format!("merge of pull request {number}");
        self.change_bare(ctx, key, move |repository| {
            match pull::land(repository, &target, from, to, &why) {
                Err(Error::HeadMoved(now)) => Err(Error::TargetMoved { target, now }),
                landed => landed,
            }
        })
        .await
    }
}
