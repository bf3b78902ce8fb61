//! The knowledge base: documents on their way in, kills, restored backups, two hubs and two projects.

mod canary;
mod care;
mod crash;
mod grants;
mod ingest;
mod models;
mod restored;
mod two_hubs;

use serde_json::{Value, json};

use crate::support::{Hub, Settings};

/// Settings that have vectors made by the built-in provider of made-up models: quick, and the same everywhere.
fn mock(dimensions: u32) -> Settings {
    let own = format!(
        "embedding = {{ provider = \"gateway\", model = \"mock/embed\", dimensions = {dimensions} }}\n"
    );
    Settings::default().server("knowledge_base", &own)
}

/// Calls a tool of the knowledge base for an administrator; the status and the answer.
async fn ask(hub: &Hub, project: &str, tool: &str, mut args: Value) -> (u16, Value) {
    args["project_id"] = project.into();
    args["agent_id"] = if project == "default" {
        "default"
    } else {
        "ann"
    }
    .into();
    let path = format!("/api/v1/servers/knowledge_base/tools/{tool}");
    hub.admin("POST", &path, args).await
}

/// The same of a call that must succeed.
async fn call(hub: &Hub, project: &str, tool: &str, args: Value) -> Value {
    let (status, answer) = ask(hub, project, tool, args).await;
    assert_eq!(status, 200, "{tool}: {answer}");
    answer
}

/// A word that nothing else is made of: letters alone, for digits are words of their own.
fn word(n: usize) -> String {
    let digit = |c: char| char::from(b"bdfghjklmp"[c.to_digit(10).unwrap() as usize]);
    format!(
        "zx{}q",
        n.to_string().chars().map(digit).collect::<String>()
    )
}

/// Documents that a search by words finds.
async fn found(hub: &Hub, project: &str, query: &str, min_seq: i64) -> Vec<String> {
    let sent = json!({"query": query, "mode": "lexical", "min_seq": min_seq, "scope": "project"});
    let answer = call(hub, project, "search_knowledge", sent).await;
    let hits = answer["hits"].as_array().unwrap().iter();
    let mut ids: Vec<String> = hits
        .map(|hit| hit["document_id"].as_str().unwrap().to_owned())
        .collect();
    ids.dedup();
    ids
}

/// Waits until index and vectors are as the database says, and nothing is left to be made.
async fn verified(hub: &Hub) {
    for _ in 0..600 {
        let (status, report) = ask(hub, "default", "verify_knowledge", json!({})).await;
        if status == 200 {
            assert_eq!(report["different"], 0, "{report}");
            let vectors = &report["vectors"];
            let settled = vectors.is_null()
                || vectors["without"] == 0 && vectors["in_memory"] == vectors["with_vector"];
            if settled && report["clean"] == true {
                return;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let report = ask(hub, "default", "verify_knowledge", json!({})).await;
    panic!("never clean: {report:?}");
}
