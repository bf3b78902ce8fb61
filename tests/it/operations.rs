//! What an operator types, and what a script sees of it.

use std::{fs, net::TcpListener, path::Path, process::Output};

use serde_json::Value;

use super::support::{Hub, Settings, run, run_with};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn configured(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.toml"), text).unwrap();
    dir
}

fn code(dir: &Path, args: &[&str]) -> (i32, String) {
    let output = run(dir, args);
    (output.status.code().unwrap(), text(&output.stderr))
}

#[tokio::test]
async fn exit_codes_tell_scripts_what_kind_of_failure_it_was() {
    let hub = Hub::start().await;
    let dir = hub.dir();
    let call = |args: &[&str]| code(dir, &[&["call", "issues"], args].concat());
    assert_eq!(call(&["create_issue", "title=x"]).0, 0);
    // 1: a fault.
    assert_eq!(code(dir, &["token", "revoke", "tok_none"]).0, 1);
    // 2: a wrong command line or configuration.
    assert_eq!(code(dir, &["no-such-command"]).0, 2);
    assert_eq!(call(&["no_such_tool"]).0, 2);
    assert_eq!(call(&["create_issue", "title"]).0, 2);
    assert_eq!(
        code(dir, &["client-config", "cursor", "--server", "x"]).0,
        2
    );
    let wrong = configured("[http]\nlisen = 1\n");
    assert_eq!(code(wrong.path(), &["config", "check"]).0, 2);
    // 3: no right to.
    let (token, _) = hub.token(&["*"], &["*"], &["issues:read"]).await;
    let as_reader = |args: &[&str]| {
        let output = run_with(dir, args, &[("SYX_TOKEN", &token)]);
        (output.status.code().unwrap(), text(&output.stderr))
    };
    let (exit, said) = as_reader(&["call", "issues", "create_issue", "title=x"]);
    assert_eq!(exit, 3, "{said}");
    assert_eq!(as_reader(&["backup"]).0, 3);
    let output = run_with(dir, &["tools", "list"], &[("SYX_TOKEN", "syx_wrong")]);
    assert_eq!(output.status.code(), Some(3));
    // 4: what is needed does not answer.
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let away = configured(&format!(
        "[database]\nurl = \"postgres://me:hunter2@{closed}/x\"\n"
    ));
    let (exit, said) = code(away.path(), &["project", "list"]);
    assert_eq!(exit, 4, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    // 5: the tool ran, and failed.
    let (exit, said) = call(&["get_issue", "number=99"]);
    assert_eq!(exit, 5, "{said}");
}

#[test]
fn config_show_tells_where_each_setting_was_said() {
    let dir = configured("[http]\n# mine\nmax_body_bytes = 77\n");
    let variable = [("SYNDARIX__LIMITS__CALLS_PER_MINUTE", "9")];
    let output = run_with(dir.path(), &["config", "show"], &variable);
    let shown = stdout(&output);
    let line = |key: &str| {
        let line = shown.lines().find(|l| l.starts_with(&format!("{key} ")));
        let words: Vec<&str> = line.unwrap().split_whitespace().skip(1).collect();
        words.join(" ")
    };
    assert_eq!(line("http.max_body_bytes"), "77 config.toml:3");
    assert_eq!(
        line("limits.calls_per_minute"),
        "9 SYNDARIX__LIMITS__CALLS_PER_MINUTE"
    );
    assert_eq!(line("servers.issues.listen"), "\"127.0.0.1:9004\" default");
    let some = stdout(&run(dir.path(), &["config", "show", "http", "--json"]));
    let some: Vec<Value> = serde_json::from_str(&some).unwrap();
    assert!(
        some.iter()
            .all(|s| s["key"].as_str().unwrap().starts_with("http."))
    );
    let schema: Value =
        serde_json::from_str(&stdout(&run(dir.path(), &["config", "schema"]))).unwrap();
    let git = &schema["properties"]["servers"]["properties"]["git"]["properties"];
    assert!(git["enabled"]["description"].is_string() && git["program"]["type"] == "string");
}

#[test]
fn config_check_knows_what_a_start_would_refuse_and_on_which_line() {
    for (text, place, why) in [
        (
            "[database]\nurl = \"mysql://x\"\n",
            "config.toml:2:1: database.url",
            "postgres://",
        ),
        (
            "[servers.llm_gateway.providers.a]\nkind = \"vllm\"\nbase_url = \"ftp://x\"\n",
            "config.toml:3:1: servers.llm_gateway.providers.a.base_url",
            "http://",
        ),
        (
            "[servers.knowledge_base.embedding]\nprovider = \"gateway\"\nmodel = \"\"\n",
            "config.toml:3:1: servers.knowledge_base.embedding.model",
            "llm_gateway",
        ),
    ] {
        let dir = configured(text);
        let (exit, said) = code(dir.path(), &["config", "check"]);
        assert_eq!(exit, 2);
        assert!(said.contains(place) && said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn migrations_are_told_before_they_are_made_and_leave_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let migrate = |args: &[&str]| run(dir.path(), &[&["migrate"], args].concat());
    let check = migrate(&["--check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(
        text(&check.stdout).starts_with("0001 core"),
        "{}",
        text(&check.stdout)
    );
    assert!(!dir.path().join("data").exists(), "a check changes nothing");
    assert!(stdout(&migrate(&[])).contains("no schema yet"));
    assert!(stdout(&migrate(&["--check"])).contains("up to date"));
    stdout(&run(dir.path(), &["project", "create", "web"]));
    // As an older program left it.
    let path = dir.path().join("data/syndarix.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut conn = sqlx::ConnectOptions::connect(&options).await.unwrap();
    for sql in [
        "drop table fs_lease",
        "delete from _sqlx_migrations where version = 45",
    ] {
        sqlx::query(sql).execute(&mut conn).await.unwrap();
    }
    sqlx::Connection::close(conn).await.unwrap();
    let check = migrate(&["--check"]);
    assert_eq!(text(&check.stdout).trim(), "0045 file leases");
    let made = stdout(&migrate(&[]));
    let kept = made
        .split(" is in ")
        .nth(1)
        .unwrap()
        .trim()
        .trim_end_matches('.');
    let mode = fs::metadata(dir.path().join(kept)).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&mode) & 0o777, 0o600);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join(kept));
    let mut copy = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let sql = "select count(*) from project where id = 'web'";
    let projects: i64 = sqlx::query_scalar(sql).fetch_one(&mut copy).await.unwrap();
    assert_eq!(projects, 1);
}

#[test]
fn client_config_is_written_beside_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().to_str().unwrap();
    let write = |client: &str| {
        let args = ["client-config", client, "--write", "--server", "git"];
        stdout(&run_with(
            dir.path(),
            &args,
            &[
                ("HOME", home),
                ("CODEX_HOME", home),
                ("XDG_CONFIG_HOME", home),
            ],
        ))
    };
    let files = [
        ("claude", ".mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("vscode", ".vscode/mcp.json"),
        ("gemini", ".gemini/settings.json"),
        ("claude-desktop", "Claude/claude_desktop_config.json"),
    ];
    for (client, file) in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let list = if client == "vscode" {
            "servers"
        } else {
            "mcpServers"
        };
        let old =
            format!("{{\"mine\": [1], \"{list}\": {{\"other\": {{\"url\": \"http://x\"}}}}}}");
        fs::write(&path, &old).unwrap();
        let said = write(client);
        let kept = said
            .split(" is in ")
            .nth(1)
            .unwrap()
            .trim()
            .trim_end_matches('.');
        assert_eq!(fs::read_to_string(kept).unwrap(), old, "{client}");
        let new: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(new["mine"][0], 1);
        assert_eq!(new[list]["other"]["url"], "http://x");
        assert!(new[list]["git-mcp"].is_object(), "{client}: {new}");
        assert!(write(client).contains("says it already"));
    }
    fs::write(dir.path().join("config.toml"), "").unwrap();
    let codex = dir.path().join("codex");
    fs::create_dir(&codex).unwrap();
    fs::write(codex.join("config.toml"), "model = \"o\" # mine\n").unwrap();
    let args = ["client-config", "codex", "--write"];
    stdout(&run_with(
        dir.path(),
        &args,
        &[("CODEX_HOME", codex.to_str().unwrap())],
    ));
    let written = fs::read_to_string(codex.join("config.toml")).unwrap();
    assert!(
        written.starts_with("model = \"o\" # mine\n")
            && written.contains("[mcp_servers.issues-mcp]")
    );
    // What cannot be merged is left alone.
    let odd = dir.path().join(".mcp.json");
    fs::write(&odd, "// not mine to touch\n{}").unwrap();
    let (exit, said) = code(dir.path(), &["client-config", "claude", "--write"]);
    assert!(exit == 2 && said.contains("left as it is"), "{said}");
    assert_eq!(
        fs::read_to_string(&odd).unwrap(),
        "// not mine to touch\n{}"
    );
}

#[test]
fn what_is_printed_for_shells_systemd_and_clients_is_what_they_read() {
    let dir = tempfile::tempdir().unwrap();
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef syndarix"),
        ("fish", "complete -c syndarix"),
    ] {
        let script = stdout(&run(dir.path(), &["completions", shell]));
        assert!(
            script.contains(word) && script.contains("client-config"),
            "{shell}"
        );
    }
    let unit = stdout(&run(dir.path(), &["systemd", "print", "--user", "hub"]));
    for line in ["User=hub", "[Install]", "TimeoutStopSec=13"] {
        assert!(unit.lines().any(|l| l == line), "{line}: {unit}");
    }
    let program = env!("CARGO_BIN_EXE_syndarix");
    assert!(
        unit.contains(&format!("ExecStart={program} serve")),
        "{unit}"
    );
    let document: Value = serde_json::from_str(&stdout(&run(dir.path(), &["openapi"]))).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/backups"]["post"].is_object());
}

#[tokio::test]
async fn the_audit_log_is_followed_exported_and_verified() {
    let hub = Hub::with(Settings::default()).await;
    let issue = serde_json::json!({"project_id": "default", "agent_id": "default", "title": "x"});
    for _ in 0..3 {
        assert_eq!(
            hub.admin("POST", "/api/v1/issues", issue.clone()).await.0,
            200
        );
    }
    // Asked for, they are in the database.
    assert_eq!(hub.audit("tool=create_issue").await.len(), 3);
    let following = {
        let dir = hub.dir().to_owned();
        tokio::task::spawn_blocking(move || {
            run_for(
                &dir,
                &[
                    "audit",
                    "tail",
                    "--json",
                    "-n",
                    "1",
                    "--tool",
                    "create_issue",
                ],
                3,
            )
        })
    };
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    for _ in 0..2 {
        assert_eq!(
            hub.admin("POST", "/api/v1/issues", issue.clone()).await.0,
            200
        );
    }
    let followed = following.await.unwrap();
    let entries: Vec<Value> = followed
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(
        entries.len(),
        3,
        "one of before, and two that came: {followed}"
    );
    let exported = stdout(&run(
        hub.dir(),
        &["audit", "export", "--tool", "create_issue", "--since", "1h"],
    ));
    assert_eq!(exported.lines().count(), 5, "{exported}");
    let url = format!("{}/api/v1/audit?tool=create_issue", hub.main);
    let answer = hub
        .http
        .get(url)
        .bearer_auth(&hub.admin)
        .header("accept", "application/x-ndjson")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    assert_eq!(answer.text().await.unwrap(), exported);
    let verified = stdout(&run(hub.dir(), &["audit", "verify"]));
    let known = verified
        .lines()
        .find(|l| l.starts_with("    "))
        .unwrap()
        .trim()
        .to_owned();
    stdout(&run(hub.dir(), &["audit", "verify", "--known", &known]));
    // Somebody takes their tracks away.
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(hub.data().join("syndarix.db"));
    let mut conn = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let sql = "update audit set arguments = '{}' where id = (select min(id) from audit where tool = 'create_issue')";
    sqlx::query(sql).execute(&mut conn).await.unwrap();
    let output = run(hub.dir(), &["audit", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("was changed"),
        "{}",
        text(&output.stdout)
    );
}

/// What a program that does not end by itself has said after `seconds`.
#[allow(
    clippy::disallowed_methods,
    reason = "tests run the program as its user does"
)]
fn run_for(dir: &Path, args: &[&str], seconds: u64) -> String {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_syndarix"))
        .args(args)
        .current_dir(dir)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    child.kill().unwrap();
    text(&child.wait_with_output().unwrap().stdout)
}
