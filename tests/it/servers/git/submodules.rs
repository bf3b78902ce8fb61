//! Submodules: brought as files from a hub that serves them, as the real git program brings them, and from nowhere else.
#![allow(
    clippy::disallowed_methods,
    reason = "the git program beside the hub's"
)]

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::remotes::{call, refused};
use crate::support::{Hub, Settings};

fn git(dir: &Path, args: &[&str]) -> String {
    let done = Command::new("git")
        .args(["-c", "user.name=p", "-c", "user.email=p@x"])
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
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "git {args:?}: {said}");
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// All files and links below `at`: their modes and contents.
fn files(at: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![at.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(at).unwrap().to_str().unwrap().to_owned();
            if path.file_name().is_some_and(|name| name == ".git") {
                continue;
            } else if meta.is_dir() {
                waiting.push(path);
            } else if meta.is_symlink() {
                let target = std::fs::read_link(&path).unwrap();
                found.insert(name, (0, target.into_os_string().into_encoded_bytes()));
            } else {
                let mode = meta.permissions().mode() & 0o111;
                found.insert(name, (mode, std::fs::read(&path).unwrap()));
            }
        }
    }
    found
}

struct Elsewhere {
    forge: Hub,
    dir: tempfile::TempDir,
    /// With the token, as people write it.
    base: String,
    token: String,
}

impl Elsewhere {
    /// `main` with the submodule `vendor/lib`, in which is `deep`: both addresses are relative.
    async fn new() -> Self {
        let forge = Hub::start().await;
        forge.project("demo", &["ann"]).await;
        let (token, _) = forge.token(&["demo"], &["ann"], &["git:write"]).await;
        let host = forge.main.strip_prefix("http://").unwrap();
        let base = format!("http://x:{token}@{host}/repos/demo");
        let dir = tempfile::tempdir().unwrap();
        for repo in ["deep", "lib", "main"] {
            call(&forge, "git_init", json!({"repo": repo})).await;
            git(dir.path(), &["init", "-q", "-b", "main", repo]);
            let url = format!("{base}/{repo}.git");
            git(&dir.path().join(repo), &["remote", "add", "origin", &url]);
        }
        let there = Self {
            forge,
            dir,
            base,
            token,
        };
        there.push("deep", &[("d.txt", "deep\n")]);
        let lib = there.dir.path().join("lib");
        there.push("lib", &[("old.txt", "old\n"), ("src/a.txt", "one\n")]);
        std::fs::write(lib.join("run.sh"), "#!/bin/sh\n").unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(lib.join("run.sh"), executable).unwrap();
        std::os::unix::fs::symlink("src/a.txt", lib.join("link")).unwrap();
        git(
            &lib,
            &["submodule", "--quiet", "add", "../deep.git", "deep"],
        );
        there.push(
            "lib",
            &[
                (".gitattributes", "*.crlf eol=crlf\n"),
                ("w.crlf", "a\nb\n"),
            ],
        );
        let main = there.dir.path().join("main");
        there.push("main", &[("a.txt", "a\n")]);
        git(
            &main,
            &["submodule", "--quiet", "add", "../lib.git", "vendor/lib"],
        );
        there.push("main", &[]);
        // What is recorded is no tip any more.
        git(&lib, &["rm", "-q", "old.txt"]);
        there.push("lib", &[("src/a.txt", "two\n")]);
        there
    }

    /// Writes, commits and pushes; the commit.
    fn push(&self, repo: &str, files: &[(&str, &str)]) -> String {
        let at = self.dir.path().join(repo);
        for (path, text) in files {
            let path = at.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        git(&at, &["add", "-A"]);
        git(&at, &["commit", "-q", "-m", "x"]);
        git(&at, &["push", "-q", "origin", "main"]);
        git(&at, &["rev-parse", "HEAD"])
    }

    /// A hub that may go there and to `also`, with the credential `forge` and a clone of `main`.
    async fn cloned(&self, also: &[&str]) -> Hub {
        let host = self.forge.main.strip_prefix("http://").unwrap();
        let mut hosts = vec![host];
        hosts.extend(also);
        let allowed = format!("remotes.allowed_private = {}\n", json!(hosts));
        let hub = Hub::with(Settings::default().server("git", &allowed)).await;
        hub.project("demo", &["ann", "bea"]).await;
        let keep = json!({"action": "set", "name": "forge", "host": host, "username": "x", "secret": self.token});
        call(&hub, "git_credential", keep).await;
        let url = format!("{}/repos/demo/main.git", self.forge.main);
        call(
            &hub,
            "git_clone",
            json!({"url": url, "credential": "forge"}),
        )
        .await;
        call(&hub, "git_worktree", json!({"action": "add"})).await;
        hub
    }
}

fn skip() -> bool {
    let missing = Command::new("git").arg("--version").output().is_err();
    if missing {
        eprintln!("there is no git program here: nothing was tested");
    }
    missing
}

async fn submodule(hub: &Hub, args: Value) -> Value {
    call(hub, "git_submodule", args).await
}

#[tokio::test]
async fn submodules_are_brought_as_git_brings_them() {
    if skip() {
        return;
    }
    let there = Elsewhere::new().await;
    let hub = there.cloned(&[]).await;
    let tree = hub.data().join("projects/demo/workspaces/ann/main");
    let main = format!("{}/main.git", there.base);
    git(
        there.dir.path(),
        &["clone", "-q", "--recurse-submodules", &main, "reference"],
    );
    let reference = there.dir.path().join("reference");

    let listed = submodule(&hub, json!({})).await;
    let one = &listed["items"][0];
    let recorded = git(&reference, &["rev-parse", "HEAD:vendor/lib"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&one["path"], &one["state"], &one["commit"], &one["url"]),
        (
            &json!("vendor/lib"),
            &json!("absent"),
            &json!(recorded),
            &json!("../lib.git")
        )
    );
    let whole = format!("{}/repos/demo/lib.git", there.forge.main);
    assert_eq!(one["resolved_url"], json!(whole));

    let brought = submodule(&hub, json!({"action": "update"})).await;
    assert_eq!(brought["written"], json!(["vendor/lib"]));
    assert_eq!(brought["nested"], json!(["vendor/lib/deep"]));
    assert_eq!(brought["items"][0]["state"], "present");
    let brought = submodule(&hub, json!({"action": "update", "recursive": true})).await;
    assert_eq!(brought["written"], json!(["vendor/lib/deep"]));
    let states = brought["items"].as_array().unwrap().iter();
    let states: Vec<_> = states.map(|one| &one["state"]).collect();
    assert_eq!(states, ["present", "present"], "{brought}");
    assert_eq!(files(&tree), files(&reference));
    assert_eq!(git(&reference, &["status", "--porcelain"]), "");
    let planted = Command::new("find")
        .arg(&tree)
        .args(["-name", ".git"])
        .output();
    assert_eq!(planted.unwrap().stdout, b"");

    // To everybody else they are files of the tree, which no commit of it has.
    let status = call(&hub, "git_status", json!({})).await;
    assert_eq!(status["clean"], true, "{status}");
    let text = call(
        &hub,
        "read_text_file",
        json!({"path": "vendor/lib/src/a.txt"}),
    )
    .await;
    assert!(text.to_string().contains("one"), "{text}");
    call(
        &hub,
        "write_file",
        json!({"path": "vendor/lib/src/a.txt", "content": "mine\n"}),
    )
    .await;
    let added = call(&hub, "git_add", json!({"paths": ["."]})).await;
    assert_eq!(added["count"], 0);
    let (code, said) = refused(&hub, "git_add", json!({"paths": ["vendor/lib/src/a.txt"]})).await;
    assert!(
        code == 422 && said.contains("in the submodule vendor/lib"),
        "{code} {said}"
    );
    assert_eq!(
        submodule(&hub, json!({})).await["items"][0]["state"],
        "changed"
    );
    let remove = json!({"action": "remove"});
    let (code, _) = refused(&hub, "git_worktree", remove).await;
    assert_eq!(code, 409);

    // Another commit of it: staged, told, and put there when nothing is lost, or may be.
    let newer = git(&there.dir.path().join("lib"), &["rev-parse", "HEAD"]);
    let set = json!({"action": "set", "paths": ["vendor/lib"], "commit": newer});
    submodule(&hub, set).await;
    let status = call(&hub, "git_status", json!({})).await;
    assert_eq!(status["submodules"], json!(["vendor/lib"]));
    assert_eq!(
        status["items"],
        json!([{"path": "vendor/lib", "staged": "modified"}])
    );
    let diff = call(&hub, "git_diff_staged", json!({})).await.to_string();
    assert!(
        diff.contains(&format!("Subproject commit {newer}")),
        "{diff}"
    );
    let (code, said) = refused(&hub, "git_submodule", json!({"action": "update"})).await;
    assert!(
        code == 409 && said.contains("would be lost"),
        "{code} {said}"
    );
    let text = std::fs::read_to_string(tree.join("vendor/lib/src/a.txt")).unwrap();
    assert_eq!(text, "mine\n");
    let force = json!({"action": "update", "force": true, "recursive": true});
    submodule(&hub, force).await;
    let lib = reference.join("vendor/lib");
    git(&lib, &["fetch", "-q", "origin"]);
    git(&lib, &["checkout", "-q", &newer]);
    assert_eq!(files(&tree), files(&reference));
    let made = call(&hub, "git_commit", json!({"message": "newer"})).await;
    let head = made["commit"].as_str().unwrap();
    // Where the tree has no submodule, there are no files of it; and there they are again.
    let first = git(&reference, &["rev-list", "--max-parents=0", "HEAD"]);
    call(&hub, "git_checkout", json!({"target": first})).await;
    assert!(!tree.join("vendor/lib/src").exists());
    assert_eq!(call(&hub, "git_status", json!({})).await["clean"], true);
    call(&hub, "git_checkout", json!({"target": head})).await;
    assert_eq!(files(&tree), files(&reference));
    let again = submodule(&hub, json!({"action": "update", "recursive": true})).await;
    assert_eq!(again.get("written"), None, "{again}");
}

#[tokio::test]
async fn submodules_lead_nowhere_else() {
    if skip() {
        return;
    }
    let there = Elsewhere::new().await;
    let asked: Arc<Mutex<String>> = Arc::default();
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = other.local_addr().unwrap().to_string();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = other.accept().await {
            let mut request = vec![0; 8192];
            let read = stream.read(&mut request).await.unwrap_or(0);
            seen.lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&request[..read]));
            let answer = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer).await;
        }
    });
    let hub = there.cloned(&[&host]).await;
    let ran = hub.data().join("ran");
    let set = |commit: &str| json!({"action": "set", "paths": ["vendor/lib"], "commit": commit});
    submodule(&hub, set(&"1".repeat(40))).await;
    let declare = async |url: &str| {
        let text = format!("[submodule \"vendor/lib\"]\n\tpath = vendor/lib\n\turl = {url}\n");
        call(
            &hub,
            "write_file",
            json!({"path": ".gitmodules", "content": text}),
        )
        .await;
        call(&hub, "git_add", json!({"paths": [".gitmodules"]})).await;
    };
    let touch = format!("ext::touch {}", ran.display());
    for (url, why) in [
        (touch.as_str(), "must begin with https://"),
        ("file:///etc", "must begin with https://"),
        ("/etc", "must begin with https://"),
        ("git@127.0.0.1:x", "private address"),
        ("ssh://-oProxyCommand=x/y", "must name a host"),
        ("-u./x", "looks like an option"),
        ("../../../../../lib", "leads above the host"),
        ("https://127.0.0.1:9/x", "private address"),
        ("http://169.254.169.254/latest", "leads to"),
        ("https://[::ffff:10.0.0.1]/x", "private address"),
        ("http://ann:hunter2@example.org/x", "has credentials in it"),
    ] {
        declare(url).await;
        let (code, said) = refused(&hub, "git_submodule", json!({"action": "update"})).await;
        assert!(code == 409 && said.contains(why), "{url}: {code} {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(!ran.exists());
    // No credential goes to another host, whether it is that of origin or named.
    declare(&format!("http://{host}/lib.git")).await;
    for args in [
        json!({"action": "update"}),
        json!({"action": "update", "credential": "forge"}),
    ] {
        let (code, said) = refused(&hub, "git_submodule", args).await;
        assert!(
            code == 403 && said.contains("asks for a credential"),
            "{code} {said}"
        );
    }
    let asked = asked.lock().unwrap().to_lowercase();
    assert!(asked.contains("get /lib.git/info/refs"), "{asked}");
    assert!(!asked.contains("authorization"), "{asked}");
    // A commit that is nowhere, one that is there, and a server that is gone when nothing is needed of it.
    declare("../lib.git").await;
    // What a killed fetch leaves is in nobody's way.
    let stores = hub.data().join("projects/demo/repos/main.git/modules");
    for store in std::fs::read_dir(stores).unwrap() {
        std::fs::write(store.unwrap().path().join("shallow.lock"), "").unwrap();
    }
    let (code, said) = refused(&hub, "git_submodule", json!({"action": "update"})).await;
    assert!(
        code == 409 && said.contains("has no commit 1111"),
        "{code} {said}"
    );
    let by_branch = submodule(&hub, set("origin/main")).await;
    let newest = git(&there.dir.path().join("lib"), &["rev-parse", "HEAD"]);
    assert_eq!(by_branch["items"][0]["commit"], json!(newest));
    let paths = json!({"action": "update", "paths": ["vendor"]});
    let brought = submodule(&hub, paths).await;
    assert_eq!(brought["written"], json!(["vendor/lib"]));
    let (code, _) = refused(
        &hub,
        "git_submodule",
        json!({"action": "update", "paths": ["nowhere"]}),
    )
    .await;
    assert_eq!(code, 404);
    drop(there);
    std::fs::remove_dir_all(hub.data().join("projects/demo/workspaces/ann/main/vendor")).unwrap();
    let brought = submodule(&hub, json!({"action": "update"})).await;
    assert_eq!(brought["items"][0]["state"], "present", "{brought}");
}
