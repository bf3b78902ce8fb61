//! `audit verify`: whether the log is what was written.

use anyhow::Context;
use clap::Args;

use crate::{
    app::Store,
    audit::{self, Head},
    base::clock::rfc3339,
    cli::{exit::Exit, out},
};

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A last link that an earlier verification told, which must still be there; repeat for several.
    #[arg(long = "known", value_name = "CHAIN:LINK:MAC", value_parser = head)]
    known: Vec<Head>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

fn head(text: &str) -> Result<Head, String> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [chain, seq, mac] => Ok(Head {
            chain: (*chain).to_owned(),
            seq: seq.parse().map_err(|_| format!("{seq:?} is no number"))?,
            mac: (*mac).to_owned(),
        }),
        _ => Err("write it as it was told: CHAIN:LINK:MAC".to_owned()),
    }
}

pub async fn run(store: &Store, args: VerifyArgs) -> anyhow::Result<()> {
    let report = audit::verify(&store.db, &store.audit_key, &store.data, &args.known).await?;
    if args.json {
        out::line(&serde_json::to_string_pretty(&report)?)?;
    } else {
        for chain in &report.chains {
            let (id, first, last) = (&chain.chain, chain.first, chain.last);
            let since = rfc3339(chain.created_ms);
            out::line(&format!("{id} since {since}: links {first} to {last}"))?;
            out::line(&format!("    {id}:{last}:{}", chain.mac))?;
        }
        for problem in &report.problems {
            out::line(problem)?;
        }
    }
    if report.problems.is_empty() {
        if !args.json {
            out::line(
                "The audit log is what was written. To see later that its end was not cut off, keep the last links elsewhere.",
            )?;
        }
        return Ok(());
    }
    Err(Exit::Fault.say(
        "the audit log is not what was written: somebody changed it, or the database was set back to an older state",
    ))
    .context("verification failed")
}
