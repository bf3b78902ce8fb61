//! The knowledge base's store, on either database.

use syndarix::{
    base::ids::ProjectId,
    db::Db,
    project::Projects,
    servers::knowledge_base::{
        engine::{
            chunk::{self, Form, Limits},
            digest::digest,
            lexical::Change,
        },
        model::{Format, NewDocument, Outcome, Realm},
        store::KnowledgeStore,
    },
};

/// Every promise of the store that a database could break.
pub async fn suite(db: Db) {
    let projects = Projects::new(db.clone(), syndarix::base::clock::Clock::default());
    for project in ["kb-a", "kb-b"] {
        let id = ProjectId::new(project).unwrap();
        projects.create_project(&id, "").await.unwrap();
    }
    let store = KnowledgeStore::new(db);
    identity_and_versions(&store).await;
    scopes(&store).await;
    feed(&store).await;
    races(&store).await;
    super::knowledge_base_caches::suite(&store).await;
}

pub fn realm(project: &str) -> Realm {
    Realm::Project(ProjectId::new(project).unwrap())
}

pub fn document(realm: Realm, name: Option<&str>, text: &str) -> NewDocument {
    let chunks = chunk::chunk(text, Form::Markdown, Limits::default());
    let hashed = chunks.into_iter().map(|c| {
        let hash = digest(c.text(text));
        (c, hash)
    });
    NewDocument {
        realm,
        external_id: name.map(Into::into),
        title: "t".into(),
        uri: None,
        collection: None,
        format: Format::Markdown,
        language: None,
        path: None,
        tags: Vec::new(),
        source_id: None,
        content_hash: None,
        metadata: "{}".into(),
        text_hash: digest(text),
        chunks: hashed.collect(),
        text: text.into(),
    }
}

/// What the index should hold of one document.
async fn held(store: &KnowledgeStore, id: &str) -> Vec<(String, String)> {
    let mut changes = store.changes(&[id.to_owned()], 1).await.unwrap();
    entries(changes.remove(0))
}

fn entries(change: Change) -> Vec<(String, String)> {
    match change {
        Change::Put(put) => put
            .entries
            .into_iter()
            .map(|e| (e.chunk_id, e.text))
            .collect(),
        Change::Remove { .. } => Vec::new(),
    }
}

async fn identity_and_versions(store: &KnowledgeStore) {
    let new = |text| document(realm("kb-a"), Some("a.md"), text);
    let first = store
        .add(new("# A\n\nold\n\n# B\n\ntext"), "ann", 1)
        .await
        .unwrap();
    assert_eq!(
        (first.version, first.outcome, first.chunks),
        (1, Outcome::Created, 2)
    );
    let again = store
        .add(new("# A\n\nold\n\n# B\n\ntext"), "ann", 2)
        .await
        .unwrap();
    assert_eq!(
        (again.outcome, again.seq, again.version),
        (Outcome::Unchanged, first.seq, 1)
    );
    let retitled = NewDocument {
        title: "other".into(),
        ..new("# A\n\nold\n\n# B\n\ntext")
    };
    assert_eq!(
        store.add(retitled, "ann", 3).await.unwrap().outcome,
        Outcome::Updated
    );
    let third = store.add(new("# A\n\nnew"), "ann", 4).await.unwrap();
    assert_eq!(
        (third.version, third.document_id == first.document_id),
        (3, true)
    );
    let readable = [realm("kb-a"), Realm::Global];
    let row = store
        .document(&readable, &first.document_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.version, row.bytes, row.chunks, row.updated_ms),
        (3, 8, 1, 4)
    );
    let (text, at, by) = store.text(&row, 1).await.unwrap().unwrap();
    assert_eq!((text.len(), at, by.as_str()), (19, 1, "ann"));
    assert!(store.text(&row, 4).await.unwrap().is_none());
    let unnamed = document(realm("kb-a"), None, "# A\n\nnew");
    let content = store.add(unnamed.clone(), "ann", 5).await.unwrap();
    assert_eq!(content.outcome, Outcome::Created);
    assert_eq!(
        store.add(unnamed, "bea", 6).await.unwrap().document_id,
        content.document_id
    );
}

async fn scopes(store: &KnowledgeStore) {
    let a = store
        .add(document(realm("kb-a"), Some("s"), "secret"), "ann", 1)
        .await
        .unwrap();
    let b = store
        .add(document(realm("kb-b"), Some("s"), "secret"), "eve", 1)
        .await
        .unwrap();
    let g = store
        .add(document(Realm::Global, Some("s"), "shared"), "ann", 1)
        .await
        .unwrap();
    assert!(
        [&a, &b, &g]
            .iter()
            .all(|added| added.outcome == Outcome::Created)
    );
    // In the order asked for, the missing too, and no more text at once than was said, but one document at least.
    let named = [&g, &a].map(|added| added.document_id.clone());
    let named = [named[0].clone(), "doc_none".into(), named[1].clone()];
    let changes = store.changes(&named, "shared".len()).await.unwrap();
    assert_eq!(changes.len(), 2);
    let changes = store.changes(&named, 1_000).await.unwrap();
    let texts = |change| entries(change).into_iter().map(|(_, text)| text);
    let texts: Vec<Vec<String>> = changes
        .into_iter()
        .map(|one| texts(one).collect())
        .collect();
    assert_eq!(texts, [vec!["shared"], vec![], vec!["secret"]]);
    let mut ids = Vec::new();
    for added in [&a, &b, &g] {
        let chunks = held(store, &added.document_id).await;
        ids.extend(chunks.into_iter().map(|(id, _)| id));
    }
    let shown = store
        .hits(&[realm("kb-b"), Realm::Global], &ids)
        .await
        .unwrap();
    let mut shown: Vec<_> = shown.into_iter().map(|row| row.document_id).collect();
    shown.sort();
    let mut expected = vec![b.document_id.clone(), g.document_id.clone()];
    expected.sort();
    assert_eq!(shown, expected);
    assert!(store.hits(&[], &ids).await.unwrap().is_empty());
    assert!(
        store
            .document(&[realm("kb-a"), Realm::Global], &b.document_id)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        store
            .delete(&realm("kb-a"), &b.document_id, 2)
            .await
            .unwrap(),
        None
    );

    // Gone from reads with the transaction, though the index has not heard of it; an old version's chunks never show.
    store
        .delete(&realm("kb-b"), &b.document_id, 2)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        store
            .delete(&realm("kb-b"), &b.document_id, 3)
            .await
            .unwrap(),
        None
    );
    store
        .add(document(Realm::Global, Some("s"), "shared anew"), "ann", 3)
        .await
        .unwrap();
    assert!(
        store
            .hits(&[realm("kb-b"), Realm::Global], &ids)
            .await
            .unwrap()
            .is_empty()
    );
    let back = store
        .add(document(realm("kb-b"), Some("s"), "secret"), "eve", 4)
        .await
        .unwrap();
    assert_eq!(
        (back.outcome, back.document_id == b.document_id),
        (Outcome::Created, false)
    );
}

async fn feed(store: &KnowledgeStore) {
    let start = store.last_seq().await.unwrap();
    let text = "# Über\n\neins zwei\n\n```\ncode\n```\n\n# Drei\n\nvier";
    let added = store
        .add(document(realm("kb-a"), Some("feed"), text), "ann", 1)
        .await
        .unwrap();
    let gone = store
        .delete(&realm("kb-a"), &added.document_id, 2)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((added.seq, gone), (start + 1, start + 2));
    let outbox = store.outbox(start, 10).await.unwrap().into_iter();
    assert_eq!(
        outbox.map(|e| (e.seq, e.document_id)).collect::<Vec<_>>(),
        [
            (added.seq, added.document_id.clone()),
            (gone, added.document_id.clone())
        ]
    );
    assert_eq!(store.outbox(start, 1).await.unwrap().len(), 1);
    assert!(held(store, &added.document_id).await.is_empty());
    let again = store
        .add(document(realm("kb-a"), Some("feed"), text), "ann", 3)
        .await
        .unwrap();
    let texts: Vec<_> = held(store, &again.document_id)
        .await
        .into_iter()
        .map(|e| e.1)
        .collect();
    assert_eq!(
        texts,
        ["# Über\n\neins zwei\n\n```\ncode\n```", "# Drei\n\nvier"]
    );
    let live = store.live_after("", 1_000).await.unwrap();
    assert!(live.contains(&again.document_id) && !live.contains(&added.document_id));
    assert!(live.is_sorted());
    assert_eq!(
        store.database_id().await.unwrap(),
        store.database_id().await.unwrap()
    );
}

/// Concurrent writers of one name make one document, and the outbox has no gaps that a reader could step over.
async fn races(store: &KnowledgeStore) {
    let start = store.last_seq().await.unwrap();
    let writers = (0..16).map(|n| {
        let store = store.clone();
        let text = format!("text {}", n % 8);
        tokio::spawn(async move {
            store
                .add(document(realm("kb-a"), Some("race"), &text), "ann", 1)
                .await
                .unwrap()
        })
    });
    let added = futures::future::try_join_all(writers).await.unwrap();
    assert!(
        added
            .iter()
            .all(|one| one.document_id == added[0].document_id)
    );
    assert_eq!(
        added
            .iter()
            .filter(|one| one.outcome == Outcome::Created)
            .count(),
        1
    );
    let last = store.last_seq().await.unwrap();
    let seqs: Vec<i64> = store
        .outbox(start, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.seq)
        .collect();
    assert_eq!(seqs, (start + 1..=last).collect::<Vec<_>>());
}
