//! `set_commit_status`: what a check says of a commit.

use super::pull_request::line;
pub use crate::servers::git::model::CheckState;
use crate::{
    servers::git::{Git, engine::name, review},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct SetCommitStatus;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The commit: its id, or a branch or tag that is at it now.
    #[garde(length(bytes, min = 1, max = 256))]
    pub commit: String,
    /// The check's name, such as `build` or `cicd/ci`.
    #[garde(length(chars, min = 1, max = 100))]
    pub context: String,
    /// What it says.
    pub state: CheckState,
    /// A line about it.
    #[garde(length(chars, min = 1, max = 200))]
    pub description: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit's id.
    pub commit: String,
    /// The check's name.
    pub context: String,
    /// What it says now.
    pub state: CheckState,
}

impl Tool for SetCommitStatus {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "set_commit_status";
    const ABOUT: &'static str = "Say what a check found of a commit: pending, success, failure or error, instead of what it said before. \
                                 Protected branches can require checks by name before a pull request is merged. Runs of run_workflow report \
                                 themselves as cicd/<workflow>.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo)?;
        let context = line(&args.context, "/context")?;
        let description = args
            .description
            .as_deref()
            .map(|text| line(text, "/description"));
        let description = description.transpose()?.unwrap_or_default();
        let commit = server
            .look_bare(ctx, &key, move |repository, _| {
                Ok(name::commit(repository, &args.commit)?.id().to_string())
            })
            .await?;
        let said = (context.as_str(), args.state, description.as_str());
        let by = ctx.agent().as_str();
        server
            .store
            .set_status(&key, &commit, said, by, ctx.now())
            .await?;
        ctx.changed("git/pulls".to_owned());
        Ok(Output {
            commit,
            context,
            state: args.state,
        })
    }
}
