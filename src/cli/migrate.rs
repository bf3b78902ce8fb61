//! `migrate`: bring the database up to date, or say whether it is.

use clap::Args;

use super::{exit::Exit, out};
use crate::{app::Store, config::Settings, db};

#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Change nothing: say which migrations are to be made. Exit code 1 if there are any, or the database is too new.
    #[arg(long)]
    check: bool,
}

pub async fn run(settings: &Settings, args: &MigrateArgs) -> anyhow::Result<()> {
    let schema = db::schema(&settings.database, &settings.storage.data).await?;
    let (found, known) = (schema.found, schema.known);
    if let Some(found) = found.filter(|found| *found > known) {
        return Err(db::DbError::NewerSchema { found, known }.into());
    }
    if schema.pending.is_empty() {
        return out::line(&format!("The database is up to date: schema {known}."));
    }
    let found = found.map_or("no schema yet".to_owned(), |found| {
        format!("schema {found}")
    });
    let count = schema.pending.len();
    if args.check {
        for (version, name) in &schema.pending {
            out::line(&format!("{version:04} {name}"))?;
        }
        return Err(Exit::Fault.say(format!(
            "the database has {found}: {count} migrations are to be made, by syndarix migrate or by the next start"
        )));
    }
    // Opening it makes them.
    Store::open(settings).await?.db.close().await;
    out::line(&format!(
        "Made {count} migrations: the database had {found}, and has schema {known}."
    ))?;
    let kept =
        settings
            .storage
            .data
            .join(format!("{}.schema-{}", db::FILE, schema.found.unwrap_or(0)));
    if kept.exists() {
        out::line(&format!("What it was before is in {}.", kept.display()))?;
    }
    Ok(())
}
