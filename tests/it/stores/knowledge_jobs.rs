//! The knowledge base's jobs and sources, on either database.

use syndarix::{
    base::{clock::Clock, ids::ProjectId},
    db::Db,
    project::Projects,
    servers::knowledge_base::{
        engine::{
            chunk::{self, Form, Limits},
            digest::digest,
        },
        model::{Format, JobReport, JobState, NewDocument, Realm},
        store::{Failed, JobRow, KnowledgeStore, NewJob, Step},
    },
};

const KINDS: [&str; 2] = ["ingest", "sync"];

/// Every promise of the store that a database could break.
pub async fn suite(db: Db) {
    let project = ProjectId::new("kb-jobs").unwrap();
    let projects = Projects::new(db.clone(), Clock::default());
    projects.create_project(&project, "").await.unwrap();
    let store = KnowledgeStore::new(db);
    leases(&store).await;
    steps(&store).await;
    ends(&store).await;
    sources(&store).await;
}

fn realm() -> Realm {
    Realm::Project(ProjectId::new("kb-jobs").unwrap())
}

fn scopes() -> [&'static str; 3] {
    ["project:kb-jobs", "global", "global"]
}

async fn job(store: &KnowledgeStore, items: usize, now: i64) -> String {
    let items = (0..items).map(|n| (format!("item {n}"), Some("{}".to_owned())));
    let new = NewJob {
        realm: realm(),
        kind: "ingest",
        request: "{}".into(),
        items: items.collect(),
        agent: "ann".into(),
    };
    store.new_job(new, now).await.unwrap()
}

async fn claim(store: &KnowledgeStore, owner: &str, now: i64) -> Option<JobRow> {
    store.claim_job(KINDS, owner, now, now + 100).await.unwrap()
}

fn document(name: &str, text: &str, source: Option<&str>) -> NewDocument {
    let chunks = chunk::chunk(text, Form::Plain, Limits::default()).into_iter();
    let hashed = chunks.map(|chunk| {
        let hash = digest(chunk.text(text));
        (chunk, hash)
    });
    NewDocument {
        realm: realm(),
        external_id: Some(name.into()),
        title: name.into(),
        uri: None,
        collection: None,
        format: Format::Text,
        language: None,
        path: Some(name.into()),
        tags: vec!["own".into()],
        source_id: source.map(Into::into),
        content_hash: Some(format!("hash of {text}")),
        metadata: "{}".into(),
        text_hash: digest(text),
        chunks: hashed.collect(),
        text: text.into(),
    }
}

/// A job is one hub's at a time, the oldest first, and another's when its lease has run out.
async fn leases(store: &KnowledgeStore) {
    let (first, second) = (job(store, 1, 10).await, job(store, 1, 11).await);
    let claimed = claim(store, "a", 20).await.unwrap();
    assert_eq!(
        (&claimed.id, claimed.attempt, claimed.state.as_str()),
        (&first, 1, "running")
    );
    let both = futures::future::join(claim(store, "b", 20), claim(store, "c", 20)).await;
    let taken: Vec<String> = [both.0, both.1]
        .into_iter()
        .flatten()
        .map(|job| job.id)
        .collect();
    assert_eq!(
        taken,
        std::slice::from_ref(&second),
        "two hubs never have the same job"
    );
    assert_eq!(
        store.renew_job(&first, "a", 200).await.unwrap(),
        Some(false)
    );
    assert_eq!(store.renew_job(&first, "b", 200).await.unwrap(), None);
    let late = claim(store, "d", 150).await.unwrap();
    assert_eq!((&late.id, late.attempt), (&second, 2));
    assert!(store.cancel_job(&first, 30).await.unwrap());
    assert_eq!(store.renew_job(&first, "a", 200).await.unwrap(), Some(true));
    for (id, owner) in [(&first, "a"), (&second, "d")] {
        store
            .end_job(id, owner, JobState::Cancelled, None, 40)
            .await
            .unwrap();
    }
    assert!(claim(store, "a", 500).await.is_none());
}

/// A step is whole or not at all, and only the holder of the lease takes one.
async fn steps(store: &KnowledgeStore) {
    let id = job(store, 3, 10).await;
    let row = claim(store, "a", 20).await.unwrap();
    let queued = store.queued_items(&id, 10).await.unwrap();
    assert_eq!(
        queued.iter().map(|item| item.0).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    let step = || Step {
        add: vec![
            (Some(0), document("a", "alpha", None)),
            (Some(2), document("b", "beta", None)),
        ],
        failed: vec![Failed {
            ordinal: 1,
            name: "item 1".into(),
            code: "too_large".into(),
            message: "it is".into(),
        }],
        ..Step::default()
    };
    let stolen = store
        .step(&row, "b", step(), row.report(), 30)
        .await
        .unwrap();
    assert!(stolen.is_none());
    assert_eq!(store.queued_items(&id, 10).await.unwrap().len(), 3);
    let (report, added) = store
        .step(&row, "a", step(), row.report(), 30)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((report.created, added.len()), (2, 2));
    let row = store.job(scopes(), &id).await.unwrap().unwrap();
    assert_eq!(
        (row.total, row.done, row.failed, row.report()),
        (Some(3), 2, 1, report)
    );
    assert!(store.job(["global"; 3], &id).await.unwrap().is_none());
    let all = store.job_items(&id, false, -1, 10).await.unwrap();
    assert_eq!(
        all.iter()
            .map(|item| item.state.as_str())
            .collect::<Vec<_>>(),
        ["done", "failed", "done"]
    );
    assert_eq!(all[2].document_id.as_ref(), Some(&added[1].document_id));
    let failed = store.job_items(&id, true, -1, 10).await.unwrap();
    assert_eq!(
        (failed.len(), failed[0].code.as_deref()),
        (1, Some("too_large"))
    );
    assert!(store.job_items(&id, true, 1, 10).await.unwrap().is_empty());
    store
        .end_job(&id, "a", JobState::Done, None, 40)
        .await
        .unwrap();
    // Tried again, what failed is still to be done, and what was done is not.
    assert!(store.retry_job(&id, 50).await.unwrap());
    assert!(!store.retry_job(&id, 50).await.unwrap());
    let queued = store.queued_items(&id, 10).await.unwrap();
    assert_eq!(queued, [(1, "item 1".to_owned(), "{}".to_owned())]);
    let again = claim(store, "a", 60).await.unwrap();
    assert_eq!((again.attempt, again.failed, again.done), (2, 0, 2));
    let error = Some("why".to_owned());
    store
        .end_job(&id, "a", JobState::Failed, error.clone(), 70)
        .await
        .unwrap();
    let row = store.job(scopes(), &id).await.unwrap().unwrap();
    assert_eq!(
        (row.state.as_str(), row.report().created, row.report().error),
        ("failed", 2, error)
    );
}

async fn ends(store: &KnowledgeStore) {
    let id = job(store, 1, 10).await;
    assert!(store.cancel_job(&id, 20).await.unwrap());
    assert!(!store.cancel_job(&id, 20).await.unwrap());
    let row = store.job(scopes(), &id).await.unwrap().unwrap();
    assert_eq!((row.is_over(), row.finished_ms), (true, Some(20)));
    assert!(claim(store, "a", 30).await.is_none());
    store.sweep_jobs(20).await.unwrap();
    assert!(store.job(scopes(), &id).await.unwrap().is_some());
    store.sweep_jobs(21).await.unwrap();
    assert!(store.job(scopes(), &id).await.unwrap().is_none());
}

async fn sources(store: &KnowledgeStore) {
    let source = async || {
        store
            .source(&realm(), "repo:main", "ann", 10)
            .await
            .unwrap()
    };
    let (id, settings) = source().await;
    assert_eq!((source().await.0 == id, settings.as_str()), (true, ""));
    store
        .source_read(&id, "[1]".into(), Some("abc".into()), 20)
        .await
        .unwrap();
    assert_eq!(source().await, (id.clone(), "[1]".to_owned()));
    job(store, 0, 10).await;
    let row = claim(store, "a", 20).await.unwrap();
    store.begin_sync(&row.id, 2).await.unwrap();
    let step = Step {
        add: vec![
            (None, document("one", "uno", Some(&id))),
            (None, document("two", "dos", Some(&id))),
        ],
        unchanged: 3,
        skipped: 4,
        ..Step::default()
    };
    let (report, added) = store
        .step(&row, "a", step, row.report(), 30)
        .await
        .unwrap()
        .unwrap();
    let known = store.source_documents(&id).await.unwrap();
    assert_eq!(
        known["one"],
        (added[0].document_id.clone(), Some("hash of uno".to_owned()))
    );
    // The same text out of other bytes is no new version, but is known by its new bytes.
    let mut same = document("one", "uno", Some(&id));
    same.content_hash = Some("other".into());
    let step = Step {
        add: vec![(None, same)],
        delete: vec![added[1].document_id.clone()],
        ..Step::default()
    };
    let (report, _) = store
        .step(&row, "a", step, report, 40)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        report,
        JobReport {
            created: 2,
            unchanged: 4,
            deleted: 1,
            skipped: 4,
            ..JobReport::default()
        }
    );
    let known = store.source_documents(&id).await.unwrap();
    assert_eq!((known.len(), known["one"].1.as_deref()), (1, Some("other")));
    let done = store.job(scopes(), &row.id).await.unwrap().unwrap();
    assert_eq!((done.done, done.total), (10, Some(2)));
    store
        .end_job(&row.id, "a", JobState::Done, None, 50)
        .await
        .unwrap();
}
