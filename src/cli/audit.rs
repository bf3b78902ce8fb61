//! `audit`: find calls in the audit log, whether the hub runs or not. A running hub's last reading calls may be missing for
//! a moment: they are written in batches.

use clap::Args;

use super::out;
use crate::{app::Store, audit::Query, base::clock::rfc3339, config::Settings};

#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Only calls in this project.
    #[arg(long)]
    project: Option<String>,
    /// Only calls for this agent.
    #[arg(long)]
    agent: Option<String>,
    /// Only calls by this token id.
    #[arg(long)]
    token: Option<String>,
    /// Only calls to this server.
    #[arg(long)]
    server: Option<String>,
    /// Only calls of this tool.
    #[arg(long)]
    tool: Option<String>,
    /// Only calls that ended so: ok, error, refused, cancelled, aborted.
    #[arg(long)]
    outcome: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

pub async fn run(settings: &Settings, args: AuditArgs) -> anyhow::Result<()> {
    let store = Store::open(settings).await?;
    let query = Query {
        project_id: args.project,
        agent_id: args.agent,
        principal_id: args.token,
        server: args.server,
        tool: args.tool,
        outcome: args.outcome,
        ..Query::default()
    };
    let rows: Vec<Vec<String>> = store
        .audit(&query, args.limit)
        .await?
        .into_iter()
        .map(|r| {
            let took = r
                .duration_us
                .map(|us| format!("{:.1} ms", us as f64 / 1000.0))
                .unwrap_or_default();
            let who = format!("{}/{}", r.project_id, r.agent_id);
            let what = format!("{}.{}", r.server, r.tool);
            let end = r
                .code
                .map_or(r.outcome.clone(), |code| format!("{} {code}", r.outcome));
            vec![
                rfc3339(r.started_ms),
                r.origin,
                who,
                what,
                end,
                took,
                r.principal_id,
            ]
        })
        .collect();
    out::table(
        &[
            "TIME",
            "FACE",
            "PROJECT/AGENT",
            "TOOL",
            "OUTCOME",
            "TOOK",
            "TOKEN",
        ],
        &rows,
    )?;
    store.db.close().await;
    Ok(())
}
