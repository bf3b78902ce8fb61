//! What is everybody's is read by all and written with a grant alone; and what was said is in no log.

use serde_json::{Value, json};

use super::{call, mock, verified};
use crate::support::{Hub, Session};

#[tokio::test]
async fn what_is_global_is_read_by_all_and_written_with_a_grant_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = mock(8);
    let own = settings.servers.get_mut("knowledge_base").unwrap();
    own.push_str(&format!("folders = {{ shared = {:?} }}\n", folder.path()));
    let hub = Hub::with(settings).await;
    hub.project("ours", &["ann"]).await;
    let sent = json!({"source": {"text": "# Rule\n\nA gateway for all."}, "scope": "global", "metadata": {"tags": ["all"]}});
    let document = call(&hub, "default", "add_document", sent).await["document_id"].clone();
    let sent = json!({"text": "All gateways are green.", "type": "fact", "scope": "global"});
    let memory = call(&hub, "default", "save_memory", sent).await["memory_id"].clone();
    let sent = json!({"documents": [{"source": {"text": "one more"}}], "scope": "global"});
    let job = call(&hub, "default", "add_documents", sent).await["job_id"].clone();
    verified(&hub).await;
    let (token, _) = hub
        .token(&["ours"], &["ann"], &["knowledge_base:write"])
        .await;
    let ask = async |tool: &str, mut args: Value| {
        args["project_id"] = "ours".into();
        args["agent_id"] = "ann".into();
        let path = format!("/api/v1/servers/knowledge_base/tools/{tool}");
        hub.request(&token, "POST", &path, args).await
    };
    let own = ask("add_document", json!({"source": {"text": "our own"}})).await;
    for (tool, sent, finds) in [
        ("search_knowledge", json!({"query": "gateway"}), &document),
        ("get_context", json!({"query": "gateway"}), &document),
        ("list_documents", json!({"scope": "global"}), &document),
        ("get_document", json!({"document_id": document}), &document),
        (
            "read_knowledge",
            json!({"document_id": document}),
            &document,
        ),
        ("recall_memory", json!({"query": "gateways"}), &memory),
    ] {
        let (status, answer) = ask(tool, sent).await;
        assert_eq!(status, 200, "{tool}: {answer}");
        assert!(
            answer.to_string().contains(finds.as_str().unwrap()),
            "{tool}: {answer}"
        );
    }
    let text = json!({"text": "a word for all"});
    for (tool, sent) in [
        ("add_document", json!({"source": text, "scope": "global"})),
        (
            "add_documents",
            json!({"documents": [{"source": text}], "scope": "global"}),
        ),
        (
            "sync_source",
            json!({"source": {"folder": {"name": "shared"}}, "scope": "global"}),
        ),
        (
            "save_memory",
            json!({"text": "for all", "type": "fact", "scope": "global"}),
        ),
        (
            "update_document",
            json!({"document_id": document, "title": "mine"}),
        ),
        (
            "update_document",
            json!({"document_id": document, "scope": "project"}),
        ),
        (
            "update_document",
            json!({"document_id": own.1["document_id"], "scope": "global"}),
        ),
        ("delete_document", json!({"document_id": document})),
        (
            "delete_document",
            json!({"ids": [own.1["document_id"], document]}),
        ),
        ("delete_document", json!({"ids": [document], "purge": true})),
        (
            "delete_document",
            json!({"filter": {"tags": ["all"]}, "scope": "global"}),
        ),
        ("delete_document", json!({"document_id": memory})),
        ("forget_memory", json!({"memory_id": memory})),
    ] {
        let (status, answer) = ask(tool, sent.clone()).await;
        assert_eq!(status, 403, "{tool} {sent}: {answer}");
    }
    let (status, _) = ask("get_knowledge_job", json!({"id": job, "action": "cancel"})).await;
    assert_eq!(status, 404);
    verified(&hub).await;
    let listed = call(
        &hub,
        "default",
        "list_documents",
        json!({"scope": "global"}),
    )
    .await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 3, "{listed}");
    let kept = ask("get_document", json!({"document_id": own.1["document_id"]})).await;
    assert_eq!(kept.0, 200, "nothing of a call that was refused is done");
}

#[tokio::test]
async fn what_is_said_and_asked_is_in_no_log() {
    const WORD: &str = "nightingale";
    let hub = Hub::with(mock(8).extra("[observe]\nlog = \"debug\"\n")).await;
    let said = |what: &str| format!("{WORD} {what}");
    let text = json!({"text": said("text")});
    let metadata = json!({"note": said("metadata"), "tags": [WORD]});
    let sent = json!({"source": text, "title": said("title"), "metadata": metadata});
    let added = call(&hub, "default", "add_document", sent.clone()).await;
    let document = &added["document_id"];
    let provenance = json!({"source": said("source")});
    for (tool, sent) in [
        ("add_documents", json!({"documents": [sent]})),
        (
            "save_memory",
            json!({"text": said("memory"), "type": "fact", "tags": [WORD], "provenance": provenance}),
        ),
        ("recall_memory", json!({"query": said("recalled")})),
        ("search_knowledge", json!({"query": said("searched")})),
        ("get_context", json!({"query": said("context")})),
        ("list_documents", json!({"text": WORD})),
        (
            "update_document",
            json!({"document_id": document, "title": said("new"), "metadata": metadata}),
        ),
    ] {
        call(&hub, "default", tool, sent).await;
    }
    let session = Session::open(&hub.http, &hub.own["knowledge_base"], &hub.admin).await;
    let uri = format!("project://default/knowledge/search/{WORD}");
    let read = session.request("resources/read", json!({"uri": uri})).await;
    assert!(read["result"]["contents"].is_array(), "{read}");
    let sent = json!({"name": "answer_from_knowledge", "arguments":
        {"question": said("question"), "project_id": "default", "agent_id": "default"}});
    session.request("prompts/get", sent).await;
    verified(&hub).await;
    let found = found_line(&hub.audit("").await, WORD);
    assert_eq!(found, None, "in the audit log");
    let log = hub.log();
    let found = log.lines().find(|line| line.contains(WORD));
    assert_eq!(found, None, "in the log");
}

fn found_line(entries: &[Value], word: &str) -> Option<String> {
    assert!(entries.len() > 8);
    let lines = entries.iter().map(Value::to_string);
    lines.into_iter().find(|line| line.contains(word))
}
