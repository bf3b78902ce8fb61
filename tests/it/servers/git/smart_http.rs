//! Clones and pushes by the real git program, with tokens. Without that program there is nothing to test.
#![allow(
    clippy::disallowed_methods,
    reason = "the git program at the other end"
)]

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::support::Hub;

/// git with nothing of this machine's settings.
fn git(dir: &Path, args: &[&str]) -> Output {
    Command::new("git")
        .args([
            "-c",
            "protocol.version=2",
            "-c",
            "user.name=p",
            "-c",
            "user.email=p@x",
        ])
        .args(args)
        .current_dir(dir)
        .env_clear()
        .envs([
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
        ])
        .output()
        .unwrap()
}

fn done(dir: &Path, args: &[&str]) -> String {
    let output = git(dir, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn refused(dir: &Path, args: &[&str]) -> String {
    let output = git(dir, args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success(),
        "git {args:?} was not refused: {said}"
    );
    said
}

async fn call(hub: &Hub, tool: &str, mut args: Value) -> Value {
    args["project_id"] = "demo".into();
    args["agent_id"] = "ann".into();
    let server = if tool.contains("file") {
        "file_system"
    } else {
        "git"
    };
    let path = format!("/api/v1/servers/{server}/tools/{tool}");
    let (status, answer) = hub.request(&hub.admin, "POST", &path, args).await;
    assert_eq!(status, 200, "{tool}: {answer}");
    answer
}

async fn commit(hub: &Hub, path: &str, text: &str) -> String {
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

fn address(hub: &Hub, token: &str) -> String {
    let host = hub.main.strip_prefix("http://").unwrap();
    format!("http://x:{token}@{host}/repos/demo/main.git")
}

#[tokio::test]
async fn people_clone_and_push_with_their_tokens_and_strangers_do_not() {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("there is no git program here: nothing was tested");
        return;
    }
    let hub = Hub::start().await;
    hub.project("demo", &["ann", "bea"]).await;
    hub.project("other", &["eve"]).await;
    call(&hub, "git_init", json!({})).await;
    let first = commit(&hub, "a.txt", "one\r\ntwo").await;
    let (writer, _) = hub.token(&["demo"], &["bea"], &["git:write"]).await;
    let (reader, _) = hub.token(&["demo"], &["bea"], &["git:read"]).await;
    let (stranger, _) = hub.token(&["other"], &["eve"], &["git:write"]).await;
    let dir = tempfile::tempdir().unwrap();
    let (at, tree) = (dir.path(), dir.path().join("tree"));

    // A clone has the commits, whole, shallow and partial.
    let url = address(&hub, &reader);
    done(at, &["clone", &url, "tree"]);
    assert_eq!(done(&tree, &["rev-parse", "origin/main"]), first);
    assert_eq!(std::fs::read(tree.join("a.txt")).unwrap(), b"one\r\ntwo");
    commit(&hub, "b.txt", "more").await;
    call(&hub, "create_pull_request", json!({"title": "b"})).await;
    call(&hub, "merge_pull_request", json!({"number": 1})).await;
    done(at, &["clone", "--depth", "1", &url, "shallow"]);
    assert_eq!(
        done(&at.join("shallow"), &["rev-list", "--count", "HEAD"]),
        "1"
    );
    done(
        at,
        &[
            "clone",
            "--filter=blob:none",
            "--no-checkout",
            &url,
            "partial",
        ],
    );
    done(&tree, &["pull", "--ff-only"]);
    assert_eq!(std::fs::read(tree.join("b.txt")).unwrap(), b"more");
    done(&tree, &["fsck", "--strict"]);

    // Nobody without a token of the project, and no word of whether it is there.
    let host = hub.main.strip_prefix("http://").unwrap();
    let said = refused(
        at,
        &[
            "clone",
            &format!("http://{host}/repos/demo/main.git"),
            "none",
        ],
    );
    assert!(said.contains("could not read Username"), "{said}");
    let there = refused(at, &["clone", &address(&hub, &stranger), "foreign"]);
    let absent = refused(
        at,
        &[
            "clone",
            &address(&hub, &stranger).replace("/demo/", "/nowhere/"),
            "foreign",
        ],
    );
    let plain = |said: &str| said.replace("nowhere", "demo").replace(&stranger, "");
    assert_eq!(plain(&there), plain(&absent));

    // A push makes a branch; an agent's own branches, protected ones and those in use stay as they are.
    std::fs::write(tree.join("c.txt"), "pushed\n").unwrap();
    done(&tree, &["checkout", "-q", "-b", "feature/c"]);
    done(&tree, &["add", "c.txt"]);
    done(&tree, &["commit", "-qm", "c"]);
    let said = refused(&tree, &["push", &url, "feature/c"]);
    assert!(said.contains("403"), "{said}");
    let url = address(&hub, &writer);
    done(&tree, &["push", &url, "feature/c"]);
    let log = call(&hub, "git_log", json!({"revision": "feature/c"})).await;
    assert_eq!(
        log["items"][0]["commit"],
        done(&tree, &["rev-parse", "HEAD"])
    );
    call(&hub, "protect_branch", json!({"pattern": "main"})).await;
    for (to, why) in [
        ("main", "the branch is protected"),
        ("agent/ann/other", "belongs to another agent"),
        ("agent/ann/work", "belongs to another agent"),
    ] {
        let said = refused(
            &tree,
            &["push", "--force", &url, &format!("HEAD:refs/heads/{to}")],
        );
        assert!(
            said.contains("remote rejected") && said.contains(why),
            "{to}: {said}"
        );
    }
    let said = refused(
        &tree,
        &["push", &url, "HEAD:refs/heads/fine", "HEAD:refs/notes/x"],
    );
    assert!(said.contains("only branches and tags"), "{said}");
    let listed = done(&tree, &["ls-remote", "--heads", &url]);
    assert!(
        !listed.contains("refs/heads/fine"),
        "all or nothing: {listed}"
    );

    // A push that is not fast-forward is told by git, as anywhere; a large one goes through.
    done(&tree, &["commit", "-q", "--amend", "-m", "c again"]);
    let said = refused(&tree, &["push", &url, "feature/c"]);
    assert!(
        said.contains("non-fast-forward") || said.contains("fetch first"),
        "{said}"
    );
    done(
        &tree,
        &[
            "push",
            "--force-with-lease=feature/c:feature/c@{1}",
            &url,
            "feature/c",
        ],
    );
    let mut large = vec![0_u8; 8 << 20];
    getrandom::fill(&mut large).unwrap();
    std::fs::write(tree.join("large.bin"), &large).unwrap();
    done(&tree, &["add", "large.bin"]);
    done(&tree, &["commit", "-qm", "large"]);
    done(&tree, &["push", &url, "feature/c", "HEAD:refs/tags/v1"]);
    done(at, &["clone", "-q", "-b", "feature/c", &url, "again"]);
    assert_eq!(std::fs::read(at.join("again/large.bin")).unwrap(), large);
    done(&tree, &["push", &url, ":refs/heads/feature/c"]);

    // On the record, without the token.
    let seen = hub.audit("tool=git_commit&limit=50").await;
    assert!(
        seen.iter()
            .any(|entry| entry.to_string().contains("git-receive-pack"))
    );
    assert!(!hub.log().contains(&writer));
}

#[tokio::test]
async fn a_clone_checks_who_signed() {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !there("git") || !there("ssh-keygen") {
        eprintln!("there is no git or no ssh-keygen here: nothing was tested");
        return;
    }
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    call(&hub, "git_init", json!({})).await;
    let plain = commit(&hub, "a.txt", "one").await;
    let keys = call(&hub, "git_signing_key", json!({"action": "create"})).await;
    let signed = json!({"message": "signed", "allow_empty": true, "sign": true});
    let signed = call(&hub, "git_commit", signed).await;
    let signed = signed["commit"].as_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let (reader, _) = hub.token(&["demo"], &["ann"], &["git:read"]).await;
    done(at, &["clone", "--bare", &address(&hub, &reader), "tree"]);
    let signers = at.join("signers");
    std::fs::write(&signers, keys["allowed_signers"].as_str().unwrap()).unwrap();
    let file = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let check = |commit| git(&at.join("tree"), &["-c", &file, "verify-commit", commit]);
    let good = check(signed);
    let said = String::from_utf8_lossy(&good.stderr);
    assert!(good.status.success(), "{said}");
    assert!(said.starts_with("Good \"git\" signature for "), "{said}");
    assert!(!check(&plain).status.success());
    let strict = done(&at.join("tree"), &["fsck", "--strict"]);
    assert_eq!(strict, "");
}
