//! What the caches of the knowledge base stand on: vectors, their generations, purges, the outbox's end.

use std::collections::HashSet;

use syndarix::servers::knowledge_base::{
    model::Realm,
    store::{Generation, KnowledgeStore, Made, NewVectors, Op, Passages},
};

use super::knowledge_base::{document, realm};

pub async fn suite(store: &KnowledgeStore) {
    generations(store).await;
    vectors_and_purge(store).await;
    unused_vectors(store).await;
    export(store).await;
    pruning(store).await;
}

/// Vectors of a document, of which every hub hears.
fn announced(document: Passages, made: Made) -> Vec<NewVectors> {
    vec![NewVectors {
        document,
        made: vec![made],
        announced: true,
    }]
}

async fn live(store: &KnowledgeStore) -> Vec<(String, String)> {
    let all = store.generations().await.unwrap().into_iter();
    all.map(|one| (one.model, one.state)).collect()
}

async fn building(store: &KnowledgeStore) -> Generation {
    let all = store.generations().await.unwrap();
    all.into_iter().find(|one| !one.serves()).unwrap()
}

fn states(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(model, state)| ((*model).into(), (*state).into()))
        .collect()
}

async fn generations(store: &KnowledgeStore) {
    store
        .want_generation("builtin", "one".into(), 1)
        .await
        .unwrap();
    store
        .want_generation("builtin", "one".into(), 2)
        .await
        .unwrap();
    assert_eq!(live(store).await, states(&[("one", "building")]));
    let first = building(store).await;
    assert_eq!((first.after_id.as_deref(), first.dimensions), (Some(""), 0));
    assert!(store.lease_generation(first.id, "a", 10, 20).await.unwrap());
    assert_eq!(
        store.lease_generation(first.id, "b", 15, 25).await.unwrap(),
        store.is_alone()
    );
    assert!(store.lease_generation(first.id, "b", 26, 40).await.unwrap());
    // A document that came since keeps it from serving.
    let new = document(realm("kb-a"), Some("vectors"), "# A\n\none\n\n# B\n\ntwo");
    let added = store.add(new, "ann", 3).await.unwrap();
    assert!(!store.switch_generation(first.id, 4).await.unwrap());
    store
        .advance_generation(first.id, added.seq, None)
        .await
        .unwrap();
    store.measure_generation(first.id, 2).await.unwrap();
    assert!(store.switch_generation(first.id, 5).await.unwrap());
    assert_eq!(live(store).await, states(&[("one", "serving")]));
    // Another is wanted, and then the first again.
    store
        .want_generation("gateway", "two".into(), 6)
        .await
        .unwrap();
    assert_eq!(
        live(store).await,
        states(&[("one", "serving"), ("two", "building")])
    );
    let job = building(store).await.job_id.unwrap();
    assert!(
        !store
            .report_generation(&job, 1, 2, 0, Some("slow".into()), 7)
            .await
            .unwrap()
    );
    store
        .want_generation("builtin", "one".into(), 8)
        .await
        .unwrap();
    assert_eq!(live(store).await, states(&[("one", "serving")]));
    while store.sweep_generations(i64::MAX, 10).await.unwrap() {}
    let (done, all) = store.count_live(None).await.unwrap();
    assert!(done == all && all > 0);
}

async fn vectors_and_purge(store: &KnowledgeStore) {
    let id = store.live_after("", 1_000).await.unwrap();
    let mut both = Vec::new();
    for (scope, name) in [("kb-a", "x"), ("kb-a", "y"), ("kb-b", "x")] {
        let new = document(realm(scope), Some(name), "# Same\n\nthe same text");
        both.push(store.add(new, "ann", 1).await.unwrap());
    }
    assert!(!id.contains(&both[0].document_id));
    for added in &both {
        let passages = store.passages(&added.document_id).await.unwrap().unwrap();
        let known = store
            .has_vectors("one", &passages.scope, &[passages.passages[0].hash.clone()])
            .await
            .unwrap();
        // Another document of the scope has it, another scope's has not.
        assert_eq!(
            known.len(),
            usize::from(added.document_id == both[1].document_id)
        );
        let made = Made {
            hash: passages.passages[0].hash.clone(),
            vector: vec![0.6, 0.8],
        };
        let before = store.last_seq().await.unwrap();
        store
            .put_vectors("one", announced(passages.clone(), made), 1)
            .await
            .unwrap();
        let told = store.outbox(before, 10).await.unwrap();
        assert_eq!((told.len(), told[0].op), (1, Op::Vectors));
        let ids = [added.document_id.clone(), "doc_none".into()];
        let mut held = store.vectors("one", &ids, 100).await.unwrap();
        assert_eq!((held.len(), held.pop().unwrap()), (2, None));
        let (facts, rows) = held.remove(0).unwrap();
        assert_eq!(
            (&*facts.scope, rows[0].1.clone()),
            (passages.scope.as_str(), vec![0.6, 0.8])
        );
    }
    let expected = store
        .expected(&[both[0].document_id.clone()])
        .await
        .unwrap();
    assert_eq!(expected[&both[0].document_id].chunks.len(), 1);
    let counts = store.count_vectors("one", 8).await.unwrap();
    assert_eq!((counts.with_vector, counts.wrong), (3, 0));
    assert_eq!(store.count_vectors("one", 4).await.unwrap().wrong, 3);
    let lacking: HashSet<String> = store
        .without_vectors("one", 1_000)
        .await
        .unwrap()
        .into_iter()
        .collect();
    assert!(!lacking.contains(&both[0].document_id) && !lacking.is_empty());
    assert!(
        store
            .changed_after(0, &[realm("kb-b"), Realm::Global])
            .await
            .unwrap()
            >= 1
    );
    assert!(store.totals().await.unwrap().documents >= 3);

    // Purging takes the vector when nobody else in the scope has the text, whether it was deleted before or not.
    let hash = &store
        .passages(&both[0].document_id)
        .await
        .unwrap()
        .unwrap()
        .passages[0]
        .hash
        .clone();
    let has = async |scope: &str| {
        let known = store
            .has_vectors("one", scope, std::slice::from_ref(hash))
            .await;
        known.unwrap().len() == 1
    };
    let stale = store.passages(&both[1].document_id).await.unwrap().unwrap();
    let purge = async |realm: Realm, n: usize| {
        store
            .purge(&realm, vec![both[n].document_id.clone()], 9)
            .await
            .unwrap()
    };
    assert_eq!(
        purge(realm("kb-b"), 0).await,
        (vec![], None),
        "not of this scope"
    );
    let (ids, seq) = purge(realm("kb-a"), 0).await;
    assert_eq!((ids.len(), has("project:kb-a").await), (1, true));
    let told = store.outbox(seq.unwrap() - 1, 10).await.unwrap();
    assert_eq!((told.len(), told[0].op), (1, Op::Purge));
    store
        .delete(&realm("kb-a"), &both[1].document_id, 9)
        .await
        .unwrap();
    let (_, seq) = purge(realm("kb-a"), 1).await;
    assert_eq!(
        (has("project:kb-a").await, has("project:kb-b").await),
        (false, true)
    );
    // Vectors that were on their way do not come back.
    let made = Made {
        hash: hash.clone(),
        vector: vec![0.6, 0.8],
    };
    store
        .put_vectors("one", announced(stale, made), 9)
        .await
        .unwrap();
    assert!(!has("project:kb-a").await);
    assert_eq!(store.unscrubbed().await.unwrap(), seq);
    store.scrub(seq.unwrap()).await.unwrap();
    assert_eq!(store.unscrubbed().await.unwrap(), None);
}

async fn unused_vectors(store: &KnowledgeStore) {
    let sweep = async || {
        let (mut after, mut removed) = (Some(Default::default()), 0);
        while let Some(from) = after {
            let (next, swept) = store.sweep_vectors(from, 1).await.unwrap();
            (after, removed) = (next, removed + swept);
        }
        removed
    };
    let embed = async |text: &str| {
        let new = document(realm("kb-a"), Some("swept"), text);
        let added = store.add(new, "ann", 1).await.unwrap();
        let passages = store.passages(&added.document_id).await.unwrap().unwrap();
        let hash = passages.passages[0].hash.clone();
        let made = Made {
            hash: hash.clone(),
            vector: vec![0.6, 0.8],
        };
        let put = store.put_vectors("one", announced(passages.clone(), made), 1);
        put.await.unwrap();
        (added.document_id, hash)
    };
    let has = async |hash: &String| {
        let known = store.has_vectors("one", "project:kb-a", std::slice::from_ref(hash));
        known.await.unwrap().len() == 1
    };
    sweep().await;
    let (_, old) = embed("the first version").await;
    let (id, new) = embed("the second version").await;
    assert_eq!(
        (sweep().await, has(&old).await, has(&new).await),
        (1, false, true)
    );
    store.delete(&realm("kb-a"), &id, 2).await.unwrap();
    // A document that is about to use it says so before it looks.
    let again = document(realm("kb-a"), Some("again"), "the second version");
    let added = store.add(again, "ann", 3).await.unwrap();
    let passages = store.passages(&added.document_id).await.unwrap().unwrap();
    assert!(!passages.noted && passages.passages[0].hash == new);
    store.note_passages(vec![passages]).await.unwrap();
    let passages = store.passages(&added.document_id).await.unwrap().unwrap();
    assert!(passages.noted);
    assert_eq!((sweep().await, has(&new).await), (0, true));
    let realm = realm("kb-a");
    store.delete(&realm, &added.document_id, 4).await.unwrap();
    assert_eq!((sweep().await, has(&new).await), (1, false));
}

async fn export(store: &KnowledgeStore) {
    let mut at = (String::new(), 0);
    let mut seen = 0;
    while let Some(row) = store
        .export_after(&realm("kb-a"), (&at.0, at.1))
        .await
        .unwrap()
    {
        assert!((row.id.clone(), row.version) > at);
        at = (row.id, row.version);
        seen += 1;
    }
    assert!(seen > 1);
}

async fn pruning(store: &KnowledgeStore) {
    let last = store.last_seq().await.unwrap();
    assert_eq!(
        store.prune_outbox(i64::MAX, last).await.unwrap(),
        0,
        "so many are kept"
    );
    assert!(store.prune_outbox(i64::MAX, 2).await.unwrap() > 0);
    assert_eq!(store.pruned_seq().await.unwrap(), last - 2);
    assert_eq!(store.outbox(0, 10).await.unwrap().len(), 2);
    assert!(store.written(last).await.unwrap().is_some());
    assert_eq!(store.written(last - 2).await.unwrap(), None);
    let live = store.live_after("", 1).await.unwrap();
    store.announce_again(live, 1).await.unwrap();
    assert_eq!(store.last_seq().await.unwrap(), last + 1);
}
