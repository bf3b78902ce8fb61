//! The same texts and queries in tantivy by itself and in SQLite's FTS5, each as its documentation shows.

use std::time::{Duration, Instant};

use sqlx::{Connection, SqliteConnection};
use tantivy::{
    Index, TantivyDocument, Term,
    collector::TopDocs,
    query::{BooleanQuery, Query, TermQuery},
    schema::{IndexRecordOption, STORED, Schema, TEXT},
};

use super::{CHUNKS, QUERIES, WORDS, milliseconds, row, text::Writer, timed};

pub fn tantivy() {
    let dir = tempfile::tempdir().unwrap();
    let mut schema = Schema::builder();
    let field = schema.add_text_field("text", TEXT | STORED);
    let index = Index::create_in_dir(dir.path(), schema.build()).unwrap();
    let mut writer = index.writer_with_num_threads(1, 50 << 20).unwrap();
    let mut texts = Writer::new(1);
    let started = Instant::now();
    for _ in 0..CHUNKS {
        let mut document = TantivyDocument::new();
        document.add_text(field, texts.text(WORDS));
        writer.add_document(document).unwrap();
    }
    writer.commit().unwrap();
    rate("tantivy alone, one commit", started.elapsed());
    let searcher = index.reader().unwrap().searcher();
    let mut texts = Writer::new(2);
    let queries: Vec<String> = (0..QUERIES).map(|_| texts.query()).collect();
    let found = |query: &String| {
        let words = query.split(' ').map(|word| {
            let term = Term::from_field_text(field, word);
            Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)) as Box<dyn Query>
        });
        let query = BooleanQuery::union(words.collect());
        let best = TopDocs::with_limit(10).order_by_score();
        searcher.search(&query, &best).unwrap()
    };
    row("tantivy alone, BM25 top 10", &timed(&queries, found));
}

pub async fn fts5() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", dir.path().join("fts").display());
    let mut db = SqliteConnection::connect(&url).await.unwrap();
    for sql in [
        "pragma journal_mode = wal",
        "create virtual table chunk using fts5 (text)",
    ] {
        sqlx::query(sql).execute(&mut db).await.unwrap();
    }
    let mut texts = Writer::new(1);
    let started = Instant::now();
    let mut tx = db.begin().await.unwrap();
    for _ in 0..CHUNKS {
        let insert = sqlx::query("insert into chunk (text) values ($1)").bind(texts.text(WORDS));
        insert.execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    rate("SQLite FTS5, one transaction", started.elapsed());
    let mut texts = Writer::new(2);
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..QUERIES {
        let query = texts.query().replace(' ', " OR ");
        let started = Instant::now();
        let sql = "select rowid from chunk where chunk match $1 order by rank limit 10";
        let found = sqlx::query_scalar::<_, i64>(sql).bind(query);
        assert!(!found.fetch_all(&mut db).await.unwrap().is_empty());
        times.push(started.elapsed());
    }
    row("SQLite FTS5, BM25 top 10", &milliseconds(times));
}

fn rate(name: &str, time: Duration) {
    row(
        name,
        &format!("{:.0} chunks/s", CHUNKS as f64 / time.as_secs_f64()),
    );
}
