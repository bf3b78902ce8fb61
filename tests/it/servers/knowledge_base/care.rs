//! `syndarix knowledge …` against a running hub.

use serde_json::{Value, json};

use super::{call, found, mock, verified, word};
use crate::support::{Hub, run};

#[tokio::test]
async fn the_knowledge_base_is_compared_filled_anew_taken_out_and_brought_in() {
    let hub = Hub::with(mock(8)).await;
    hub.project("other", &["ann"]).await;
    for n in 0..3 {
        for text in ["first", "second"] {
            let sent = json!({"source": {"text": format!("{text} {}", word(n))}, "external_id": format!("doc {n}")});
            call(&hub, "default", "add_document", sent).await;
        }
    }
    verified(&hub).await;
    let said = |args: &[&str]| {
        let done = run(hub.dir(), args);
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let report: Value = serde_json::from_str(&said(&["knowledge", "verify"])).unwrap();
    assert_eq!(
        (&report["clean"], &report["documents"]),
        (&json!(true), &json!(3))
    );
    assert!(said(&["knowledge", "reindex"]).contains("serves"));
    let stats: Value = serde_json::from_str(&said(&["knowledge", "stats"])).unwrap();
    assert_eq!(
        (&stats["index"]["generation"], &stats["index"]["chunks"]),
        (&json!(2), &json!(3))
    );
    let lines = said(&["knowledge", "export"]);
    assert_eq!(lines.lines().count(), 6, "two versions of each");
    std::fs::write(hub.dir().join("lines.jsonl"), lines).unwrap();
    let import = [
        "knowledge",
        "import",
        "lines.jsonl",
        "--project",
        "other",
        "--agent",
        "ann",
    ];
    assert!(said(&import).contains("6 versions"));
    verified(&hub).await;
    assert_eq!(found(&hub, "other", &word(1), 0).await.len(), 1);
    let listed = call(&hub, "other", "list_documents", json!({})).await;
    assert_eq!(
        (
            listed["items"].as_array().unwrap().len(),
            &listed["items"][0]["version"]
        ),
        (3, &json!(2))
    );
}
