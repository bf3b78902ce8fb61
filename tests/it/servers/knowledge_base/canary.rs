//! Two projects with the same documents: nothing of one shows in any answer that the other gets, in no id, count or score.

use serde_json::{Value, json};

use super::{call, mock, verified};
use crate::support::Hub;

/// Documents that both projects have.
const TEXTS: [&str; 3] = [
    "# Deploying\n\nThe gateway is restarted with care, and the canary sings.",
    "# Backups\n\nEvery night the gateway's database is copied. Restoring is tried once a month.",
    "Plain words about a gateway, a canary and a database.",
];

/// Calls that a member of a project may make, with what answers of its own documents. A tool without one is not covered: add
/// its call here.
fn calls(document: &str, chunk: &str) -> Vec<(&'static str, Value)> {
    vec![
        (
            "search_knowledge",
            json!({"query": "gateway canary database"}),
        ),
        (
            "search_knowledge",
            json!({"query": "restoring backups", "scope": "project"}),
        ),
        (
            "search_knowledge",
            json!({"query": "gateway", "mode": "semantic"}),
        ),
        (
            "search_knowledge",
            json!({"query": "gateway", "mode": "lexical", "limit": 1}),
        ),
        (
            "get_context",
            json!({"query": "gateway canary", "max_tokens": 500}),
        ),
        ("list_documents", json!({})),
        ("get_document", json!({"document_id": document})),
        ("read_knowledge", json!({"chunk_id": chunk})),
        ("export_knowledge", json!({})),
        ("recall_memory", json!({"query": "gateway"})),
        ("knowledge_stats", json!({})),
        ("verify_knowledge", json!({})),
        ("reindex_knowledge", json!({})),
    ]
}

async fn add(hub: &Hub, project: &str, n: usize, text: &str) -> Value {
    let sent =
        json!({"source": {"text": text}, "external_id": format!("doc {n}"), "wait_ms": 5_000});
    call(hub, project, "add_document", sent).await
}

/// What `token` is answered, but for what differs between two calls by itself.
async fn answers(
    hub: &Hub,
    token: &str,
    project: &str,
    calls: &[(&'static str, Value)],
) -> Vec<Value> {
    let known: Vec<String> = hub
        .tools()
        .await
        .into_iter()
        .map(|(_, tool)| tool)
        .collect();
    let mut out = Vec::new();
    for (tool, args) in calls
        .iter()
        .filter(|(tool, _)| known.iter().any(|k| k == tool))
    {
        let mut args = args.clone();
        args["project_id"] = project.into();
        args["agent_id"] = "ann".into();
        let path = format!("/api/v1/servers/knowledge_base/tools/{tool}");
        let (status, mut answer) = hub.request(token, "POST", &path, args).await;
        if let Some(answer) = answer.as_object_mut() {
            // The position in the order of all changes is no secret: every writing call answers with it.
            for own in ["index_seq", "request_id", "mode_reason"] {
                answer.remove(own);
            }
        }
        out.push(json!({"tool": tool, "status": status, "answer": answer}));
    }
    out
}

#[tokio::test]
async fn identical_documents_of_another_project_change_no_answer() {
    let hub = Hub::with(mock(8)).await;
    for project in ["ours", "theirs"] {
        hub.project(project, &["ann"]).await;
    }
    let (token, _) = hub
        .token(&["ours"], &["ann"], &["knowledge_base:admin"])
        .await;
    let mut first = Value::Null;
    for (n, text) in TEXTS.iter().enumerate() {
        first = add(&hub, "ours", n, text).await;
    }
    verified(&hub).await;
    let document = first["document_id"].as_str().unwrap().to_owned();
    let sent = json!({"query": "gateway", "mode": "lexical"});
    let hits = call(&hub, "ours", "search_knowledge", sent).await;
    let calls = calls(&document, hits["hits"][0]["chunk_id"].as_str().unwrap());
    let before = answers(&hub, &token, "ours", &calls).await;
    assert!(
        before
            .iter()
            .any(|one| one["status"] == 200 && one["answer"]["hits"].is_array())
    );

    // The other project adds the same, and more of the same words; some of it it deletes again.
    let mut theirs = Vec::new();
    for (n, text) in TEXTS.iter().enumerate() {
        let added = add(&hub, "theirs", n, text).await;
        assert_eq!(added["outcome"], "created", "not told that somebody has it");
        theirs.push(added["document_id"].as_str().unwrap().to_owned());
    }
    for n in 10..40 {
        let added = add(
            &hub,
            "theirs",
            n,
            &format!("gateway canary database number {n}"),
        )
        .await;
        theirs.push(added["document_id"].as_str().unwrap().to_owned());
    }
    for id in theirs.iter().skip(3).step_by(2) {
        call(
            &hub,
            "theirs",
            "delete_document",
            json!({"document_id": id}),
        )
        .await;
    }
    verified(&hub).await;
    let after = answers(&hub, &token, "ours", &calls).await;
    assert_eq!(before, after);
    let told = serde_json::to_string(&after).unwrap();
    for id in &theirs {
        assert!(!told.contains(id.as_str()), "{id} shows");
    }

    // Their ids answer like ids that there are not, with every tool that takes one.
    for tool in [
        "get_document",
        "delete_document",
        "read_knowledge",
        "update_document",
    ] {
        let answer = async |id: &str| {
            let sent = json!({"project_id": "ours", "agent_id": "ann", "document_id": id});
            let path = format!("/api/v1/servers/knowledge_base/tools/{tool}");
            let (status, mut answer) = hub.request(&token, "POST", &path, sent).await;
            answer.as_object_mut().unwrap().remove("request_id");
            (status, answer.to_string().replace(id, "ID"))
        };
        assert_eq!(
            answer(&theirs[0]).await,
            answer("doc_0198c0de00007000800000000000").await,
            "{tool}"
        );
    }
    let again = add(&hub, "ours", 0, TEXTS[0]).await;
    assert_eq!(again["outcome"], "unchanged");
}
