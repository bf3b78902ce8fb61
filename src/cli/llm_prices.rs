//! `llm-prices`: what models cost, beyond the table that comes with the hub. A running hub notices within seconds.

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use clap::Subcommand;
use flate2::{Compression, write::GzEncoder};

use super::{hub, out};
use crate::{
    app::Store,
    base::clock::Clock,
    config::Settings,
    servers::llm_gateway::{
        engine::prices::{Origin, slim},
        prices, store,
    },
};

/// Largest table that is read, in bytes: the upstream one has 3 MB.
const MOST: u64 = 64 << 20;

#[derive(Debug, Subcommand)]
pub enum PricesCommand {
    /// Read a table in the form of litellm's model_prices_and_context_window.json, and store the prices that differ from those
    /// that hold now. They hold for requests that start from now on.
    Import {
        /// A file, or an address that starts with https://.
        source: String,
    },
    /// Write the table that is built into the hub, packed, to standard output.
    Slim {
        /// litellm's file.
        file: PathBuf,
        /// The release of litellm that it is of.
        #[arg(long)]
        release: String,
        /// The day that it was taken, as 2026-11-23.
        #[arg(long)]
        date: String,
    },
}

pub async fn run(settings: &Settings, command: PricesCommand) -> anyhow::Result<()> {
    match command {
        PricesCommand::Import { source } => import(settings, &source).await,
        PricesCommand::Slim {
            file,
            release,
            date,
        } => {
            let origin = Origin {
                source:
                    "https://github.com/BerriAI/litellm model_prices_and_context_window_backup.json"
                        .to_owned(),
                version: release,
                date,
                licence: "MIT, Copyright (c) 2023 Berri AI".to_owned(),
            };
            let upstream =
                serde_json::from_slice(&read(&file)?).context("the file is no JSON object")?;
            let table = slim(&upstream, origin).map_err(anyhow::Error::msg)?;
            let mut packed = GzEncoder::new(std::io::stdout().lock(), Compression::best());
            packed.write_all(&table)?;
            packed.finish()?.flush()?;
            Ok(())
        }
    }
}

async fn import(settings: &Settings, source: &str) -> anyhow::Result<()> {
    let json = if source.starts_with("https://") {
        fetch(source)
            .await
            .with_context(|| format!("cannot get {source}"))?
    } else {
        read(&PathBuf::from(source))?
    };
    let hub = Store::open(settings).await?;
    let done = prices::import(
        &store::Store::new(hub.db.clone()),
        &json,
        Clock::System.now(),
    )
    .await;
    hub.db.close().await;
    let done = done?;
    out::line(&format!(
        "{} models read, {} of them with a new price.",
        done.read, done.changed
    ))
}

fn read(file: &PathBuf) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

async fn fetch(url: &str) -> anyhow::Result<Vec<u8>> {
    let client = hub::http()
        .timeout(std::time::Duration::from_secs(60))
        .build()?;
    let mut answer = client.get(url).send().await?.error_for_status()?;
    let mut json = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        anyhow::ensure!(
            (json.len() + piece.len()) as u64 <= MOST,
            "it is larger than {MOST} bytes"
        );
        json.extend_from_slice(&piece);
    }
    Ok(json)
}
