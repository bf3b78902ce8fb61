//! Jobs: folders and repositories that are followed, and what happens when their hub dies.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
};

use super::{call, put, workspace};
use crate::support::{Hub, Settings, eventually};

async fn sync(hub: &Hub, more: Value) -> Value {
    let mut sent = json!({"source": {"folder": {}}, "wait_ms": 20_000});
    for (key, value) in more.as_object().unwrap() {
        sent[key] = value.clone();
    }
    let (status, job) = call(hub, "sync_source", sent).await;
    assert_eq!(status, 200, "{job}");
    job
}

fn numbers(job: &Value) -> [i64; 5] {
    ["created", "updated", "unchanged", "deleted", "skipped"]
        .map(|key| job["report"][key].as_i64().unwrap())
}

#[tokio::test]
async fn a_folder_is_followed() {
    let shared = tempfile::tempdir().unwrap();
    std::fs::write(shared.path().join("rules.md"), "# Rules\n\nBe kind.").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", shared.path().join("passwd.txt")).unwrap();
    let folders = format!(
        "[servers.knowledge_base.folders]\nshared = {:?}\n",
        shared.path()
    );
    let hub = Hub::with(Settings::default().server("knowledge_base", &folders)).await;
    hub.project("demo", &["ann"]).await;
    put(&hub, "docs/a.md", b"# Leases\n\nA lease expires.");
    put(&hub, "docs/b.md", b"# Claims\n\nA claim holds.");
    put(&hub, "src/c.rs", b"/// Takes it.\nfn take() {}\n");
    put(&hub, "logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\0");
    put(&hub, "out/d.md", b"# Built");
    put(&hub, ".gitignore", b"out/\n");
    let first = sync(&hub, json!({"collection": "code", "tags": ["own"]})).await;
    assert_eq!(
        (&first["state"], numbers(&first)),
        (&json!("done"), [3, 0, 0, 0, 1]),
        "{first}"
    );
    let again = sync(&hub, json!({"collection": "code", "tags": ["own"]})).await;
    assert_eq!(numbers(&again), [0, 0, 3, 0, 1]);
    // Other settings, and every document comes out anew.
    let moved = sync(&hub, json!({"collection": "docs", "tags": ["own"]})).await;
    assert_eq!(numbers(&moved), [0, 3, 0, 0, 1]);
    put(&hub, "docs/a.md", b"# Leases\n\nA lease is renewed.");
    std::fs::remove_file(workspace(&hub).join("docs/b.md")).unwrap();
    let kept = sync(&hub, json!({"collection": "docs", "tags": ["own"]})).await;
    assert_eq!(numbers(&kept), [0, 1, 1, 0, 1]);
    let gone = sync(
        &hub,
        json!({"collection": "docs", "tags": ["own"], "delete_missing": true}),
    )
    .await;
    assert_eq!(numbers(&gone), [0, 0, 2, 1, 1]);
    let (_, listed) = call(&hub, "list_documents", json!({})).await;
    let mut names: Vec<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["external_id"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "workspace:ann/main/docs/a.md",
            "workspace:ann/main/src/c.rs"
        ]
    );

    let shared = sync(&hub, json!({"source": {"folder": {"name": "shared"}}})).await;
    assert_eq!(numbers(&shared), [1, 0, 0, 0, 0], "{shared}");
    let none = sync(&hub, json!({"source": {"folder": {"name": "other"}}})).await;
    assert_eq!(none["state"], "failed");
    assert!(
        none["report"]["error"]
            .as_str()
            .unwrap()
            .contains("there are shared")
    );
    for path in ["../x", "/etc"] {
        let sent = json!({"source": {"folder": {"name": "shared", "path": path}}});
        assert_eq!(call(&hub, "sync_source", sent).await.0, 422);
    }
}

#[tokio::test]
async fn a_repository_is_followed_by_its_commits() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let git = async |tool: &str, args: Value| {
        let mut args = args;
        args["project_id"] = json!("demo");
        args["agent_id"] = json!("ann");
        let (status, answer) = hub
            .admin("POST", &format!("/api/v1/servers/git/tools/{tool}"), args)
            .await;
        assert_eq!(status, 200, "{answer}");
    };
    git("git_init", json!({})).await;
    put(&hub, "docs/a.md", b"# Leases\n\nA lease expires.");
    put(&hub, "b.md", b"# Claims\n\nA claim holds.");
    git("git_add", json!({"paths": ["."]})).await;
    git("git_commit", json!({"message": "first"})).await;
    // What is not committed is not read.
    put(&hub, "b.md", b"# Changed");
    let first = sync(&hub, json!({"source": {"repo": {}}})).await;
    assert_eq!(numbers(&first), [2, 0, 0, 0, 0], "{first}");
    assert_eq!(
        numbers(&sync(&hub, json!({"source": {"repo": {}}})).await),
        [0, 0, 2, 0, 0]
    );
    let below = sync(
        &hub,
        json!({"source": {"repo": {"path": "docs"}}, "include": ["**/*.md"]}),
    )
    .await;
    assert_eq!(below["total"], 1, "{below}");
    let file = json!({"source": {"repo": {"path": "b.md", "ref": "HEAD"}}});
    let (_, added) = call(&hub, "add_document", file).await;
    assert_eq!(
        (&added["outcome"], &added["searchable"]),
        (&json!("unchanged"), &json!(true)),
        "{added}"
    );
}

#[tokio::test]
async fn a_job_goes_on_after_its_hub_was_killed() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let text = "A lease expires after thirty seconds unless its holder renews it.\n\n".repeat(400);
    let documents: Vec<Value> = (0..300)
        .map(|n| json!({"source": {"text": format!("# Document {n}\n\n{text}")}, "external_id": format!("{n}.md")}))
        .collect();
    let (_, job) = call(
        &hub,
        "add_documents",
        json!({"documents": documents, "wait_ms": 0}),
    )
    .await;
    let id = job["job_id"].as_str().unwrap().to_owned();
    assert_ne!(job["state"], "done", "{job}");
    let hub = hub.again().await;
    let status = async || call(&hub, "get_knowledge_job", json!({"id": id})).await.1;
    eventually("the job is done", async || {
        status().await["state"] == "done"
    })
    .await;
    let job = status().await;
    assert_eq!(
        (&job["done"], &job["failed"], &job["report"]["created"]),
        (&json!(300), &json!(0), &json!(300)),
        "{job}"
    );
}

/// A server that answers nobody before it is let: its address, and what lets it.
async fn patient() -> (String, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let (open, opened) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut opened = opened.clone();
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).await;
                let _ = opened.wait_for(|open| *open).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nA lease expires.";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    (at, open)
}

#[tokio::test]
async fn a_job_is_cancelled_and_tried_again() {
    let (at, open) = patient().await;
    let fetch = format!("[servers.knowledge_base.fetch]\nallowed_private = [\"{at}\"]\n");
    let hub = Hub::with(Settings::default().server("knowledge_base", &fetch)).await;
    hub.project("demo", &["ann"]).await;
    let url = format!("http://{at}/lease.txt");
    let documents = json!([{"source": {"url": url}}, {"source": {"text": "A claim holds."}}]);
    let sent = json!({"documents": documents, "wait_ms": 0});
    let (_, job) = call(&hub, "add_documents", sent).await;
    let id = &job["job_id"];
    let act = async |action: &str| {
        let sent = json!({"id": id, "action": action});
        call(&hub, "get_knowledge_job", sent).await
    };
    let (status, job) = act("cancel").await;
    assert_eq!((status, &job["state"]), (200, &json!("cancelled")), "{job}");
    open.send(true).unwrap();
    assert_eq!(act("retry").await.0, 200);
    let status = async || call(&hub, "get_knowledge_job", json!({"id": id})).await.1;
    eventually("the job is done", async || {
        status().await["state"] == "done"
    })
    .await;
    let report = status().await;
    assert_eq!(
        (&report["done"], &report["total"], &report["failed"]),
        (&json!(2), &json!(2), &json!(0)),
        "{report}"
    );
}
