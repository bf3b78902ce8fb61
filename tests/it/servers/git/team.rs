//! Three agents on one repository: each in a tree of its own, a conflict between two of them, a reviewed merge, and a clone.
#![allow(
    clippy::disallowed_methods,
    reason = "the git program at the other end"
)]

use std::process::Command;

use serde_json::{Value, json};

use crate::support::Hub;

struct Agent<'h> {
    hub: &'h Hub,
    name: &'static str,
}

impl Agent<'_> {
    async fn ask(&self, tool: &str, mut args: Value) -> (u16, Value) {
        args["project_id"] = "demo".into();
        args["agent_id"] = self.name.into();
        let server = if tool.contains("_file") {
            "file_system"
        } else {
            "git"
        };
        let path = format!("/api/v1/servers/{server}/tools/{tool}");
        self.hub.request(&self.hub.admin, "POST", &path, args).await
    }

    async fn call(&self, tool: &str, args: Value) -> Value {
        let (status, answer) = self.ask(tool, args).await;
        assert_eq!(status, 200, "{} {tool}: {answer}", self.name);
        answer
    }

    async fn commit(&self, path: &str, text: &str) -> String {
        self.call("write_file", json!({"path": path, "content": text}))
            .await;
        self.call("git_add", json!({"paths": ["."]})).await;
        let made = self.call(
            "git_commit",
            json!({"message": format!("{} changes {path}", self.name)}),
        );
        made.await["commit"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn three_agents_work_side_by_side_and_bring_it_together() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann", "bea", "cem"]).await;
    let [ann, bea, cem] = ["ann", "bea", "cem"].map(|name| Agent { hub: &hub, name });
    ann.call("git_init", json!({})).await;
    ann.commit("app.py", "def greet():\n    return 'hello'\n")
        .await;
    ann.call("protect_branch", json!({"pattern": "main", "approvals": 1}))
        .await;

    // Each in a tree of its own, at the same time.
    let (a, b, c) = tokio::join!(
        ann.commit("app.py", "def greet():\n    return 'hello, world'\n"),
        bea.commit("app.py", "def greet():\n    return 'good day'\n"),
        cem.commit("docs.md", "# How to greet\n"),
    );
    assert!(a != b && b != c);
    for (agent, text) in [
        (&ann, "hello, world"),
        (&bea, "good day"),
        (&cem, "'hello'"),
    ] {
        let seen = agent
            .call("read_text_file", json!({"path": "app.py"}))
            .await;
        assert!(seen.to_string().contains(text), "{}: {seen}", agent.name);
    }

    // Cem's is reviewed and merged; ann approves, who did not write it.
    let opened = cem
        .call("create_pull_request", json!({"title": "How to greet"}))
        .await;
    let number = opened["number"].clone();
    let (status, _) = cem
        .ask("merge_pull_request", json!({"number": number}))
        .await;
    assert_eq!(status, 409);
    ann.call(
        "review_pull_request",
        json!({"number": number, "verdict": "approve", "expected_head": c}),
    )
    .await;
    cem.call(
        "merge_pull_request",
        json!({"number": number, "expected_head": c}),
    )
    .await;

    // Ann brings bea's in: a conflict, resolved by hand, and what main has since.
    let stopped = ann
        .call("git_merge", json!({"revision": "agent/bea/work"}))
        .await;
    assert_eq!(
        (&stopped["status"], &stopped["conflicts"][0]["path"]),
        (&json!("conflicted"), &json!("app.py"))
    );
    let hunk = &stopped["conflicts"][0]["hunks"][0];
    assert!(
        hunk["ours"].as_str().unwrap().contains("hello, world")
            && hunk["theirs"].as_str().unwrap().contains("good day")
    );
    let both = "def greet():\n    return 'good day, world'\n";
    ann.call(
        "git_resolve_conflict",
        json!({"path": "app.py", "content": both}),
    )
    .await;
    let merged = ann.call("git_merge", json!({"action": "continue"})).await;
    assert_eq!(merged["status"], "done");
    assert_eq!(
        ann.call("git_merge", json!({"revision": "main"})).await["status"],
        "done"
    );
    let opened = ann
        .call("create_pull_request", json!({"title": "Greet all"}))
        .await;
    assert_eq!(
        opened["merge"]["missing"].as_array().unwrap().len(),
        1,
        "{opened}"
    );
    let number = opened["number"].clone();
    bea.call(
        "review_pull_request",
        json!({"number": number, "verdict": "approve"}),
    )
    .await;
    let done = ann
        .call(
            "merge_pull_request",
            json!({"number": number, "method": "merge"}),
        )
        .await;

    // And people clone what came of it, with a token; a stranger's opens nothing.
    if Command::new("git").arg("--version").output().is_err() {
        return;
    }
    let (token, _) = hub.token(&["demo"], &["cem"], &["git:read"]).await;
    let host = hub.main.strip_prefix("http://").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clone = |token: &str, to: &str| {
        let url = format!("http://x:{token}@{host}/repos/demo/main.git");
        let mut command = Command::new("git");
        command
            .args(["clone", "-q", &url, to])
            .current_dir(dir.path())
            .env("GIT_TERMINAL_PROMPT", "0");
        command.output().unwrap().status.success()
    };
    assert!(clone(&token, "got"));
    assert_eq!(
        std::fs::read_to_string(dir.path().join("got/app.py")).unwrap(),
        both
    );
    assert!(dir.path().join("got/docs.md").exists());
    let head = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(dir.path().join("got"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&head.stdout).trim(),
        done["merge_commit"]
    );
    hub.project("other", &["eve"]).await;
    let (stranger, _) = hub.token(&["other"], &["eve"], &["git:read"]).await;
    assert!(!clone(&stranger, "none"));
}
