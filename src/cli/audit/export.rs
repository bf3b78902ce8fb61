//! `audit export`: lines of JSON.

use clap::Args;

use super::Filter;
use crate::{app::Store, audit, cli::out};

/// Entries read at a time.
const PAGE: u32 = 1000;

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    filter: Filter,
}

pub async fn run(store: &Store, args: ExportArgs) -> anyhow::Result<()> {
    let query = args.filter.query(store.now())?;
    let mut after = None;
    loop {
        let page = audit::since(&store.db, &query, after.as_ref(), PAGE).await?;
        for record in &page {
            out::line(&serde_json::to_string(record)?)?;
        }
        match page.last().filter(|_| page.len() == PAGE as usize) {
            Some(last) => after = Some((last.started_ms, last.id.clone())),
            None => return Ok(()),
        }
    }
}
