//! A clone by sparse paths: every agent's worktree holds a part, and of a partial clone no more is brought.
#![allow(
    clippy::disallowed_methods,
    reason = "the git program beside the hub's"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::partial::lacking;
use super::remotes::{call, commit, refused};
use crate::support::{Hub, Settings};

const FILES: [&str; 5] = [
    "docs/guide",
    "services/shop/main",
    "services/shop/deep/lib",
    "services/web/page",
    "services/list",
];

fn root(hub: &Hub, repo: &str) -> PathBuf {
    hub.data()
        .join(format!("projects/demo/workspaces/ann/{repo}"))
}

fn held(root: &Path) -> Vec<&'static str> {
    let there = FILES.iter().filter(|path| root.join(path).exists());
    there.copied().collect()
}

async fn is_clean(hub: &Hub, repo: &str) {
    let status = call(hub, "git_status", json!({"repo": repo})).await;
    assert_eq!(status["clean"], true, "{status}");
    let said = Command::new("git")
        .args(["status", "--porcelain"])
        .env(
            "GIT_DIR",
            hub.data()
                .join(format!("projects/demo/repos/{repo}.git/worktrees/ann")),
        )
        .env("GIT_WORK_TREE", root(hub, repo))
        .output()
        .unwrap();
    assert!(said.status.success() && said.stdout.is_empty(), "{said:?}");
}

/// A hub that may clone from another one, and what a clone needs.
async fn hubs() -> (Hub, Hub, Value) {
    let forge = Hub::start().await;
    forge.project("demo", &["ann"]).await;
    call(&forge, "git_init", json!({})).await;
    for path in FILES {
        commit(&forge, path, &format!("{path}\n")).await;
    }
    call(&forge, "create_pull_request", json!({"title": "all"})).await;
    let merge = json!({"number": 1, "method": "merge"});
    call(&forge, "merge_pull_request", merge).await;
    let (token, _) = forge.token(&["demo"], &["ann"], &["git:read"]).await;
    let host = forge.main.strip_prefix("http://").unwrap().to_owned();
    let allowed = format!("remotes.allowed_private = [\"{host}\"]\n");
    let hub = Hub::with(Settings::default().server("git", &allowed)).await;
    hub.project("demo", &["ann"]).await;
    let keep =
        json!({"action": "set", "name": "forge", "host": host, "username": "bot", "secret": token});
    call(&hub, "git_credential", keep).await;
    let url = format!("{}/repos/demo/main.git", forge.main);
    (forge, hub, json!({"url": url, "credential": "forge"}))
}

#[tokio::test]
async fn worktrees_hold_a_part_and_commits_have_all() {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("there is no git program here: nothing was tested");
        return;
    }
    let (forge, hub, mut clone) = hubs().await;
    for bad in ["/etc", "../up", "a\u{0}b", "services/*", "."] {
        clone["sparse_paths"] = json!([bad]);
        let (status, said) = refused(&hub, "git_clone", clone.clone()).await;
        assert_eq!(status, 422, "{bad}: {said}");
        assert!(said.contains("/sparse_paths"), "{said}");
    }
    clone["sparse_paths"] = json!(vec!["a"; 101]);
    assert_eq!(refused(&hub, "git_clone", clone.clone()).await.0, 422);
    clone["sparse_paths"] = json!(["services/shop", "later"]);
    let made = call(&hub, "git_clone", clone).await;
    assert_eq!(made["sparse_paths"], json!(["later", "services/shop"]));
    assert_eq!(made["absent"], json!(["later"]));
    let listed = call(&hub, "git_list_repositories", json!({})).await;
    assert_eq!(listed["items"][0]["sparse_paths"], made["sparse_paths"]);
    // Whichever server makes the tree.
    call(&hub, "read_text_file", json!({"path": "services/list"})).await;
    let shop = [FILES[1], FILES[2], FILES[4]];
    assert_eq!(held(&root(&hub, "main")), shop);
    is_clean(&hub, "main").await;
    let read = call(&hub, "git_read_file", json!({"path": "docs/guide"})).await;
    assert!(read.to_string().contains("docs/guide"));
    let found = call(&hub, "git_grep", json!({"pattern": "web"})).await;
    assert!(found.to_string().contains("services/web/page"));
    commit(&hub, "services/shop/main", "changed\n").await;
    let tree = call(&hub, "git_list_tree", json!({"recursive": true})).await;
    assert_eq!(
        tree["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| FILES.iter().any(|path| one["path"] == *path))
            .count(),
        FILES.len()
    );
    commit(&forge, "docs/guide", "new\n").await;
    commit(&forge, "later/x", "x\n").await;
    let pull = call(&hub, "git_pull", json!({"branch": "agent/ann/work"})).await;
    assert_eq!(pull["status"], "done", "{pull}");
    is_clean(&hub, "main").await;
    assert_eq!(held(&root(&hub, "main")), shop);
    assert!(root(&hub, "main").join("later/x").exists());
    let read = call(&hub, "git_read_file", json!({"path": "docs/guide"})).await;
    assert!(read.to_string().contains("new"));
}

#[tokio::test]
async fn a_partial_clone_brings_no_more_than_worktrees_hold() {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("there is no git program here: nothing was tested");
        return;
    }
    let (forge, hub, mut clone) = hubs().await;
    clone["filter"] = "blob:none".into();
    clone["repo"] = "all".into();
    call(&hub, "git_clone", clone.clone()).await;
    assert_eq!(lacking(&hub, "all"), 0);
    clone["repo"] = "part".into();
    clone["sparse_paths"] = json!(["services/shop"]);
    call(&hub, "git_clone", clone).await;
    assert_eq!(lacking(&hub, "part"), 2);
    is_clean(&hub, "part").await;
    // Work on the part, and merging what others did elsewhere, needs no more either.
    let at = json!({"path": "services/shop/main", "content": "x\n", "repo": "part"});
    call(&hub, "write_file", at).await;
    call(&hub, "git_add", json!({"paths": ["."], "repo": "part"})).await;
    call(&hub, "git_commit", json!({"message": "x", "repo": "part"})).await;
    assert_eq!(lacking(&hub, "part"), 2);
    commit(&forge, "docs/guide", "new\n").await;
    let pull = json!({"branch": "agent/ann/work", "repo": "part"});
    let pull = call(&hub, "git_pull", pull).await;
    assert_eq!(pull["status"], "done", "{pull}");
    is_clean(&hub, "part").await;
    call(
        &hub,
        "git_checkout",
        json!({"target": "main", "repo": "part"}),
    )
    .await;
    is_clean(&hub, "part").await;
    assert!(lacking(&hub, "part") >= 2);
    // What is asked for comes.
    let restore = json!({"paths": ["docs"], "repo": "part"});
    call(&hub, "git_restore", restore).await;
    assert_eq!(held(&root(&hub, "part")).len(), 4);
    is_clean(&hub, "part").await;
}
