//! How fast the knowledge base is with 100,000 chunks: its engine alone, a hub through REST, and tantivy and SQLite's FTS5
//! beside them, with the same texts and queries. `cargo bench --bench knowledge`, or only some parts:
//! `-- engine hub builtin peers`.

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

mod engine;
mod hub;
mod peers;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each bench takes what it needs")]
mod support;
mod text;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use support::measure::percentile;

/// Chunks, each a document, and words of each.
const CHUNKS: usize = 100_000;
const WORDS: usize = 100;
const QUERIES: usize = 300;

#[tokio::main]
async fn main() {
    let words = std::env::args().skip(1);
    let named: Vec<String> = words.filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|n| n == part);
    println!("{CHUNKS} chunks of {WORDS} words, queries of 3");
    if wanted("engine") {
        println!("\n## The engine, in this process");
        tokio::task::spawn_blocking(engine::run).await.unwrap();
    }
    if wanted("peers") {
        println!("\n## Others, in this process");
        tokio::task::spawn_blocking(peers::tantivy).await.unwrap();
        peers::fts5().await;
    }
    if wanted("hub") {
        println!(
            "\n## A hub through REST; its vectors are made by mock/embed, which costs next to nothing"
        );
        hub::many().await;
    }
    if wanted("builtin") {
        println!("\n## A hub of few documents, with the built-in model");
        hub::builtin().await;
    }
}

/// How long `once` takes for each of `inputs`.
fn timed<I, R>(inputs: &[I], once: impl Fn(&I) -> R) -> String {
    let time = |input| {
        let started = Instant::now();
        black_box(once(input));
        started.elapsed()
    };
    milliseconds(inputs.iter().map(time).collect())
}

fn milliseconds(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share| percentile(&times, share).as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}

fn row(name: &str, value: &str) {
    println!("{name:<48} {value}");
}
