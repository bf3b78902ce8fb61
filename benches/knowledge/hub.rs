//! The knowledge base of a hub, through REST.
//!
//! The built-in model would take hours for so many texts. Those vectors come from the gateway's `mock/embed`, of as many
//! numbers, so that all but the making of vectors costs what it costs; a second hub tells what that does.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    CHUNKS, QUERIES, WORDS, milliseconds, row,
    support::{hub::Settings, knowledge::Knowledge, process::rss_mib},
    text::Writer,
};

/// Words of about 250 of the built-in model's tokens, of which most of these words take three.
const LONG: usize = 80;
/// Documents that the built-in model reads.
const READ: usize = 240;

pub async fn many() {
    let vectors = "[servers.knowledge_base.embedding]\nprovider = \"gateway\"\nmodel = \"mock/embed\"\ndimensions = 384\n";
    let knowledge = Knowledge::start(Settings::default().server("knowledge_base", vectors)).await;
    let mut writer = Writer::new(1);
    let texts = (0..CHUNKS).map(|n| document(n, writer.text(WORDS)));
    let (added, refused) = knowledge.add(texts).await;
    assert!(refused.is_empty(), "{refused:?}");
    row(
        "documents added and indexed",
        &format!(
            "{:.0} a second, {:.0} us of CPU each",
            added.per_second(CHUNKS as u64),
            added.cpu * 1e6 / CHUNKS as f64
        ),
    );
    knowledge.embedded().await;
    memory(&knowledge, "with vectors of mock/embed");
    for mode in ["lexical", "semantic", "hybrid"] {
        let name = format!("{mode}, 10 hits (mock/embed)");
        row(&name, &asked(&knowledge, mode, Writer::new(2)).await);
    }
    searchable(&knowledge).await;
}

pub async fn builtin() {
    let knowledge = Knowledge::start(Settings::default()).await;
    let mut writer = Writer::new(4);
    let texts: Vec<Value> = (0..READ).map(|n| document(n, writer.text(LONG))).collect();
    let started = Instant::now();
    knowledge.add(texts).await;
    knowledge.embedded().await;
    let rate = READ as f64 / started.elapsed().as_secs_f64();
    row(
        "the built-in model, documents read",
        &format!("{rate:.1} a second"),
    );
    row(
        "hybrid, 10 hits, with the question's vector",
        &asked(&knowledge, "hybrid", Writer::new(5)).await,
    );
    memory(&knowledge, "with the built-in model in use");
}

fn memory(knowledge: &Knowledge, when: &str) {
    let mib = rss_mib(knowledge.hub.pid());
    row(
        &format!("resident memory, {when}"),
        &format!("{mib:.0} MiB"),
    );
}

async fn asked(knowledge: &Knowledge, mode: &str, mut writer: Writer) -> String {
    let mut times = Vec::new();
    for _ in 0..QUERIES {
        let asked = json!({"query": writer.query(), "mode": mode, "limit": 10});
        let started = Instant::now();
        let page = knowledge.call("search_knowledge", asked).await;
        times.push(started.elapsed());
        assert_eq!(page["mode_used"], mode, "{page}");
    }
    milliseconds(times)
}

/// From the answer of add_document until a search finds it.
async fn searchable(knowledge: &Knowledge) {
    let mut times = Vec::new();
    for n in 0..30 {
        let word = format!("quirk{n}zz");
        let sent = json!({"source": {"text": format!("A note on {word}.")}, "external_id": word});
        knowledge.call("add_document", sent).await;
        let started = Instant::now();
        loop {
            let asked = json!({"query": word, "mode": "lexical", "limit": 1});
            let page = knowledge.call("search_knowledge", asked).await;
            if page["hits"][0]["external_id"] == word {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(started.elapsed());
    }
    row("from acknowledgement to found", &milliseconds(times));
}

fn document(n: usize, text: String) -> Value {
    json!({"external_id": format!("note-{n}"), "title": format!("Note {n}"), "format": "markdown", "source": {"text": text}})
}
