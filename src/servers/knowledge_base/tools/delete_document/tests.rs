use serde_json::{Value, json};

use super::super::tests::{add, refused, team, titles};
use crate::test::Team;

async fn delete(team: &Team, sent: Value) -> Value {
    team.call_json("delete_document", sent).await.unwrap()
}

#[tokio::test]
async fn a_deleted_document_shows_nowhere_at_once_and_can_come_back_new() {
    let team = team().await;
    let named = json!({"external_id": "a"});
    let added = add(&team, "gone tomorrow", named.clone()).await;
    let sent = json!({"document_id": added["document_id"]});
    delete(&team, sent.clone()).await;
    assert_eq!(titles(&team, json!({"query": "tomorrow"})).await, [""; 0]);
    for tool in ["get_document", "read_knowledge", "delete_document"] {
        let refusal = team.call_json(tool, sent.clone()).await;
        assert_eq!(refused(refusal).0, "not_found", "{tool}");
    }
    let back = add(&team, "gone tomorrow", named).await;
    assert_eq!(back["outcome"], "created");
    assert_ne!(back["document_id"], added["document_id"]);
    assert_eq!(titles(&team, json!({"query": "tomorrow"})).await.len(), 1);
}

#[tokio::test]
async fn foreign_documents_answer_like_none_and_global_ones_need_admin() {
    let team = team().await;
    let theirs = add(&team.at("elsewhere", "eve"), "theirs", json!({})).await;
    let id = theirs["document_id"].as_str().unwrap();
    for purge in [false, true] {
        let sent = |id: &str| json!({"document_id": id, "purge": purge});
        let foreign = refused(team.call_json("delete_document", sent(id)).await);
        let none = refused(team.call_json("delete_document", sent("doc_none")).await);
        assert_eq!(foreign.1.replace(id, "doc_none"), none.1);
    }
    let several = delete(&team, json!({"ids": [id, "doc_none"]})).await;
    assert_eq!(
        (&several["count"], &several["missing"]),
        (&json!(0), &json!([id, "doc_none"]))
    );
    let shared = add(&team, "shared", json!({"scope": "global"})).await;
    let writer = team.token(&["*"], &["*"], &["knowledge_base:write"]).await;
    let sent = json!({"document_id": shared["document_id"]});
    let refusal = team
        .by(writer)
        .call_json("delete_document", sent.clone())
        .await;
    assert_eq!(refused(refusal).0, "forbidden");
    delete(&team, sent).await;
}

#[tokio::test]
async fn a_filter_chooses_and_a_dry_run_only_tells() {
    let team = team().await;
    for (text, collection, tags) in [
        ("one apple", "old", json!(["fruit"])),
        ("two pears", "old", json!(["fruit", "green"])),
        ("three pears", "new", json!(["green"])),
    ] {
        add(
            &team,
            text,
            json!({"collection": collection, "metadata": {"tags": tags}}),
        )
        .await;
    }
    let memory = json!({"text": "pears are green", "type": "fact"});
    team.call_json("save_memory", memory).await.unwrap();
    let sent = json!({"filter": {"tags": ["green"]}, "dry_run": true});
    let told = delete(&team, sent).await;
    assert_eq!(
        (&told["count"], told.get("seq"), &told["dry_run"]),
        (&json!(2), None, &json!(true))
    );
    assert_eq!(titles(&team, json!({"query": "pears"})).await.len(), 2);
    let done = delete(
        &team,
        json!({"filter": {"tags": ["green"], "collection": "old"}}),
    )
    .await;
    assert_eq!(done["documents"][0]["title"], "two pears");
    assert_eq!(
        titles(&team, json!({"query": "pears"})).await,
        ["three pears"]
    );
    for sent in [
        json!({"filter": {}}),
        json!({}),
        json!({"ids": ["a"], "source_id": "b"}),
        json!({"filter": {"path_glob": "a["}}),
    ] {
        let refusal = team.call_json("delete_document", sent).await;
        assert_eq!(refused(refusal).0, "invalid_argument");
    }
}

#[tokio::test]
async fn a_purge_reaches_what_was_deleted_before() {
    let team = team().await;
    let kept = add(&team, "kept", json!({})).await;
    let before = add(&team, "deleted before", json!({})).await;
    let now = add(&team, "purged at once", json!({})).await;
    delete(&team, json!({"document_id": before["document_id"]})).await;
    let ids = json!([before["document_id"], now["document_id"]]);
    let done = delete(&team, json!({"ids": ids, "purge": true})).await;
    assert_eq!((&done["count"], &done["erased"]), (&json!(2), &json!(true)));
    let again = delete(&team, json!({"ids": ids, "purge": true})).await;
    assert_eq!(again["missing"], ids);
    team.call_json("get_document", json!({"document_id": kept["document_id"]}))
        .await
        .unwrap();
}
