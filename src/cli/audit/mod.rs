//! `audit`: the audit log, whether the hub runs or not. A running hub's last reading calls may be missing for a moment: they are
//! written in batches.

mod export;
mod filter;
mod tail;
mod verify;

use clap::{Args, Subcommand};

use self::filter::Filter;
use super::out;
use crate::{app::Store, audit::Record, base::clock::rfc3339, config::Settings};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    filter: Filter,
    /// How many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Print calls as they end, until Ctrl-C.
    Tail(tail::TailArgs),
    /// Print calls as lines of JSON, oldest first.
    Export(export::ExportArgs),
    /// Say whether the log is what was written: nothing changed, deleted, put in or cut off.
    Verify(verify::VerifyArgs),
}

pub async fn run(settings: &Settings, args: AuditArgs) -> anyhow::Result<()> {
    let store = Store::open(settings).await?;
    let done = match args.command {
        Some(AuditCommand::Tail(args)) => tail::run(&store, args).await,
        Some(AuditCommand::Export(args)) => export::run(&store, args).await,
        Some(AuditCommand::Verify(args)) => verify::run(&store, args).await,
        None => list(&store, args.filter, args.limit).await,
    };
    store.db.close().await;
    done
}

async fn list(store: &Store, filter: Filter, limit: u32) -> anyhow::Result<()> {
    let records = store.audit(&filter.query(store.now())?, limit).await?;
    let rows: Vec<Vec<String>> = records.into_iter().map(|r| row(r).into()).collect();
    out::table(&HEADINGS, &rows)
}

const HEADINGS: [&str; 7] = [
    "TIME",
    "FACE",
    "PROJECT/AGENT",
    "TOOL",
    "OUTCOME",
    "TOOK",
    "TOKEN",
];

fn row(r: Record) -> [String; 7] {
    let took = r
        .duration_us
        .map(|us| format!("{:.1} ms", us as f64 / 1000.0));
    let end = match r.code {
        Some(code) => format!("{} {code}", r.outcome),
        None => r.outcome,
    };
    [
        rfc3339(r.started_ms),
        r.origin,
        format!("{}/{}", r.project_id, r.agent_id),
        format!("{}.{}", r.server, r.tool),
        end,
        took.unwrap_or_default(),
        r.principal_id,
    ]
}
