use super::*;
use crate::{
    servers::knowledge_base::{
        engine::{
            chunk,
            digest::digest,
            filter::{DocumentFacts, Filter},
            lexical::{Change, Query},
        },
        model::{Format, NewDocument, Realm},
    },
    test::host,
    tool::Host,
};

const LONG: Duration = Duration::from_secs(20);

fn document(text: &str) -> NewDocument {
    let chunks = chunk::chunk(text, chunk::Form::Plain, chunk::Limits::default());
    NewDocument {
        realm: Realm::Global,
        external_id: None,
        title: text.into(),
        uri: None,
        collection: None,
        format: Format::Text,
        language: None,
        path: None,
        tags: Vec::new(),
        source_id: None,
        content_hash: None,
        metadata: "{}".into(),
        text_hash: digest(text),
        chunks: chunks
            .into_iter()
            .map(|c| {
                let h = digest(c.text(text));
                (c, h)
            })
            .collect(),
        text: text.into(),
    }
}

async fn start(host: &Host) -> Indexer {
    let store = KnowledgeStore::new(host.db.clone());
    let feed = Feed::start(store.clone(), &host.tasks).await.unwrap();
    Indexer::start(store, feed, host.data.join("index"), &host.tasks)
        .await
        .unwrap()
}

/// Stops the task and frees the index directory.
async fn stop(mut host: Host, indexer: Indexer) -> Host {
    host.tasks.drain(LONG).await;
    drop(indexer);
    host.tasks = Tasks::default();
    host
}

fn count(indexer: &Indexer, word: &str) -> usize {
    let filter = Filter {
        scopes: vec!["global".into()],
        ..Filter::default()
    };
    indexer
        .index()
        .search(&Query::parse(word), &filter, 100)
        .unwrap()
        .len()
}

#[tokio::test]
async fn what_was_written_while_it_was_down_is_replayed() {
    let (host, _dir) = host().await;
    let store = KnowledgeStore::new(host.db.clone());
    let indexer = start(&host).await;
    let first = store.add(document("alpha"), "ann", 1).await.unwrap();
    indexer.wake();
    assert!(indexer.reach(first.seq, LONG).await);
    let host = stop(host, indexer).await;
    let second = store.add(document("beta"), "ann", 2).await.unwrap();
    store
        .delete(&Realm::Global, &first.document_id, 3)
        .await
        .unwrap();
    let indexer = start(&host).await;
    assert_eq!(
        indexer.progress(),
        Progress {
            seq: first.seq,
            ready: true,
            generation: 1,
            filling: None
        },
        "no rebuild"
    );
    assert!(indexer.reach(second.seq + 1, LONG).await);
    assert_eq!((count(&indexer, "alpha"), count(&indexer, "beta")), (0, 1));
}

#[tokio::test]
async fn a_lost_index_is_rebuilt_from_the_database() {
    let (host, _dir) = host().await;
    let store = KnowledgeStore::new(host.db.clone());
    let indexer = start(&host).await;
    for n in 0..5 {
        store
            .add(document(&format!("common n{n}")), "ann", 1)
            .await
            .unwrap();
    }
    assert!(indexer.reach(5, LONG).await);
    let host = stop(host, indexer).await;
    std::fs::remove_dir_all(host.data.join("index")).unwrap();
    let indexer = start(&host).await;
    assert!(indexer.reach(5, LONG).await);
    assert_eq!(count(&indexer, "common"), 5);
}

#[tokio::test]
async fn an_index_ahead_of_its_database_or_of_another_is_rebuilt() {
    for (database, seq) in [(None, 99), (Some(5), 0)] {
        let (host, _dir) = host().await;
        let store = KnowledgeStore::new(host.db.clone());
        let own = store.database_id().await.unwrap();
        assert_eq!(own, store.database_id().await.unwrap());
        let stale = Payload {
            schema: SCHEMA_VERSION,
            database: database.unwrap_or(own),
            seq,
            written_ms: 0,
        };
        let shelf = shelf::Shelf::open(host.data.join("index")).unwrap();
        let index = LexicalIndex::open(&shelf.dir(7)).unwrap().index;
        shelf.serve(7).unwrap();
        let ghost = crate::servers::knowledge_base::engine::lexical::Put {
            facts: DocumentFacts {
                document_id: "ghost".into(),
                scope: "global".into(),
                ..DocumentFacts::default()
            },
            entries: vec![crate::servers::knowledge_base::engine::lexical::Entry {
                chunk_id: "ghost".into(),
                title: String::new(),
                heading: String::new(),
                symbol: None,
                text: "ghost".into(),
            }],
        };
        index.apply(vec![Change::Put(ghost)], Some(stale)).unwrap();
        drop(index);
        let indexer = start(&host).await;
        assert!(indexer.reach(0, LONG).await);
        assert_eq!(count(&indexer, "ghost"), 0);
    }
}

#[tokio::test]
async fn many_changes_share_commits_and_the_last_state_wins() {
    let (host, _dir) = host().await;
    let store = KnowledgeStore::new(host.db.clone());
    let indexer = start(&host).await;
    let mut last = 0;
    for n in 0..60 {
        let mut new = document(&format!("version {n}"));
        new.external_id = Some("same".into());
        last = store.add(new, "ann", n).await.unwrap().seq;
        indexer.wake();
    }
    assert!(indexer.reach(last, LONG).await);
    assert_eq!((count(&indexer, "version"), count(&indexer, "59")), (1, 1));
}

#[tokio::test]
async fn an_index_that_the_outbox_does_not_reach_back_to_serves_until_another_is_full() {
    let (host, _dir) = host().await;
    let store = KnowledgeStore::new(host.db.clone());
    let indexer = start(&host).await;
    let first = store.add(document("alpha"), "ann", 1).await.unwrap();
    indexer.wake();
    assert!(indexer.reach(first.seq, LONG).await);
    let host = stop(host, indexer).await;
    store.add(document("beta"), "ann", 2).await.unwrap();
    let last = store.add(document("gamma"), "ann", 3).await.unwrap();
    assert_eq!(store.prune_outbox(3, 1).await.unwrap(), 2);
    assert_eq!(store.pruned_seq().await.unwrap(), 2);
    let indexer = start(&host).await;
    assert!(indexer.progress().ready, "the old one serves");
    assert!(indexer.reach(last.seq, LONG).await);
    assert_eq!(
        (count(&indexer, "beta"), indexer.progress().generation),
        (1, 2)
    );
    assert!(!host.data.join("index/1").exists());
}

#[tokio::test]
async fn an_index_is_filled_anew_while_it_serves_and_goes_on() {
    let (host, _dir) = host().await;
    let store = KnowledgeStore::new(host.db.clone());
    let indexer = start(&host).await;
    for n in 0..5 {
        store
            .add(document(&format!("common n{n}")), "ann", 1)
            .await
            .unwrap();
    }
    indexer.wake();
    assert!(indexer.reach(5, LONG).await);
    assert!(indexer.refill(LONG).await);
    assert_eq!(
        (count(&indexer, "common"), indexer.progress().generation),
        (5, 2)
    );
    let more = store.add(document("common more"), "ann", 2).await.unwrap();
    indexer.wake();
    assert!(indexer.reach(more.seq, LONG).await);
    assert_eq!(count(&indexer, "common"), 6);
    let host = stop(host, indexer).await;
    let indexer = start(&host).await;
    assert_eq!(indexer.progress().generation, 2);
    assert_eq!(count(&indexer, "common"), 6);
}
