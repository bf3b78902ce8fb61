//! The command line, as its user types it.

use std::process::Output;

use super::support::{Hub, Settings, run};

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_typo_in_the_configuration_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("config.toml"),
        "[http]\nlisen = \"127.0.0.1:1\"\n",
    )
    .unwrap();
    for args in [&["config", "check"][..], &[]] {
        let output = run(dir.path(), args);
        assert_eq!(output.status.code(), Some(2));
        let said = stderr(&output);
        assert!(
            said.contains("config.toml:2:1") && said.contains("did you mean \"listen\""),
            "{said}"
        );
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
}

#[test]
fn init_writes_a_configuration_that_is_valid_and_keeps_one_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    stdout(&run(dir.path(), &["init"]));
    assert!(stdout(&run(dir.path(), &["config", "check"])).contains("valid"));
    assert!(!run(dir.path(), &["init"]).status.success());
}

#[tokio::test]
async fn a_port_in_use_and_a_data_directory_in_use_are_one_clear_line() {
    let hub = Hub::start().await;
    let dir = tempfile::tempdir().unwrap();
    let listen = hub.main.trim_start_matches("http://");
    let mut text = Settings::default()
        .text()
        .replacen("127.0.0.1:0", listen, 1);
    std::fs::write(dir.path().join("config.toml"), &text).unwrap();
    let output = run(dir.path(), &["serve"]);
    let said = stderr(&output);
    let last = said.trim().lines().last().unwrap();
    assert!(
        !output.status.success() && last.contains(&format!("{listen} is in use")),
        "{said}"
    );

    text = Settings::default()
        .extra(&format!("[storage]\ndata = {:?}\n", hub.data()))
        .text();
    std::fs::write(dir.path().join("config.toml"), &text).unwrap();
    let said = stderr(&run(dir.path(), &["serve"]));
    assert!(
        said.trim()
            .lines()
            .last()
            .unwrap()
            .contains("another hub is running"),
        "{said}"
    );
}

#[test]
fn a_data_directory_that_cannot_be_used_is_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    // A file where the directory should be: nobody can write there, root included.
    std::fs::write(dir.path().join("data"), "").unwrap();
    let output = run(dir.path(), &["serve"]);
    let said = stderr(&output);
    assert!(
        !output.status.success() && said.contains("cannot use the data directory"),
        "{said}"
    );
    assert_eq!(said.trim().lines().count(), 1, "{said}");
}

#[test]
fn administration_works_without_a_running_hub() {
    let dir = tempfile::tempdir().unwrap();
    stdout(&run(
        dir.path(),
        &["project", "create", "web", "--name", "Web app"],
    ));
    stdout(&run(
        dir.path(),
        &["agent", "create", "ann", "--project", "web"],
    ));
    assert!(stdout(&run(dir.path(), &["project", "members", "web"])).contains("ann"));
    let made = run(
        dir.path(),
        &[
            "token",
            "create",
            "ci",
            "--project",
            "web",
            "--agent",
            "ann",
            "--scope",
            "issues:write",
            "--allow-tool",
            "*_issue",
            "--deny-tool",
            "delete_*",
        ],
    );
    let token = stdout(&made).trim().to_owned();
    assert!(token.starts_with("syx_") && token.len() == 53);
    let list = stdout(&run(dir.path(), &["token", "list"]));
    assert!(list.contains("issues:write") && list.contains("*_issue,!delete_*"));
    assert!(!list.contains(&token));
    let typo = [
        "create",
        "x",
        "--project",
        "web",
        "--agent",
        "ann",
        "--deny-tool",
        "git_lgo",
    ];
    let said = stderr(&run(dir.path(), &[&["token"][..], &typo].concat()));
    assert!(said.contains("did you mean \"git_log\""), "{said}");
    let id = list
        .split_whitespace()
        .find(|w| w.starts_with("tok_"))
        .unwrap();
    stdout(&run(dir.path(), &["token", "revoke", id]));
    assert!(stdout(&run(dir.path(), &["token", "list"])).contains("revoked"));
    assert!(
        !run(dir.path(), &["project", "create", "../x"])
            .status
            .success()
    );
}

#[tokio::test]
async fn call_reaches_the_running_hub_and_notices_tokens_made_meanwhile() {
    let hub = Hub::start().await;
    let call = |args: &[&str]| run(hub.dir(), args);
    let made = stdout(&call(&[
        "call",
        "issues",
        "create_issue",
        "title=From the shell",
        "labels=a",
        "labels=b",
    ]));
    assert!(made.contains("\"number\": 1"), "{made}");
    let wrong = call(&["call", "issues", "create_issue"]);
    assert!(
        !wrong.status.success() && stderr(&wrong).contains("/title"),
        "{}",
        stderr(&wrong)
    );
    assert!(stdout(&call(&["tools", "list"])).contains("search_knowledge"));
    let token = stdout(&call(&[
        "token",
        "create",
        "late",
        "--project",
        "*",
        "--agent",
        "*",
    ]));
    let path = "/api/v1/issues/1?project_id=default&agent_id=default";
    let (status, issue) = hub
        .request(token.trim(), "GET", path, serde_json::Value::Null)
        .await;
    assert_eq!(status, 200, "{issue}");
}

#[test]
fn call_works_without_a_running_hub() {
    let dir = tempfile::tempdir().unwrap();
    let wrote = stdout(&run(
        dir.path(),
        &[
            "call",
            "file_system",
            "write_file",
            "path=a.txt",
            "content=hello",
        ],
    ));
    assert!(wrote.contains("etag"), "{wrote}");
    assert!(
        stdout(&run(
            dir.path(),
            &["call", "file_system", "read_text_file", "path=a.txt"]
        ))
        .contains("hello")
    );
    let log = stdout(&run(dir.path(), &["audit", "--server", "file_system"]));
    let write = log
        .lines()
        .find(|l| l.contains("file_system.write_file"))
        .unwrap();
    assert!(
        write.contains("embedded") && write.contains("default/default") && write.contains(" ok "),
        "{log}"
    );
}

#[test]
fn prices_are_imported_once() {
    let dir = tempfile::tempdir().unwrap();
    let table = r#"{"new": {"mode": "chat", "litellm_provider": "openai", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}}"#;
    std::fs::write(dir.path().join("prices.json"), table).unwrap();
    let import = |file: &str| run(dir.path(), &["llm-prices", "import", file]);
    for changed in ["1 of them", "0 of them"] {
        let said = stdout(&import("prices.json"));
        assert!(
            said.contains("1 models read") && said.contains(changed),
            "{said}"
        );
    }
    let error = stderr(&import("none.json"));
    assert!(error.contains("cannot read none.json"), "{error}");
}

#[test]
fn every_client_gets_a_configuration() {
    let dir = tempfile::tempdir().unwrap();
    for client in ["claude", "cursor", "vscode", "codex", "gemini"] {
        let text = stdout(&run(dir.path(), &["client-config", client]));
        assert_eq!(text.matches("/mcp").count(), 7, "{client}: {text}");
    }
    let desktop = stdout(&run(dir.path(), &["client-config", "claude-desktop"]));
    assert_eq!(desktop.matches("\"stdio\"").count(), 7, "{desktop}");
    assert!(
        stdout(&run(
            dir.path(),
            &["client-config", "claude", "--transport", "sse"]
        ))
        .contains("9004/sse")
    );
}
