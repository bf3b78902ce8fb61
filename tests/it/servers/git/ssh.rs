//! Remotes by ssh, with a real server at the other end.
#![allow(
    clippy::disallowed_methods,
    reason = "looks for what should be nowhere"
)]

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::json;

use super::{
    partial::lacking,
    remotes::{call, commit, refused},
    sshd::{Sshd, say},
};
use crate::support::{Hub, Settings};

/// A hub that may go to `place`, with the project `demo` and the agent `ann`.
async fn hub(place: &str, more: &str) -> Hub {
    let allowed = format!("remotes.allowed_private = [{place:?}]\n{more}");
    let hub = Hub::with(Settings::default().server("git", &allowed)).await;
    hub.project("demo", &["ann"]).await;
    hub
}

/// Directories with keys that lie in the hub's data directory.
fn keys(data: &Path) -> Vec<PathBuf> {
    let Ok(all) = fs::read_dir(data.join("tmp")) else {
        return Vec::new();
    };
    all.map(|entry| entry.unwrap().path().join("key"))
        .filter(|key| key.exists())
        .collect()
}

#[tokio::test]
async fn a_repository_is_cloned_pulled_and_pushed_to_with_a_sealed_key() {
    let Some(forge) = Sshd::start() else { return };
    let first = forge.repository("a.git", &["one\n", "two\n"]).remove(1);
    let hub = hub(&forge.place(), "").await;
    let url = forge.url("a.git");
    let kept = call(&hub, "git_credential", forge.credential("user", "host")).await;
    let shown = say("ssh-keygen", &["-lf", &forge.path("user.pub")]);
    let fingerprint = kept["credentials"][0]["fingerprint"].as_str().unwrap();
    assert!(shown.contains(fingerprint), "{shown} {kept}");

    let clone = json!({"url": url, "credential": "forge"});
    let cloned = call(&hub, "git_clone", clone).await;
    assert_eq!(
        (&cloned["commit"], &cloned["default_branch"]),
        (&json!(first), &json!("main"))
    );
    let text = call(&hub, "read_text_file", json!({"path": "a.txt"})).await;
    assert!(text.to_string().contains("two"), "{text}");
    let remotes = call(&hub, "git_remote", json!({})).await;
    assert_eq!(remotes["remotes"][0]["url"], json!(url));

    // What is new there comes here.
    let second = forge.commit("b.txt", "three\n");
    let moved = call(&hub, "git_fetch", json!({})).await;
    assert!(moved.to_string().contains(&second), "{moved}");
    let merged = call(&hub, "git_pull", json!({"branch": "main"})).await;
    assert_eq!(merged["head"], json!(second));

    // And what is new here goes there: not over what is there, and over it when it was seen.
    let own = commit(&hub, "c.txt", "four\n").await;
    let pushed = call(&hub, "git_push", json!({"to": "feature/c"})).await;
    assert_eq!(
        (&pushed["commit"], &pushed["up_to_date"]),
        (&json!(own), &json!(false))
    );
    let bare = forge.path("a.git");
    let there = || say("git", &["-C", &bare, "rev-parse", "refs/heads/feature/c"]);
    assert_eq!(there(), own);
    call(
        &hub,
        "git_reset",
        json!({"revision": second, "mode": "hard"}),
    )
    .await;
    let other = commit(&hub, "c.txt", "other\n").await;
    let (status, said) = refused(&hub, "git_push", json!({"to": "feature/c"})).await;
    assert!(status == 409 && said.contains("git_pull"), "{said}");
    let lease = json!({"to": "feature/c", "force_with_lease": "fetched"});
    call(&hub, "git_push", lease).await;
    assert_eq!(there(), other);

    // A shallow clone, one of some directories, and one that goes for the rest when a call needs it.
    let shallow = json!({"url": url, "credential": "forge", "repo": "shallow", "depth": 1});
    call(&hub, "git_clone", shallow).await;
    let log = call(&hub, "git_log", json!({"repo": "shallow"})).await;
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");
    let partial = json!({"url": url, "credential": "forge", "repo": "partial", "filter": "blob:none", "sparse_paths": ["docs"]});
    call(&hub, "git_clone", partial).await;
    assert_ne!(lacking(&hub, "partial"), 0);
    let old = json!({"repo": "partial", "revision": format!("{first}~1"), "path": "a.txt"});
    let old = call(&hub, "git_read_file", old).await;
    assert!(old.to_string().contains("one"), "{old}");

    // The key is nowhere: not in the log, not on the disk.
    let key = forge.file("user");
    let line = key.lines().nth(2).unwrap();
    assert!(!hub.log().contains(line));
    assert_eq!(keys(&hub.data()), [] as [PathBuf; 0]);
    let found = Command::new("grep")
        .args(["-ral", "-e", line])
        .arg(hub.data())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[tokio::test]
async fn what_keeps_somebody_out_is_told() {
    let Some(forge) = Sshd::start() else { return };
    forge.repository("a.git", &["one\n"]);
    let hub = hub(&forge.place(), "").await;
    let clone = |url: String| json!({"url": url, "credential": "forge", "repo": "new"});
    let here = || clone(forge.url("a.git"));
    // A host with another key, be it the real one or not.
    call(
        &hub,
        "git_credential",
        forge.credential("user", "other_host"),
    )
    .await;
    let (status, said) = refused(&hub, "git_clone", here()).await;
    assert!(
        status == 403 && said.contains("another than the credential's known_hosts"),
        "{status} {said}"
    );
    // A key that it does not know.
    call(
        &hub,
        "git_credential",
        forge.credential("other_user", "host"),
    )
    .await;
    let (status, said) = refused(&hub, "git_clone", here()).await;
    assert!(
        status == 403 && said.contains("refuses the credential"),
        "{status} {said}"
    );
    // No key at all.
    let without = json!({"url": forge.url("a.git"), "repo": "new"});
    let (status, said) = refused(&hub, "git_clone", without).await;
    assert!(
        status == 403 && said.contains("opened by a key"),
        "{status} {said}"
    );
    let password = json!({"action": "set", "name": "forge", "host": forge.place(), "username": forge.user, "secret": "hunter2"});
    call(&hub, "git_credential", password).await;
    let (status, said) = refused(&hub, "git_clone", here()).await;
    assert!(
        status == 403 && said.contains("is a password"),
        "{status} {said}"
    );
    // A repository that is not there.
    call(&hub, "git_credential", forge.credential("user", "host")).await;
    let (status, said) = refused(&hub, "git_clone", clone(forge.url("b.git"))).await;
    assert!(
        status == 404 && said.contains("no repository"),
        "{status} {said}"
    );
    // A private address that the operator did not name, however it is spelled.
    for host in ["localhost", "127.1", "[::1]", "0x7f000001"] {
        let url = format!("ssh://{}@{host}:{}/a.git", forge.user, forge.port);
        let (status, said) = refused(&hub, "git_clone", clone(url)).await;
        assert!(
            status == 422 && said.contains("private address"),
            "{host}: {status} {said}"
        );
    }
    // Nobody there.
    let gone = here();
    drop(forge);
    let (status, said) = refused(&hub, "git_clone", gone).await;
    assert!(
        status == 503 && said.contains("cannot be connected to"),
        "{status} {said}"
    );
    assert_eq!(keys(&hub.data()), [] as [PathBuf; 0]);
}

/// Writes a program that says in files what it was started with, and fails.
fn recorder(dir: &Path) -> PathBuf {
    let (program, at) = (dir.join("recorder"), dir.display());
    let text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > {at}/arguments\nenv > {at}/environment\ncp config {at}/config\nexit 9\n"
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[tokio::test]
async fn ssh_knows_nothing_of_the_machine_and_nothing_that_is_planted() {
    let Some(forge) = Sshd::start() else { return };
    forge.repository("a.git", &["one\n"]);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let program = recorder(dir.path());
    let touch = format!("touch {}", at("ran").display());
    let home = at("home");
    fs::create_dir_all(home.join(".ssh")).unwrap();
    let planted = format!(
        "Host *\n  ProxyCommand {touch}\n  PermitLocalCommand yes\n  LocalCommand {touch}\n"
    );
    fs::write(home.join(".ssh/config"), planted).unwrap();
    let settings = format!(
        "remotes.allowed_private = [{:?}]\nremotes.ssh_program = {program:?}\n",
        forge.place()
    );
    let environment = [
        ("HOME", home.to_str().unwrap()),
        ("GIT_SSH_COMMAND", &touch),
        ("GIT_PROXY_COMMAND", &touch),
        ("SSH_AUTH_SOCK", "/nonexistent/agent"),
        ("SSH_ASKPASS", &touch),
        ("DISPLAY", ":0"),
    ];
    let hub = Hub::with_env(Settings::default().server("git", &settings), &environment).await;
    hub.project("demo", &["ann"]).await;
    call(&hub, "git_credential", forge.credential("user", "host")).await;
    let clone = json!({"url": forge.url("a.git"), "credential": "forge"});
    let (status, said) = refused(&hub, "git_clone", clone).await;
    assert_eq!(status, 503, "{said}");
    let arguments = fs::read_to_string(at("arguments")).unwrap();
    let asked = format!("git-upload-pack '{}'", forge.path("a.git"));
    let whom = format!("{}@127.0.0.1", forge.user);
    assert_eq!(
        arguments.lines().collect::<Vec<_>>(),
        ["-F", "config", "--", &whom, &asked]
    );
    let environment = fs::read_to_string(at("environment")).unwrap();
    let names = environment
        .lines()
        .map(|line| line.split_once('=').unwrap().0);
    // The shell of the program above adds the last three.
    let known = ["LC_ALL", "PATH", "GIT_PROTOCOL", "PWD", "SHLVL", "_"];
    assert_eq!(
        names
            .filter(|name| !known.contains(name))
            .collect::<Vec<_>>(),
        [] as [&str; 0]
    );
    let config = fs::read_to_string(at("config")).unwrap();
    assert!(
        config.starts_with(&format!("HostName 127.0.0.1\nPort {}\n", forge.port)),
        "{config}"
    );

    // What stands in the repository's own config is not run either.
    let own = hub.data().join("projects/demo/repos/main.git/config");
    let text = fs::read_to_string(&own).unwrap();
    fs::write(
        &own,
        format!("{text}[core]\n\tsshCommand = {touch}\n[ssh]\n\tvariant = simple\n"),
    )
    .unwrap();
    let set =
        json!({"action": "add", "name": "forge", "url": forge.url("a.git"), "credential": "forge"});
    call(&hub, "git_remote", set).await;
    fs::remove_file(at("arguments")).unwrap();
    refused(&hub, "git_fetch", json!({"remote": "forge"})).await;
    assert!(at("arguments").exists() && !at("ran").exists());
}

#[tokio::test]
async fn without_the_program_the_operator_is_told() {
    let hub = hub("127.0.0.1:22", "remotes.ssh_program = \"no-such-ssh\"\n").await;
    let keep = json!({"action": "set", "name": "forge", "host": "127.0.0.1", "username": "git",
        "private_key": include_str!("../../../../src/servers/git/remote/ssh/samples/ed25519"),
        "known_hosts": include_str!("../../../../src/servers/git/remote/ssh/samples/ed25519.pub")});
    call(&hub, "git_credential", keep).await;
    let clone = json!({"url": "git@127.0.0.1:a.git", "credential": "forge"});
    let (status, said) = refused(&hub, "git_clone", clone).await;
    assert!(
        status == 503 && said.contains("no ssh program"),
        "{status} {said}"
    );
}

#[tokio::test]
async fn a_key_that_a_killed_hub_had_in_use_is_gone_after_its_next_start() {
    let Some(forge) = Sshd::start() else { return };
    // Takes connections and says nothing; ssh waits until this is dropped.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap().to_string();
    let mut hub = hub(&place, "").await;
    let mut keep = forge.credential("user", "host");
    keep["host"] = place.clone().into();
    keep["known_hosts"] = forge.file("host.pub").into();
    call(&hub, "git_credential", keep).await;
    let url = format!("{}/api/v1/servers/git/tools/git_clone", hub.main);
    let args = json!({"url": format!("ssh://{}@{place}/a.git", forge.user), "credential": "forge",
        "project_id": "demo", "agent_id": "ann"});
    let sent = hub
        .http
        .post(url)
        .bearer_auth(&hub.admin)
        .json(&args)
        .send();
    let waiting = tokio::spawn(sent);
    // ssh is there, and has its key.
    let (connected, silent) =
        tokio::task::spawn_blocking(move || (silent.accept().unwrap(), silent))
            .await
            .unwrap();
    let key = keys(&hub.data()).remove(0);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&key), mode(key.parent().unwrap())), (0o600, 0o700));
    hub.kill();
    assert!(waiting.await.unwrap().is_err());
    assert!(key.exists(), "a killed hub cannot remove it");
    let hub = hub.again().await;
    assert!(!key.exists() && keys(&hub.data()).is_empty());
    assert!(hub.log().contains("removed keys"), "{}", hub.log());
    drop((connected, silent));
}

#[tokio::test]
async fn a_call_that_ends_early_leaves_no_key() {
    let Some(forge) = Sshd::start() else { return };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap().to_string();
    let hub = hub(&place, "remotes.max_seconds = 1\n").await;
    let mut keep = forge.credential("user", "host");
    keep["host"] = place.clone().into();
    keep["known_hosts"] = forge.file("host.pub").into();
    call(&hub, "git_credential", keep).await;
    let url = format!("ssh://{}@{place}/a.git", forge.user);
    let clone = json!({"url": url, "credential": "forge"});
    let (status, said) = refused(&hub, "git_clone", clone).await;
    assert!(
        status == 504 && said.contains("took longer than 1 s"),
        "{status} {said}"
    );
    assert_eq!(keys(&hub.data()), [] as [PathBuf; 0]);
    // ssh is gone too: its connection ends.
    let (mut connection, _) = silent.accept().unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    std::io::Read::read_to_end(&mut connection, &mut Vec::new()).unwrap();
}
