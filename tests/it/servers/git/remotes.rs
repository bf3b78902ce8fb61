//! One hub clones from another, fetches, pulls and pushes, with a token for a password.
#![allow(
    clippy::disallowed_methods,
    reason = "the git program at the other end"
)]

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Hub, Settings};

async fn ask(hub: &Hub, tool: &str, mut args: Value) -> (u16, Value) {
    args["project_id"] = "demo".into();
    args["agent_id"] = "ann".into();
    let server = if tool.contains("_file") && !tool.starts_with("git_") {
        "file_system"
    } else {
        "git"
    };
    let path = format!("/api/v1/servers/{server}/tools/{tool}");
    hub.request(&hub.admin, "POST", &path, args).await
}

pub(super) async fn call(hub: &Hub, tool: &str, args: Value) -> Value {
    let (status, answer) = ask(hub, tool, args).await;
    assert_eq!(status, 200, "{tool}: {answer}\n{}", hub.log());
    answer
}

pub(super) async fn refused(hub: &Hub, tool: &str, args: Value) -> (u16, String) {
    let (status, answer) = ask(hub, tool, args).await;
    assert_ne!(status, 200, "{tool}: {answer}");
    (
        status,
        answer["detail"].as_str().unwrap_or_default().to_owned(),
    )
}

pub(super) async fn commit(hub: &Hub, path: &str, text: &str) -> String {
    call(hub, "write_file", json!({"path": path, "content": text})).await;
    call(hub, "git_add", json!({"paths": ["."]})).await;
    let made = call(
        hub,
        "git_commit",
        json!({"message": format!("change {path}")}),
    )
    .await;
    made["commit"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_repository_elsewhere_is_cloned_pulled_and_pushed_to_with_a_sealed_token() {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("there is no git program here: nothing was tested");
        return;
    }
    let forge = Hub::start().await;
    forge.project("demo", &["ann"]).await;
    call(&forge, "git_init", json!({})).await;
    let first = commit(&forge, "a.txt", "one\n").await;
    let (token, _) = forge.token(&["demo"], &["ann"], &["git:write"]).await;
    let host = forge.main.strip_prefix("http://").unwrap().to_owned();
    let url = format!("{}/repos/demo/main.git", forge.main);

    let allowed = format!("remotes.allowed_private = [\"{host}\"]\n");
    let hub = Hub::with(Settings::default().server("git", &allowed)).await;
    hub.project("demo", &["ann"]).await;
    let (_, said) = refused(&hub, "git_clone", json!({"url": url})).await;
    assert!(said.contains("asks for a credential"), "{said}");
    let keep = json!({"action": "set", "name": "forge", "host": "elsewhere.example", "username": "bot", "secret": token});
    call(&hub, "git_credential", keep.clone()).await;
    let clone = json!({"url": url, "credential": "forge"});
    let (status, said) = refused(&hub, "git_clone", clone.clone()).await;
    assert!(
        status == 403 && said.contains("is for elsewhere.example"),
        "{said}"
    );
    let mut keep = keep;
    keep["host"] = host.clone().into();
    call(&hub, "git_credential", keep).await;
    let cloned = call(&hub, "git_clone", clone.clone()).await;
    assert_eq!(
        (&cloned["commit"], &cloned["default_branch"]),
        (&json!(first), &json!("main"))
    );
    assert_eq!(refused(&hub, "git_clone", clone).await.0, 409);
    let text = call(&hub, "read_text_file", json!({"path": "a.txt"})).await;
    assert!(text.to_string().contains("one"), "{text}");

    // What is new there comes here.
    let second = commit(&forge, "b.txt", "two\n").await;
    let moved = call(&hub, "git_fetch", json!({})).await;
    assert!(moved.to_string().contains(&second), "{moved}");
    let merged = call(&hub, "git_pull", json!({"branch": "agent/ann/work"})).await;
    assert_eq!(merged["head"], json!(second));
    assert_eq!(
        call(&hub, "git_fetch", json!({"prune": true})).await["total"],
        0
    );

    // Of a shallow clone the history ends where it was cut.
    call(&forge, "create_pull_request", json!({"title": "two"})).await;
    call(&forge, "merge_pull_request", json!({"number": 1})).await;
    let shallow = json!({"url": url, "credential": "forge", "repo": "shallow", "depth": 1});
    call(&hub, "git_clone", shallow).await;
    for args in [json!({}), json!({"paths": ["a.txt"]})] {
        let mut args = args;
        args["repo"] = "shallow".into();
        let log = call(&hub, "git_log", args).await;
        assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");
    }
    let clean = call(&hub, "git_status", json!({"repo": "shallow"})).await;
    assert_eq!(clean["clean"], true);

    // And what is new here goes there: as a branch, not over what is there, and over it when it was seen.
    let own = commit(&hub, "c.txt", "three\n").await;
    let pushed = call(&hub, "git_push", json!({"to": "feature/c"})).await;
    assert_eq!(
        (&pushed["commit"], &pushed["up_to_date"]),
        (&json!(own), &json!(false))
    );
    let there = call(&forge, "git_log", json!({"revision": "feature/c"})).await;
    assert_eq!(there["items"][0]["commit"], json!(own));
    assert_eq!(
        call(&hub, "git_push", json!({"to": "feature/c"})).await["up_to_date"],
        true
    );
    call(
        &hub,
        "git_reset",
        json!({"revision": second, "mode": "hard"}),
    )
    .await;
    let other = commit(&hub, "c.txt", "other\n").await;
    let (status, said) = refused(&hub, "git_push", json!({"to": "feature/c"})).await;
    assert!(status == 409 && said.contains("git_pull"), "{said}");
    let stale = json!({"to": "feature/c", "force_with_lease": second});
    let (status, said) = refused(&hub, "git_push", stale).await;
    assert!(status == 409 && said.contains("moved since"), "{said}");
    let lease = json!({"to": "feature/c", "force_with_lease": "fetched"});
    assert_eq!(call(&hub, "git_push", lease).await["commit"], json!(other));
    // The other hub's rules hold for pushes too.
    let (status, said) = refused(&hub, "git_push", json!({"to": "agent/bea/work"})).await;
    assert!(status == 409 && said.contains("another agent"), "{said}");

    // A revoked token opens nothing, and the token is nowhere: not in answers, not in the log, not on the disk.
    let (other, id) = forge.token(&["demo"], &["ann"], &["git:read"]).await;
    let revoke = format!("/api/v1/tokens/{id}");
    forge.admin("DELETE", &revoke, Value::Null).await;
    let bad =
        json!({"action": "set", "name": "forge", "host": host, "username": "bot", "secret": other});
    call(&hub, "git_credential", bad).await;
    let (status, said) = refused(&hub, "git_fetch", json!({})).await;
    assert!(
        status == 403 && said.contains("refuses the credential"),
        "{status} {said}"
    );
    assert!(!hub.log().contains(&token));
    let found = Command::new("grep")
        .args(["-ral", &token])
        .arg(hub.data())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}
