//! The parts of a search in this process, one thread: no HTTP, no SQL.

use std::time::Instant;

use syndarix::servers::knowledge_base::engine::{
    embed::{Builtin, DIMENSIONS},
    filter::{DocumentFacts, Filter},
    lexical::{Change, Entry, LexicalIndex, Put, Query},
    vectors::Vectors,
};

use super::{CHUNKS, QUERIES, WORDS, row, text::Writer, timed};

/// Chunks of a commit.
const COMMIT: usize = 500;

pub fn run() {
    let dir = tempfile::tempdir().unwrap();
    let index = LexicalIndex::open(dir.path()).unwrap().index;
    let mut writer = Writer::new(1);
    let mut texts = (0..CHUNKS).map(|n| put(n, writer.text(WORDS)));
    let started = Instant::now();
    loop {
        let changes: Vec<Change> = texts.by_ref().take(COMMIT).collect();
        if changes.is_empty() {
            break;
        }
        index.apply(changes, None).unwrap();
    }
    row(
        "lexical index, commits of 500",
        &format!(
            "{:.0} chunks/s",
            CHUNKS as f64 / started.elapsed().as_secs_f64()
        ),
    );
    let mut writer = Writer::new(2);
    let queries: Vec<Query> = (0..QUERIES)
        .map(|_| Query::parse(&writer.query()))
        .collect();
    let all = filter();
    let half = Filter {
        collection: Some("even".into()),
        ..filter()
    };
    // Words that were counted in an earlier search of the same scopes are not counted again.
    for (name, filter, limit) in [
        ("BM25 top 10, words not counted before", &all, 10),
        ("BM25 top 10", &all, 10),
        ("BM25 top 10 in a collection of half", &half, 10),
        ("BM25 top 400, as hybrid takes", &all, 400),
    ] {
        let found = |query: &Query| index.search(query, filter, limit).unwrap();
        row(name, &timed(&queries, found));
    }
    vectors();
}

fn vectors() {
    let vectors = Vectors::new(DIMENSIONS);
    let mut writer = Writer::new(3);
    for n in 0..CHUNKS {
        let name = format!("chk_{n:026}");
        vectors.put(facts(n), vec![(name, writer.vector(DIMENSIONS))]);
    }
    let queries: Vec<Vec<f32>> = (0..50).map(|_| writer.vector(DIMENSIONS)).collect();
    let near = |query: &Vec<f32>| vectors.search(query, &filter(), 400);
    row("nearest 400 of all vectors", &timed(&queries, near));
    let model = Builtin::shared().unwrap();
    let questions: Vec<&str> = [
        "how does a lease expire",
        "where is the outbox drained and who commits",
        "reset a password",
        "which formats can be added to the knowledge base",
    ]
    .repeat(12);
    let embed = |question: &&str| model.embed(&[question]);
    row(
        "the built-in model's vector of a question",
        &timed(&questions, embed),
    );
}

fn put(n: usize, text: String) -> Change {
    let entry = Entry {
        chunk_id: format!("chk_{n:026}"),
        title: format!("Note {n}"),
        heading: String::new(),
        symbol: None,
        text,
    };
    Change::Put(Put {
        facts: facts(n),
        entries: vec![entry],
    })
}

fn facts(n: usize) -> DocumentFacts {
    let collection = if n.is_multiple_of(2) { "even" } else { "odd" };
    DocumentFacts {
        document_id: format!("doc_{n:026}").into(),
        scope: "project:default".into(),
        collection: Some(collection.into()),
        form: "markdown".into(),
        ..DocumentFacts::default()
    }
}

fn filter() -> Filter {
    Filter {
        scopes: vec!["project:default".into(), "global".into()],
        ..Filter::default()
    }
}
