use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::*;
use crate::{
    servers::{
        knowledge_base::{
            Config, KnowledgeBase, ProviderConfig,
            engine::{filter::Filter, fuse::dot},
        },
        llm_gateway::{self, LlmGateway},
    },
    test::{Team, team},
};

fn gateway(model: &str) -> EmbeddingConfig {
    EmbeddingConfig {
        provider: ProviderConfig::Gateway,
        model: Some(model.into()),
        dimensions: Some(16),
    }
}

/// A team with both servers, and the knowledge base to look at.
async fn start(embedding: EmbeddingConfig) -> (Team, Embedding) {
    let mut service = None;
    let team = team(async |builder, host| {
        let llm = LlmGateway::open(llm_gateway::Config::default(), host).await;
        let config = Config {
            embedding,
            ..Config::default()
        };
        let base = KnowledgeBase::open(config, host).await.unwrap();
        service = Some(base.embedding.clone());
        builder.mount(base).mount(llm.unwrap())
    })
    .await;
    (team, service.unwrap())
}

async fn add(team: &Team, text: &str) -> String {
    let sent = json!({"source": {"text": text}, "wait_ms": 0});
    let added = team.call_json("add_document", sent).await.unwrap();
    added["document_id"].as_str().unwrap().to_owned()
}

/// Waits until `model` serves with `count` vectors in memory.
async fn serves(embedding: &Embedding, model: &str, count: usize) -> Arc<Arrays> {
    for _ in 0..1_000 {
        if let Some(arrays) = embedding.serving()
            && (arrays.model == model && arrays.is_ready() && arrays.vectors.len() == count)
        {
            return arrays;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!(
        "{model} never serves {count}: {:?}",
        embedding.status().await
    );
}

#[allow(clippy::needless_update, reason = "filters will ask for more")]
fn scopes(project: &str) -> Filter {
    Filter {
        scopes: vec![format!("project:{project}")],
        ..Filter::default()
    }
}

#[tokio::test]
async fn what_is_added_has_vectors_in_its_scope_and_what_is_deleted_none() {
    let (team, embedding) = start(gateway("mock/embed")).await;
    let model = "gateway/mock/embed@16";
    let first = add(&team, "alpha words").await;
    add(&team.at("elsewhere", "eve"), "alpha words").await;
    let arrays = serves(&embedding, model, 2).await;
    let store = &embedding.0.store;
    let held = store
        .vectors(model, std::slice::from_ref(&first), 1)
        .await
        .unwrap()
        .remove(0);
    let exact = &held.unwrap().1[0].1;
    let near = arrays.vectors.search(exact, &scopes("demo"), 10);
    assert_eq!(near.len(), 1, "the other project's is not looked at");
    assert!(dot(&near[0].vector, exact) > 0.99);
    let sent = json!({"document_id": first});
    team.call_json("delete_document", sent).await.unwrap();
    serves(&embedding, model, 1).await;
    assert_eq!(embedding.waiting(&[]).await.unwrap(), 0);
    let audit = crate::audit::Query {
        tool: Some("embed".into()),
        ..Default::default()
    };
    team.audit.flush().await;
    let seen = team.audit.find(&audit, None, 10).await.unwrap();
    let mut payers: Vec<String> = seen
        .iter()
        .map(|e| format!("{} {}/{}", e.principal_id, e.project_id, e.agent_id))
        .collect();
    payers.sort();
    assert_eq!(
        payers,
        ["hub default/default", "hub demo/ann", "hub elsewhere/eve"]
    );
}

#[tokio::test]
async fn another_model_is_built_beside_the_one_that_serves_and_takes_its_place() {
    let (team, embedding) = start(gateway("mock/embed")).await;
    for n in 0..40 {
        add(&team, &format!("text number {n}")).await;
    }
    let old = serves(&embedding, "gateway/mock/embed@16", 40).await;
    embedding.follow(Some(Provider::Builtin));
    let new = serves(&embedding, "builtin/all-minilm-l6-v2", 40).await;
    assert_ne!(old.generation, new.generation);
    for _ in 0..500 {
        let live = embedding.status().await.unwrap();
        let store = &embedding.0.store;
        let left = store.has_vectors(&old.model, "project:demo", &[]).await;
        let id = store.live_after("", 1).await.unwrap();
        let held = store.vectors(&old.model, &id, 1).await.unwrap().remove(0);
        let (_, rows) = held.unwrap();
        if live.len() == 1 && left.is_ok() && rows.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the old model's vectors are still there");
}

#[tokio::test]
async fn a_model_that_does_not_answer_is_given_up_when_the_settings_go_back() {
    let (team, embedding) = start(EmbeddingConfig::default()).await;
    add(&team, "some words").await;
    serves(&embedding, "builtin/all-minilm-l6-v2", 1).await;
    embedding.follow(Some(Provider::Gateway {
        model: "nobody/nothing".into(),
        dimensions: None,
    }));
    let trouble = async || {
        let live = embedding.status().await.unwrap();
        live.into_iter().find_map(|one| one.trouble)
    };
    while trouble().await.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let still = serves(&embedding, "builtin/all-minilm-l6-v2", 1).await;
    embedding.follow(Some(Provider::Builtin));
    while embedding.status().await.unwrap().len() > 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    add(&team, "more words").await;
    let now = serves(&embedding, "builtin/all-minilm-l6-v2", 2).await;
    assert_eq!(still.generation, now.generation);
}

#[tokio::test]
async fn whatever_was_wanted_last_comes_about() {
    let (team, embedding) = start(gateway("mock/embed")).await;
    add(&team, "one text").await;
    serves(&embedding, "gateway/mock/embed@16", 1).await;
    // Changes that come at any moment of the work that the one before began.
    for n in 0..30_u64 {
        let builtin = n % 2 == 0;
        let wanted = if builtin {
            Some(Provider::Builtin)
        } else {
            Provider::of(&gateway("mock/embed")).unwrap()
        };
        embedding.follow(wanted);
        tokio::time::sleep(Duration::from_millis(n * 7 % 40)).await;
    }
    serves(&embedding, "gateway/mock/embed@16", 1).await;
    embedding.follow(Some(Provider::Builtin));
    serves(&embedding, "builtin/all-minilm-l6-v2", 1).await;
}
