//! A partial clone has what is needed now, and goes for the rest when a call needs it.
#![allow(
    clippy::disallowed_methods,
    reason = "the git program beside the hub's"
)]

use std::process::Command;

use serde_json::json;

use super::remotes::{call, commit};
use crate::support::{Hub, Settings};

/// How many objects `repo` of the project `demo` lacks.
pub(super) fn lacking(hub: &Hub, repo: &str) -> usize {
    let repository = hub.data().join(format!("projects/demo/repos/{repo}.git"));
    let listed = Command::new("git")
        .args(["rev-list", "--objects", "--all", "--missing=print"])
        .env("GIT_DIR", repository)
        .output()
        .unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines().filter(|line| line.starts_with('?')).count()
}

/// A hub with partial clones, called `repos`, of a repository of three commits on another hub.
async fn cloned(filter: &str, repos: &[&str]) -> (Hub, Hub, Vec<String>) {
    let forge = Hub::start().await;
    forge.project("demo", &["ann"]).await;
    call(&forge, "git_init", json!({})).await;
    for text in ["one\n", "two\n", "three\n"] {
        commit(&forge, "a.txt", text).await;
    }
    call(&forge, "create_pull_request", json!({"title": "all"})).await;
    let merge = json!({"number": 1, "method": "rebase"});
    call(&forge, "merge_pull_request", merge).await;
    let log = call(&forge, "git_log", json!({"revision": "main"})).await;
    let log = log["items"].as_array().unwrap().iter().rev();
    let commits: Vec<String> = log
        .map(|one| one["commit"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(commits.len(), 3);
    let (token, _) = forge.token(&["demo"], &["ann"], &["git:read"]).await;
    let host = forge.main.strip_prefix("http://").unwrap().to_owned();
    let url = format!("{}/repos/demo/main.git", forge.main);

    let allowed = format!("remotes.allowed_private = [\"{host}\"]\n");
    let hub = Hub::with(Settings::default().server("git", &allowed)).await;
    hub.project("demo", &["ann"]).await;
    let keep =
        json!({"action": "set", "name": "forge", "host": host, "username": "bot", "secret": token});
    call(&hub, "git_credential", keep).await;
    for repo in repos {
        let clone = json!({"url": url, "credential": "forge", "filter": filter, "repo": repo});
        call(&hub, "git_clone", clone).await;
        assert_eq!(lacking(&hub, repo), 2);
    }
    (forge, hub, commits)
}

#[tokio::test]
async fn what_a_partial_clone_lacks_comes_when_a_call_needs_it() {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("there is no git program here: nothing was tested");
        return;
    }
    let (forge, hub, commits) = cloned("blob:none", &["main"]).await;
    // Work on the newest files needs nothing else.
    let text = call(&hub, "read_text_file", json!({"path": "a.txt"})).await;
    assert!(text.to_string().contains("three"), "{text}");
    let own = commit(&hub, "own.txt", "own\n").await;
    let log = call(&hub, "git_log", json!({})).await;
    assert_eq!(log["items"].as_array().unwrap().len(), 4, "{log}");
    assert_eq!(lacking(&hub, "main"), 2);
    let old = json!({"revision": commits[0], "path": "a.txt"});
    let old = call(&hub, "git_read_file", old).await;
    assert!(old.to_string().contains("one"), "{old}");
    assert_eq!(lacking(&hub, "main"), 0);
    // What is new there comes with its contents, and merges.
    commit(&forge, "b.txt", "new\n").await;
    call(&hub, "git_fetch", json!({})).await;
    let merge = json!({"action": "start", "revision": "origin/agent/ann/work"});
    let merged = call(&hub, "git_merge", merge).await;
    assert_eq!(merged["status"], "done", "{merged}");
    assert_ne!(merged["head"], json!(own));
}

#[tokio::test]
async fn each_way_into_the_past_brings_what_it_needs() {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("there is no git program here: nothing was tested");
        return;
    }
    let repos = ["diff", "show", "blame", "grep", "checkout", "log", "serve"];
    let (_forge, hub, commits) = cloned("blob:limit=1", &repos).await;
    let (first, second) = (&commits[0], &commits[1]);
    for (repo, tool, mut args, expected) in [
        (
            "diff",
            "git_diff",
            json!({"mode": "range", "from": first, "to": second}),
            "+two",
        ),
        ("show", "git_show", json!({"revision": second}), "-one"),
        (
            "blame",
            "git_blame",
            json!({"path": "a.txt", "revision": second}),
            "two",
        ),
        (
            "grep",
            "git_grep",
            json!({"pattern": "on[e]", "revision": first}),
            "one",
        ),
        (
            "checkout",
            "git_checkout",
            json!({"target": first}),
            &**first,
        ),
        ("log", "git_log", json!({"pickaxe": "one"}), &**first),
    ] {
        args["repo"] = repo.into();
        let answer = call(&hub, tool, args).await;
        assert!(answer.to_string().contains(expected), "{tool}: {answer}");
        assert_eq!(lacking(&hub, repo), 0, "{tool}");
    }
    // Whoever clones from here gets all.
    let (token, _) = hub.token(&["demo"], &["ann"], &["git:read"]).await;
    let there = tempfile::tempdir().unwrap();
    let url = hub.main.replace("http://", &format!("http://x:{token}@"));
    let clone = Command::new("git")
        .args(["clone", "-q", &format!("{url}/repos/demo/serve.git")])
        .arg(there.path())
        .output()
        .unwrap();
    assert!(clone.status.success(), "{clone:?}\n{}", hub.log());
    assert_eq!(lacking(&hub, "serve"), 0);
}
