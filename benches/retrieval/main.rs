//! How well search finds: a test set's documents are added to a hub as any client adds them, its queries are asked in each
//! mode, and what comes back is judged. `cargo bench --bench retrieval -- DIR [RUNS]`: DIR has docs.jsonl (or .jsonl.gz),
//! queries.jsonl and qrels.jsonl; in RUNS, if given, each mode's answers are written for `trec_eval`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::pedantic,
    reason = "a test or a bench may fail loudly"
)]

mod score;
mod set;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each bench takes what it needs")]
mod support;

use std::{
    collections::HashMap,
    fmt::Write,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use score::{Run, judge, ranked};
use set::{Set, Text};
use support::{hub::Settings, knowledge::Knowledge, measure::percentile};

/// Distinct documents that are asked for.
const DOCUMENTS: usize = 100;
/// Characters of a title and of a query, at most.
const TITLE: usize = 200;
const QUERY: usize = 2_000;

#[tokio::main]
async fn main() -> ExitCode {
    let words = std::env::args().skip(1);
    let words: Vec<String> = words.filter(|word| !word.starts_with('-')).collect();
    let (dir, runs) = match &words[..] {
        [dir] => (Path::new(dir), None),
        [dir, runs] => (Path::new(dir), Some(Path::new(runs))),
        _ => {
            eprintln!("usage: just eval-retrieval DIR [RUNS]");
            return ExitCode::from(2);
        }
    };
    match Set::read(dir) {
        Ok(set) => evaluate(&set, runs).await,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn evaluate(set: &Set, runs: Option<&Path>) {
    let knowledge = Knowledge::start(Settings::default()).await;
    fill(&knowledge, set).await;
    println!(
        "{:<10} {:>8} {:>10} {:>8} {:>12}",
        "", "nDCG@10", "Recall@100", "MRR@10", "10 hits p50"
    );
    // Hybrid first: its time includes making the query's vector, which the hub then remembers.
    for mode in ["hybrid", "lexical", "semantic"] {
        let (mut run, mut times) = (Run::new(), Vec::new());
        for query in &set.queries {
            if !set.relevant.contains_key(&query.id) {
                continue;
            }
            let text: String = query.text.chars().take(QUERY).collect();
            let started = Instant::now();
            let asked = json!({"query": text, "mode": mode, "limit": 10});
            knowledge.call("search_knowledge", asked).await;
            times.push(started.elapsed());
            let found = documents(&knowledge, &text, mode).await;
            run.insert(query.id.clone(), found);
        }
        times.sort();
        let quality = judge(&set.relevant, &run);
        println!(
            "{mode:<10} {:>8.4} {:>10.4} {:>8.4} {:>9.1} ms",
            quality.ndcg_10,
            quality.recall_100,
            quality.mrr_10,
            ms(percentile(&times, 0.5))
        );
        if let Some(runs) = runs {
            write(runs, mode, &run);
        }
    }
}

async fn fill(knowledge: &Knowledge, set: &Set) {
    let documents: Vec<Value> = set.documents.iter().filter_map(document).collect();
    let count = documents.len() as u64;
    if documents.len() < set.documents.len() {
        let empty = set.documents.len() - documents.len();
        println!("{empty} documents have neither text nor title");
    }
    let started = Instant::now();
    let (added, refused) = knowledge.add(documents).await;
    knowledge.embedded().await;
    let embedded = started.elapsed();
    let stats = knowledge.stats().await;
    println!(
        "{}: {count} documents in {} chunks, {} queries; added and indexed in {:.1} s ({:.0} a second, {:.1} s of CPU), \
         all vectors after {:.1} s ({:.1} documents and {:.1} chunks a second)",
        set.name,
        stats["chunks"],
        set.relevant.len(),
        added.wall.as_secs_f64(),
        added.per_second(count),
        added.cpu,
        embedded.as_secs_f64(),
        count as f64 / embedded.as_secs_f64(),
        stats["chunks"].as_f64().unwrap() / embedded.as_secs_f64(),
    );
    if let Some((name, why)) = refused.first() {
        println!("{} were refused, e.g. {name}: {why}", refused.len());
    }
}

/// What is added for `text`; nothing where it says nothing.
fn document(text: &Text) -> Option<Value> {
    let said = [&text.text, &text.title]
        .into_iter()
        .find(|said| !said.trim().is_empty())?;
    let mut document = json!({"external_id": text.id, "source": {"text": said}});
    if !text.title.is_empty() {
        let title: String = text.title.chars().take(TITLE).collect();
        document["title"] = title.into();
    }
    Some(document)
}

/// The best documents, each with the score of its best chunk.
async fn documents(knowledge: &Knowledge, query: &str, mode: &str) -> HashMap<String, f64> {
    let mut found: HashMap<String, f64> = HashMap::new();
    let mut asked = json!({"query": query, "mode": mode, "limit": 100, "max_tokens": 11_000});
    loop {
        let page = knowledge.call("search_knowledge", asked.clone()).await;
        assert_eq!(page["mode_used"], mode, "{}", page["mode_reason"]);
        for hit in page["hits"].as_array().unwrap() {
            let score = hit["score"].as_f64().unwrap();
            let id = hit["external_id"].as_str().unwrap().to_owned();
            if found.len() == DOCUMENTS && !found.contains_key(&id) {
                return found;
            }
            let best = found.entry(id).or_insert(score);
            *best = best.max(score);
        }
        match &page["next_cursor"] {
            Value::Null => return found,
            cursor if found.len() < DOCUMENTS => asked["cursor"] = cursor.clone(),
            _ => return found,
        }
    }
}

fn write(dir: &Path, mode: &str, run: &Run) {
    let mut text = String::new();
    for (query, found) in run {
        for (place, (document, score)) in (1..).zip(ranked(found)) {
            writeln!(
                text,
                "{query} Q0 {document} {place} {score} syndarix-{mode}"
            )
            .unwrap();
        }
    }
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join(format!("{mode}.trec")), text).unwrap();
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
