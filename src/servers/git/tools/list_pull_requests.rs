//! `list_pull_requests`: what waits to be merged, and what was.

use super::pull_request::Summary;
use crate::{
    servers::git::{Git, model::PullState, review, store::PullFilter},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ListPullRequests;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Only pull requests in this state; any when left out.
    pub state: Option<PullState>,
    /// Only those that this agent opened; `@me` is the calling agent.
    #[garde(length(chars, min = 1, max = 64))]
    pub author: Option<String>,
    /// Only those with changes of this branch.
    #[garde(length(bytes, min = 1, max = 200))]
    pub source: Option<String>,
    /// Only those for this branch.
    #[garde(length(bytes, min = 1, max = 200))]
    pub target: Option<String>,
    /// Only those with this text in the title, in any case.
    #[garde(length(chars, min = 1, max = 200))]
    pub text: Option<String>,
    /// Go on after an earlier page: its `next_cursor`, with all other arguments the same.
    #[garde(length(max = 2048))]
    pub cursor: Option<String>,
    /// Most pull requests to return; 20 when left out.
    #[garde(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The pull requests, the one that changed last first.
    pub items: Vec<Summary>,
    /// For `cursor`, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

const LIMIT: u32 = 20;

impl Tool for ListPullRequests {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "list_pull_requests";
    const ABOUT: &'static str = "List the pull requests of a repository, the one that changed last first. Use get_pull_request for what one \
                                 changes, what was said of it and what its merge needs. Returns pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo)?;
        let author = args.author.map(|author| match author.as_str() {
            "@me" => ctx.agent().to_string(),
            _ => author,
        });
        let filter = PullFilter {
            state: args.state.map(PullState::as_str),
            author,
            source: args.source,
            target: args.target,
            text: args.text,
        };
        let binding = (ctx.scope(), key.repo.as_str(), &filter);
        let decode = |cursor: String| paging::decode::<(Millis, i64)>(&binding, &cursor);
        let after = args.cursor.map(decode).transpose()?;
        let limit = args.limit.unwrap_or(LIMIT) as usize;
        let mut rows = server
            .store
            .pulls(&key, &filter, after, limit as i64 + 1)
            .await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        Ok(Output {
            next_cursor: last.map(|last| paging::encode(&binding, &(last.updated_ms, last.number))),
            items: rows.iter().map(Summary::of).collect::<Result<_, _>>()?,
        })
    }
}
