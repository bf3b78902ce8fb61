//! `doctor` finds what its user did wrong, explains it, and mends what it says it mends.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde_json::Value;

use super::support::{Hub, Settings, run};

/// What doctor says: its exit code, and its findings.
fn doctor(dir: &Path, args: &[&str]) -> (i32, Vec<Value>) {
    let output = run(dir, &[&["doctor", "--json"], args].concat());
    let found = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code().unwrap(), found)
}

/// The findings of `check` that are no `ok`: their level, and all that they say.
fn wrong(found: &[Value], check: &str) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    found
        .iter()
        .filter(|f| f["check"] == check && f["level"] != "ok")
        .map(|f| {
            let said = format!("{} -> {}", text(f, "found"), text(f, "next"));
            (text(f, "level"), said)
        })
        .collect()
}

fn one(found: &[Value], check: &str, level: &str, says: &[&str]) {
    let wrong = wrong(found, check);
    let hit = wrong
        .iter()
        .any(|(l, said)| l == level && says.iter().all(|s| said.contains(s)));
    assert!(hit, "{check}: {wrong:#?}");
}

fn configured(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{}{text}", Settings::default().text());
    fs::write(dir.path().join("config.toml"), text).unwrap();
    dir
}

/// A hub that has been there.
fn used(text: &str) -> tempfile::TempDir {
    let dir = configured(text);
    let args = [
        "call",
        "knowledge_base",
        "add_document",
        "source:={\"text\":\"zebra\"}",
    ];
    let output = run(dir.path(), &args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    dir
}

#[test]
fn a_new_and_a_used_hub_are_well() {
    for dir in [configured(""), used("")] {
        let (code, found) = doctor(dir.path(), &[]);
        let errors: Vec<_> = found.iter().filter(|f| f["level"] == "error").collect();
        assert!(errors.is_empty() && code == 0, "{code} {errors:#?}");
        assert!(!dir.path().join("data").exists() || dir.path().join("data/token.key").exists());
        let checks = [
            "configuration",
            "data directory",
            "database",
            "ports",
            "git",
        ];
        for check in checks {
            assert!(found.iter().any(|f| f["check"] == check), "{check}");
        }
    }
}

#[test]
fn wrong_permissions_are_found_and_mended() {
    let dir = used("");
    let data = dir.path().join("data");
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    set(&data, 0o755);
    set(&data.join("token.key"), 0o644);
    let (code, found) = doctor(dir.path(), &[]);
    assert_eq!(code, 1);
    one(
        &found,
        "data directory",
        "error",
        &["mode 755", "chmod 700"],
    );
    one(&found, "secrets", "error", &["token.key", "chmod 600"]);
    assert_eq!(mode(&data), 0o755, "nothing is changed unless asked for");
    let (code, found) = doctor(dir.path(), &["--fix"]);
    assert_eq!(code, 0, "{found:#?}");
    assert!(found.iter().filter(|f| f["fixed"] == true).count() == 2);
    assert_eq!((mode(&data), mode(&data.join("token.key"))), (0o700, 0o600));
}

#[test]
fn a_port_in_use_is_found() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = configured("");
    let text = Settings::default().text();
    let text = text.replacen("127.0.0.1:0", &address, 1);
    fs::write(dir.path().join("config.toml"), text).unwrap();
    let (code, found) = doctor(dir.path(), &[]);
    assert_eq!(code, 1);
    one(
        &found,
        "ports",
        "error",
        &[&address, "in use", "http.listen"],
    );
}

#[tokio::test]
async fn the_ports_of_the_hub_that_runs_are_no_fault() {
    let hub = Hub::start().await;
    let (code, found) = doctor(hub.dir(), &[]);
    assert_eq!(code, 0, "{found:#?}");
    let ports = found.iter().find(|f| f["check"] == "ports").unwrap();
    assert!(
        ports["found"].as_str().unwrap().contains("a hub runs"),
        "{ports}"
    );
}

#[test]
fn providers_that_do_not_answer_or_have_no_key_are_found() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let dir = configured(&format!(
        "[servers.llm_gateway.providers.near]\nkind = \"vllm\"\nbase_url = \"http://{closed}/v1\"\n\
         [servers.llm_gateway.providers.keyless]\nkind = \"openai\"\napi_key_env = \"NO_SUCH_KEY_HERE\"\n\
         [servers.knowledge_base.embedding]\nprovider = \"gateway\"\nmodel = \"nobody/x\"\n"
    ));
    let (code, found) = doctor(dir.path(), &[]);
    assert_eq!(code, 1);
    one(
        &found,
        "providers",
        "error",
        &["near", "refused", "base_url"],
    );
    one(
        &found,
        "providers",
        "error",
        &["keyless", "NO_SUCH_KEY_HERE", "api_key_file"],
    );
    one(&found, "embedding", "warning", &["nobody/x"]);
}

#[tokio::test]
async fn an_older_a_newer_and_a_damaged_database_are_found() {
    let dir = used("");
    let path = dir.path().join("data/syndarix.db");
    let sql = async |text: &'static str| {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let mut conn = sqlx::ConnectOptions::connect(&options).await.unwrap();
        sqlx::query(text).execute(&mut conn).await.unwrap();
        sqlx::Connection::close(conn).await.unwrap();
    };
    sql("update _sqlx_migrations set version = 99999 where version = (select max(version) from _sqlx_migrations)").await;
    let (code, found) = doctor(dir.path(), &[]);
    assert_eq!(code, 1);
    one(&found, "schema", "error", &["schema 99999", "newer"]);
    let output = run(dir.path(), &["project", "list"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("run the newer syndarix"),
        "{said}"
    );
    sql("delete from _sqlx_migrations where version = 99999").await;
    let (_, found) = doctor(dir.path(), &[]);
    one(&found, "schema", "warning", &["makes 1 migrations"]);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let (code, found) = doctor(dir.path(), &[]);
    assert_eq!(code, 1);
    one(&found, "database", "error", &["restore a backup"]);
}

#[test]
fn a_database_server_that_is_not_there_is_found_without_its_password() {
    let dir = configured("[database]\nurl = \"postgres://me:hunter2@127.0.0.1:1/x\"\n");
    let output = run(dir.path(), &["doctor"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("check database.url") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn a_broken_index_is_found_and_thrown_away() {
    let dir = used("");
    let index = dir.path().join("data/index/knowledge");
    let generation = fs::read_dir(&index)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.is_dir())
        .unwrap();
    let segment = fs::read_dir(&generation)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "store"))
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[3] ^= 0xff;
    fs::set_permissions(&segment, Permissions::from_mode(0o600)).unwrap();
    fs::write(&segment, bytes).unwrap();
    let (code, found) = doctor(dir.path(), &[]);
    assert_eq!(code, 1);
    one(
        &found,
        "search index",
        "error",
        &["is damaged", "fills it anew"],
    );
    assert_eq!(doctor(dir.path(), &["--fix"]).0, 0);
    assert!(!generation.exists());
    let found = run(dir.path(), &["knowledge", "verify"]);
    assert!(found.status.success(), "it is filled anew");
}

#[test]
fn missing_programs_are_found() {
    let dir = configured("");
    let mut text = Settings::default().text();
    text = text.replace(
        "[servers.git]\n",
        "[servers.git]\nprogram = \"no-such-git\"\nremotes.ssh_program = \"no-such-ssh\"\n",
    );
    fs::write(dir.path().join("config.toml"), text).unwrap();
    let (code, found) = doctor(dir.path(), &[]);
    assert_eq!(code, 0, "a hub runs without");
    one(&found, "git", "warning", &["no-such-git", "install git"]);
    one(
        &found,
        "ssh",
        "warning",
        &["no-such-ssh", "install OpenSSH"],
    );
    // Whether bubblewrap is there depends on the machine; that it is looked for does not.
    assert!(found.iter().any(|f| f["check"] == "bubblewrap"));
}

#[test]
fn a_wrong_configuration_is_a_finding_and_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.toml"), "[http]\nlisen = \"x\"\n").unwrap();
    let (code, found) = doctor(dir.path(), &[]);
    assert_eq!(code, 2);
    one(
        &found,
        "configuration",
        "error",
        &["config.toml:2:1", "listen"],
    );
}

#[test]
fn an_audit_log_that_was_found_shorter_is_told_of() {
    let dir = used("");
    let head = dir.path().join("data/audit.head");
    fs::copy(&head, head.with_extension("head.2026-11-23T10-00-00.000Z")).unwrap();
    let (code, found) = doctor(dir.path(), &[]);
    assert_eq!(code, 0, "a hub runs all the same");
    one(&found, "audit log", "warning", &["cut off", "audit verify"]);
}
