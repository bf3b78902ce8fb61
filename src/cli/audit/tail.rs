//! `audit tail`: calls as they end. They are followed by their links, for one that took long ends after others that began later.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;

use super::{Filter, HEADINGS, row};
use crate::{
    app::Store,
    audit::{self, Query, Record},
    cli::out,
};

/// How often the database is asked.
const POLL: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    filter: Filter,
    /// How many of before are shown first.
    #[arg(long, short = 'n', default_value_t = 10)]
    lines: u32,
    /// Lines of JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(store: &Store, args: TailArgs) -> anyhow::Result<()> {
    let query = args.filter.query(store.now())?;
    let print = |record: Record| {
        if args.json {
            out::line(&serde_json::to_string(&record)?)
        } else {
            out::line(&row(record).join("  "))
        }
    };
    // What ends between the two is shown by neither, or by both: so it is asked for first, and shown but once.
    let mut seen = audit::ends(&store.db).await?;
    if !args.json {
        out::line(&HEADINGS.join("  "))?;
    }
    let mut before = store.audit(&query, args.lines).await?;
    before.retain(|record| record.duration_us.is_some());
    let shown: Vec<String> = before.iter().map(|record| record.id.clone()).collect();
    for record in before.into_iter().rev() {
        print(record)?;
    }
    loop {
        for record in news(store, &query, &mut seen).await? {
            if !shown.contains(&record.id) {
                print(record)?;
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What has ended since the links in `seen`, by chain.
async fn news(
    store: &Store,
    query: &Query,
    seen: &mut BTreeMap<String, i64>,
) -> anyhow::Result<Vec<Record>> {
    let mut news = Vec::new();
    for (chain, last) in audit::ends(&store.db).await? {
        let after = seen.entry(chain.clone()).or_insert(0);
        if *after < last {
            let found = audit::ended(&store.db, &chain, (*after, last)).await?;
            news.extend(found.into_iter().filter(|record| query.takes(record)));
            *after = last;
        }
    }
    Ok(news)
}
