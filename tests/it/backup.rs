//! Backups of a hub at work, and hubs made out of them.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use super::support::{Hub, Settings, database, run};

const SCOPE: [(&str, &str); 2] = [("project_id", "default"), ("agent_id", "default")];

fn said(output: &std::process::Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

async fn call(hub: &Hub, server: &str, tool: &str, mut args: Value) -> Value {
    for (key, value) in SCOPE {
        if args.get(key).is_none() {
            args[key] = value.into();
        }
    }
    let path = format!("/api/v1/servers/{server}/tools/{tool}");
    let (status, body) = hub.admin("POST", &path, args).await;
    assert_eq!(status, 200, "{tool}: {body}");
    body
}

/// One round of work: an issue, a file that is moved, a commit. What was acknowledged.
async fn round(hub: &Hub, n: usize) -> usize {
    let (made, moved) = (format!("new/{n}.txt"), format!("kept/{n}.txt"));
    let issue = json!({"title": format!("round {n}")});
    call(hub, "issues", "create_issue", issue).await;
    let file = json!({"path": made, "content": format!("content {n}\n")});
    call(hub, "file_system", "write_file", file).await;
    let paths = json!({"source": made, "destination": moved});
    call(hub, "file_system", "move_file", paths).await;
    call(hub, "git", "git_add", json!({"paths": [moved]})).await;
    let message = json!({"message": format!("round {n}")});
    call(hub, "git", "git_commit", message).await;
    n
}

async fn has_round(hub: &Hub, n: usize) {
    let path = format!("kept/{n}.txt");
    let read = call(hub, "file_system", "read_text_file", json!({"path": path})).await;
    assert_eq!(read["content"], format!("content {n}\n"));
    let (_, issue) = hub
        .admin(
            "GET",
            &format!(
                "/api/v1/issues/{}?project_id=default&agent_id=default",
                n + 1
            ),
            Value::Null,
        )
        .await;
    assert_eq!(issue["title"], format!("round {n}"));
}

fn backup_in(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .filter(|p| p.to_string_lossy().ends_with(".tar.gz"))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[tokio::test]
async fn a_backup_under_load_has_everything_that_was_acknowledged_before() {
    let hub = Arc::new(Hub::start().await);
    call(&hub, "git", "git_init", json!({})).await;
    for n in 0..5 {
        round(&hub, n).await;
    }
    let document = json!({"source": {"text": "The zebra sleeps."}, "external_id": "z"});
    call(&hub, "knowledge_base", "add_document", document).await;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(4)));
    let working = {
        let (hub, stop, done) = (Arc::clone(&hub), Arc::clone(&stop), Arc::clone(&done));
        tokio::spawn(async move {
            let mut n = 5;
            while !stop.load(Ordering::SeqCst) {
                *done.lock().unwrap() = round(&hub, n).await;
                n += 1;
            }
        })
    };
    let to = tempfile::tempdir().unwrap();
    let mut backups = Vec::new();
    for n in 0..4 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let acknowledged = *done.lock().unwrap();
        let file = to.path().join(format!("{n}.tar.gz"));
        let (dir, path) = (hub.dir().to_owned(), file.clone());
        let output =
            tokio::task::spawn_blocking(move || run(&dir, &["backup", path.to_str().unwrap()]));
        let output = output.await.unwrap();
        assert!(output.status.success(), "{}", said(&output));
        backups.push((file, acknowledged));
    }
    stop.store(true, Ordering::SeqCst);
    working.await.unwrap();
    assert!(backups[3].1 > backups[0].1, "nothing was written meanwhile");
    let mode = fs::metadata(&backups[0].0).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&mode) & 0o777, 0o600);
    drop(hub);
    for (file, acknowledged) in backups {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        fs::write(dir.path().join("config.toml"), Settings::default().text()).unwrap();
        let output = run(dir.path(), &["restore", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(!dir.path().join("data/index").exists());
        let hub = Hub::in_dir(Arc::clone(&dir)).await;
        for n in 0..=acknowledged {
            has_round(&hub, n).await;
        }
        let log = call(&hub, "git", "git_log", json!({"limit": 200})).await;
        let commits = log["items"].as_array().unwrap().len();
        assert!(
            commits > acknowledged,
            "{commits} commits of {acknowledged}"
        );
        round_goes_on(&hub).await;
        let verified = run(dir.path(), &["audit", "verify"]);
        assert!(verified.status.success(), "{}", said(&verified));
    }
}

/// Refs, index and files agree, so that work goes on; and what was said is found.
async fn round_goes_on(hub: &Hub) {
    let file = json!({"path": "later.txt", "content": "later\n"});
    call(hub, "file_system", "write_file", file).await;
    call(hub, "git", "git_add", json!({"paths": ["later.txt"]})).await;
    call(hub, "git", "git_commit", json!({"message": "later"})).await;
    let wanted = json!({"query": "zebra", "limit": 1});
    super::support::eventually("the index is filled anew", async || {
        let path = "/api/v1/servers/knowledge_base/tools/search_knowledge";
        let mut args = wanted.clone();
        for (key, value) in SCOPE {
            args[key] = value.into();
        }
        let (_, found) = hub.admin("POST", path, args).await;
        found.to_string().contains("zebra sleeps")
    })
    .await;
}

#[test]
fn a_damaged_or_foreign_backup_is_refused_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    assert!(
        run(
            dir.path(),
            &[
                "call",
                "file_system",
                "write_file",
                "path=a.txt",
                "content=hello"
            ]
        )
        .status
        .success()
    );
    let output = run(dir.path(), &["backup"]);
    assert!(output.status.success(), "{}", said(&output));
    let backup = backup_in(dir.path());
    let good = fs::read(&backup).unwrap();
    let check = |name: &str, bytes: &[u8], expected: &str| {
        fs::write(at(name), bytes).unwrap();
        fs::write(at("config.toml"), "[storage]\ndata = \"restored\"\n").unwrap();
        for args in [&["restore", name][..], &["restore", "--check", name]] {
            let output = run(dir.path(), args);
            assert_eq!(output.status.code(), Some(1), "{name}");
            let said = said(&output);
            assert!(said.contains(expected), "{name}: {said}");
        }
        let left: Vec<_> = fs::read_dir(at("restored"))
            .map(|entries| entries.map(|e| e.unwrap().file_name()).collect())
            .unwrap_or_default();
        assert!(left.is_empty() || left == ["hub.lock"], "{left:?}");
    };
    check("cut.tar.gz", &good[..good.len() / 2], "cut off after");
    check("short.tar.gz", &good[..good.len() - 4], "cut off after");
    // Not every bit of a compressed stream means something.
    let content = |bytes: &[u8]| {
        let mut content = Vec::new();
        let read = flate2::read::GzDecoder::new(bytes).read_to_end(&mut content);
        read.is_ok().then_some(content)
    };
    let flipped = (good.len() / 2..).map(|at| {
        let mut flipped = good.clone();
        flipped[at] ^= 0x40;
        flipped
    });
    let flipped: Vec<_> = flipped.filter(|f| content(f).is_none()).take(3).collect();
    for flipped in flipped {
        check("flipped.tar.gz", &flipped, "flipped.tar.gz: it is ");
    }
    check(
        "more.tar.gz",
        &[&good[..], b"more"].concat(),
        "more after its end",
    );
    check(
        "text.tar.gz",
        b"hello, this is no archive",
        "no backup of a hub",
    );
    let repacked = |change: &dyn Fn(&Path, &mut Vec<u8>) -> Option<PathBuf>| {
        let mut out = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&good[..]));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut header = entry.header().clone();
            let path = entry.path().unwrap().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            if let Some(path) = change(&path, &mut content) {
                header.set_size(content.len() as u64);
                out.append_data(&mut header, path, &content[..]).unwrap();
            }
        }
        out.into_inner().unwrap().finish().unwrap()
    };
    let same = |path: &Path| Some(path.to_owned());
    let other = repacked(&|path, content| {
        if path.ends_with("a.txt") {
            content.write_all(b"!").unwrap();
        }
        same(path)
    });
    check("other.tar.gz", &other, "a.txt\" is not what was backed up");
    let without = repacked(&|path, _| same(path).filter(|path| path != Path::new("manifest.json")));
    check("without.tar.gz", &without, "cut off after");
    let rewritten = |from: &'static str, to: &'static str| {
        repacked(&move |path, content| {
            if path == Path::new("manifest.json") || path == Path::new("syndarix-backup.json") {
                let text = String::from_utf8(content.clone()).unwrap();
                *content = text.replace(from, to).into_bytes();
            }
            same(path)
        })
    };
    check(
        "out.tar.gz",
        &rewritten("\"token.key\"", "\"../token.key\""),
        "no path below",
    );
    check(
        "newer.tar.gz",
        &rewritten("\"version\":1", "\"version\":2"),
        "newer than form 1",
    );
    check(
        "schema.tar.gz",
        &rewritten("\"schema\":", "\"schema\":9"),
        "newer than schema",
    );
    check(
        "list.tar.gz",
        &rewritten("{\"made_ms\"", "{\"made\""),
        "list of files is damaged",
    );
}

#[test]
fn a_restore_overwrites_nothing_unless_told_and_then_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = |content: &str| {
        let content = format!("content={content}");
        let args = ["call", "file_system", "write_file", "path=a.txt", &content];
        let output = run(dir.path(), &args);
        assert!(output.status.success(), "{}", said(&output));
    };
    let read = || {
        said(&run(
            dir.path(),
            &["call", "file_system", "read_text_file", "path=a.txt"],
        ))
    };
    file("first");
    assert!(run(dir.path(), &["backup"]).status.success());
    let backup = backup_in(dir.path());
    let backup = backup.to_str().unwrap();
    assert!(
        run(dir.path(), &["restore", "--check", backup])
            .status
            .success()
    );
    file("second");
    let refused = run(dir.path(), &["restore", backup]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("is not empty"),
        "{}",
        said(&refused)
    );
    assert!(read().contains("second"));
    let restored = run(dir.path(), &["restore", "--force", backup]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert!(read().contains("first"));
    let aside = fs::read_dir(dir.path().join("data"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.to_string_lossy().contains("before-restore-"))
        .unwrap();
    let kept = aside.join("projects/default/workspaces/default/main/a.txt");
    assert_eq!(fs::read_to_string(kept).unwrap(), "second");
    let mode = fs::metadata(dir.path().join("data/token.key")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&mode) & 0o777, 0o600);
    // One that is cut off keeps the hub from starting on half of it.
    fs::create_dir(dir.path().join("data/.restoring")).unwrap();
    let output = run(dir.path(), &["project", "list"]);
    assert!(said(&output).contains("was cut off"), "{}", said(&output));
    assert!(
        run(dir.path(), &["restore", "--force", backup])
            .status
            .success()
    );
    assert!(read().contains("first"));
}

#[tokio::test]
async fn backups_are_for_administrators_and_hold_no_other_backup() {
    let hub = Hub::start().await;
    let (token, _) = hub.token(&["*"], &["*"], &["mcp:admin"]).await;
    let (status, _) = hub
        .request(&token, "POST", "/api/v1/backups", Value::Null)
        .await;
    assert_eq!(status, 403);
    fs::create_dir_all(hub.data().join("tmp/ssh_1")).unwrap();
    fs::write(hub.data().join("tmp/ssh_1/key"), "secret").unwrap();
    let make = async || hub.admin("POST", "/api/v1/backups", Value::Null).await;
    let (status, first) = make().await;
    assert_eq!(status, 201, "{first}");
    let (_, second) = make().await;
    assert!(second["file_bytes"].as_u64() < Some(2 * first["file_bytes"].as_u64().unwrap()));
    let path = hub
        .data()
        .join("backups")
        .join(second["name"].as_str().unwrap());
    let mut archive =
        tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(path).unwrap()));
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let out = ["backups", "index", "hub.lock", "hub.addr", "tmp"];
        assert!(!out.iter().any(|name| path.starts_with(name)), "{path:?}");
    }
    assert_eq!(hub.audit("tool=create_backup").await.len(), 3);
}

#[tokio::test]
async fn on_postgresql_the_files_are_backed_up_and_the_database_is_said_not_to_be() {
    let Some(url) = database("syndarix_backup").await else {
        return;
    };
    let settings = || Settings::default().extra(&format!("[database]\nurl = {url:?}\n"));
    let hub = Hub::with(settings()).await;
    call(&hub, "git", "git_init", json!({})).await;
    round(&hub, 0).await;
    let dir = hub.dir().to_owned();
    let output = tokio::task::spawn_blocking(move || run(&dir, &["backup"]))
        .await
        .unwrap();
    let told = said(&output);
    assert!(
        output.status.success() && told.contains("pg_dump"),
        "{told}"
    );
    let backup = backup_in(hub.dir());
    let next = Arc::new(tempfile::tempdir().unwrap());
    fs::write(next.path().join("config.toml"), settings().text()).unwrap();
    let output = run(next.path(), &["restore", backup.to_str().unwrap()]);
    assert!(
        said(&output).contains("restore the PostgreSQL database"),
        "{}",
        said(&output)
    );
    assert!(!next.path().join("data/syndarix.db").exists());
    drop(hub);
    let hub = Hub::in_dir(next).await;
    has_round(&hub, 0).await;
}
