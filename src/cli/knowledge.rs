//! `knowledge`: care of the knowledge base, through the running hub, or in this process if none is running.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    hub::{Answer, Reach},
    out,
};
use crate::{config::Settings, project::DEFAULT};

/// Bytes of texts that are asked for at once.
const PAGE: usize = 2_000_000;

#[derive(Debug, Subcommand)]
pub enum KnowledgeCommand {
    /// Compare the search index and the vectors with the database.
    Verify {
        /// Have every document that differs taken in again.
        #[arg(long)]
        repair: bool,
    },
    /// Fill the search index anew, beside the one that serves.
    Reindex,
    /// Say how much there is, and how far the index and the vectors are.
    Stats,
    /// Write documents, with all their versions, as lines of JSON to standard output.
    Export {
        #[command(flatten)]
        place: Place,
    },
    /// Add the documents that export wrote. Memories are left out: they are saved by who vouches for them.
    Import {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
pub struct Place {
    /// The project.
    #[arg(long, env = "SYX_PROJECT", default_value = DEFAULT)]
    project: String,
    /// The agent to work for.
    #[arg(long, env = "SYX_AGENT", default_value = DEFAULT)]
    agent: String,
    /// Global documents instead of the project's.
    #[arg(long)]
    global: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            project: DEFAULT.to_owned(),
            agent: DEFAULT.to_owned(),
            global: false,
        }
    }
}

pub async fn run(settings: Settings, command: KnowledgeCommand) -> anyhow::Result<()> {
    let hub = Reach::open(settings).await?;
    let done = match command {
        KnowledgeCommand::Verify { repair } => verify(&hub, repair).await,
        KnowledgeCommand::Reindex => reindex(&hub).await,
        KnowledgeCommand::Stats => {
            let stats = ask(&hub, "knowledge_stats", json!({}), &Place::default()).await;
            stats.and_then(|stats| out::line(&serde_json::to_string_pretty(&stats)?))
        }
        KnowledgeCommand::Export { place } => export(&hub, &place).await,
        KnowledgeCommand::Import { file, place } => import(&hub, &file, &place).await,
    };
    hub.close().await;
    done
}

async fn verify(hub: &Reach, repair: bool) -> anyhow::Result<()> {
    let sent = json!({"repair": repair});
    let report = ask(hub, "verify_knowledge", sent, &Place::default()).await?;
    out::line(&serde_json::to_string_pretty(&report)?)?;
    let clean = report.get("clean") == Some(&Value::Bool(true));
    anyhow::ensure!(
        clean || repair,
        "the index or the vectors differ from the database: syndarix knowledge verify --repair, or reindex"
    );
    Ok(())
}

async fn reindex(hub: &Reach) -> anyhow::Result<()> {
    loop {
        let sent = json!({"wait_ms": 60_000});
        let answer = ask(hub, "reindex_knowledge", sent, &Place::default()).await?;
        if answer.get("done") == Some(&Value::Bool(true)) {
            return out::line("The index was filled anew and serves.");
        }
        let stats = ask(hub, "knowledge_stats", json!({}), &Place::default()).await?;
        let filling = stats.pointer("/index/filling").and_then(Value::as_u64);
        let Some(documents) = filling else {
            return out::line("The index was filled anew and serves.");
        };
        out::error(&format!("{documents} documents so far"));
    }
}

async fn export(hub: &Reach, place: &Place) -> anyhow::Result<()> {
    let mut cursor = None;
    loop {
        let mut sent = json!({"max_bytes": PAGE, "scope": place.scope()});
        if let (Some(cursor), Some(sent)) = (cursor, sent.as_object_mut()) {
            sent.insert("cursor".to_owned(), cursor);
        }
        let page = ask(hub, "export_knowledge", sent, place).await?;
        let items = page.get("items").and_then(Value::as_array);
        for item in items.into_iter().flatten() {
            out::line(&item.to_string())?;
        }
        match page.get("next_cursor") {
            Some(next) => cursor = Some(next.clone()),
            None => return Ok(()),
        }
    }
}

async fn import(hub: &Reach, file: &PathBuf, place: &Place) -> anyhow::Result<()> {
    let opened = std::fs::File::open(file);
    let lines = BufReader::new(opened.with_context(|| format!("cannot read {}", file.display()))?);
    let (mut added, mut memories) = (0, 0);
    for (n, line) in (1..).zip(lines.lines()) {
        let line: Value =
            serde_json::from_str(&line?).with_context(|| format!("line {n} is not JSON"))?;
        if line.get("memory").is_some() {
            memories += 1;
            continue;
        }
        let mut sent =
            json!({"source": {"text": line.get("text")}, "scope": place.scope(), "wait_ms": 0});
        if let Some(sent) = sent.as_object_mut() {
            for key in [
                "external_id",
                "title",
                "uri",
                "collection",
                "format",
                "metadata",
            ] {
                if let Some(value) = line.get(key) {
                    sent.insert(key.to_owned(), value.clone());
                }
            }
        }
        let done = ask(hub, "add_document", sent, place).await;
        done.with_context(|| format!("line {n}"))?;
        added += 1;
    }
    out::line(&format!(
        "{added} versions of documents were added; {memories} of memories were left out."
    ))
}

impl Place {
    fn scope(&self) -> &'static str {
        if self.global { "global" } else { "project" }
    }
}

async fn ask(hub: &Reach, tool: &str, args: Value, place: &Place) -> anyhow::Result<Value> {
    let mut sent: Map<String, Value> = args.as_object().cloned().unwrap_or_default();
    sent.insert(crate::tool::PROJECT_ID.into(), place.project.clone().into());
    sent.insert(crate::tool::AGENT_ID.into(), place.agent.clone().into());
    let Answer { ok, body } = hub.call("knowledge_base", tool, sent).await?;
    let said = ["detail", "message"]
        .iter()
        .find_map(|key| body.get(key).and_then(Value::as_str));
    anyhow::ensure!(ok, "{}", said.unwrap_or("the hub refused"));
    Ok(body)
}
