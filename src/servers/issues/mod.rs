//! issues-mcp: the team's tracker, built for many agents at once. Numbers, history, claims and idempotency keys are
//! written in the transaction of the change they belong to.

mod config;
mod engine;
pub mod model;
mod prompts;
mod resources;
mod routes;
pub mod store;
pub mod tools;

pub use config::Config;

use crate::tool::prelude::*;
use store::IssueStore;
use tools::{
    add_issue_comment::AddIssueComment, claim_issue::ClaimIssue, create_issue::CreateIssue,
    get_issue::GetIssue, list_issues::ListIssues, update_issue::UpdateIssue,
};

/// The issues server.
#[derive(Debug)]
pub struct Issues {
    store: IssueStore,
    config: Config,
}

impl Issues {
    /// Opens the tracker of `host`.
    ///
    /// # Errors
    /// None today; every server opens this way.
    #[allow(clippy::unused_async, reason = "every server opens the same way")]
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        let store = IssueStore::new(host.db.clone());
        Ok(Self { store, config })
    }
}

impl ToolServer for Issues {
    const ID: ServerId = ServerId::Issues;
    const ROUTES: &'static [Route] = routes::ROUTES;
    const RESOURCES: &'static [Resource] = resources::RESOURCES;
    const PROMPTS: &'static [Prompt] = prompts::PROMPTS;
    const COMPLETIONS: &'static [Completion] = resources::COMPLETIONS;

    fn tools(set: &mut ToolSet<Self>) {
        set.add::<CreateIssue>()
            .add::<GetIssue>()
            .add::<ListIssues>()
            .add::<UpdateIssue>()
            .add::<AddIssueComment>()
            .add::<ClaimIssue>();
    }
}
