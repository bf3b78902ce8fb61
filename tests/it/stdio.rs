//! `syndarix stdio`, as a client that starts its servers uses it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{Hub, Settings};

const HANDSHAKE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A `syndarix stdio` process. It is killed when this is dropped.
struct Client {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Client {
    fn start(dir: &Path, args: &[&str]) -> Self {
        Self::with_token(dir, args, None)
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "tests run the program as its user does"
    )]
    fn with_token(dir: &Path, args: &[&str], token: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syndarix"));
        command.arg("stdio").args(args).current_dir(dir);
        command
            .env_remove("SYX_TOKEN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(token) = token {
            command.env("SYX_TOKEN", token);
        }
        let mut process = command.spawn().unwrap();
        let (line, lines) = channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || {
            for read in output.lines().map_while(Result::ok) {
                let _test_has_ended = line.send(read);
            }
        });
        Self {
            input: process.stdin.take(),
            process,
            lines,
        }
    }

    fn send(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line of output. Every one is a JSON-RPC message.
    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(Duration::from_secs(30)).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    fn ask(&mut self, id: u64, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&request.to_string());
        let answer = self.next();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn initialize(&mut self) -> Value {
        self.send(HANDSHAKE);
        let answer = self.next();
        assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
        self.send(INITIALIZED);
        answer
    }

    fn create_issue(&mut self, id: u64, title: &str) -> Value {
        let args = json!({"project_id": "default", "agent_id": "default", "title": title});
        let params = json!({"name": "create_issue", "arguments": args});
        self.ask(id, "tools/call", params)
    }

    /// Closes its input; what it still wrote, its standard error, and whether it ended well.
    fn end(mut self) -> (Vec<Value>, String, bool) {
        self.input = None;
        let well = self.process.wait().unwrap().success();
        let mut said = String::new();
        let mut stderr = self.process.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        let rest = self
            .lines
            .iter()
            .map(|line| serde_json::from_str(&line).unwrap());
        (rest.collect(), said, well)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.toml"), Settings::default().text()).unwrap();
    dir
}

#[test]
fn a_client_of_2025_is_served_without_a_running_hub() {
    let dir = dir();
    let mut client = Client::start(dir.path(), &["issues"]);
    let info = client.initialize();
    assert_eq!(info["result"]["serverInfo"]["name"], "issues-mcp");
    let tools = client.ask(1, "tools/list", json!({}));
    let names = tools["result"]["tools"].to_string();
    assert!(names.contains("create_issue") && !names.contains("git_status"));
    let made = client.create_issue(2, "By stdio");
    assert_eq!(made["result"]["structuredContent"]["number"], 1, "{made}");
    assert!(dir.path().join("data/hub.addr").exists());

    client.send("{\"jsonrpc\":");
    let malformed = client.next();
    assert_eq!(
        (&malformed["error"]["code"], &malformed["id"]),
        (&json!(-32700), &Value::Null)
    );
    client.send("[]");
    assert_eq!(client.next()["error"]["code"], -32600);
    assert!(client.ask(3, "ping", json!({}))["result"].is_object());

    // The input ends before the answer has come.
    let last = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/list", "params": {}});
    client.send(&last.to_string());
    let (rest, said, well) = client.end();
    assert!(
        well && rest.len() == 1 && rest[0]["id"] == 4,
        "{rest:?} {said}"
    );
    assert!(!dir.path().join("data/hub.addr").exists());
}

#[test]
fn a_client_of_2026_discovers_and_calls_without_a_session() {
    let dir = dir();
    let mut client = Client::start(dir.path(), &["issues"]);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                      "io.modelcontextprotocol/clientCapabilities": {},
                      "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}});
    let found = client.ask(1, "server/discover", json!({"_meta": meta}));
    let versions = found["result"]["supportedVersions"].to_string();
    assert!(versions.contains("2026-07-28"), "{found}");
    let args = json!({"project_id": "default", "agent_id": "default"});
    let call = json!({"name": "list_issues", "arguments": args, "_meta": meta});
    let listed = client.ask(2, "tools/call", call);
    assert!(
        listed["result"]["structuredContent"]["items"].is_array(),
        "{listed}"
    );
    assert!(client.end().2);
}

#[test]
fn all_is_every_server_in_one() {
    let dir = dir();
    let mut client = Client::start(dir.path(), &["all"]);
    client.initialize();
    let tools = client.ask(1, "tools/list", json!({}))["result"]["tools"].to_string();
    assert!(tools.contains("create_issue") && tools.contains("git_status"));
    assert_eq!(
        client.create_issue(2, "By all")["result"]["structuredContent"]["number"],
        1
    );
    assert!(client.end().2);
}

#[tokio::test]
async fn a_running_hub_is_used_and_the_url_pins() {
    let hub = Hub::start().await;
    hub.project("web", &["ann"]).await;
    let mut client = Client::start(hub.dir(), &["issues", "--project", "web", "--agent", "ann"]);
    client.initialize();
    let call = json!({"name": "create_issue", "arguments": {"title": "Pinned"}});
    let made = client.ask(1, "tools/call", call);
    assert_eq!(made["result"]["structuredContent"]["number"], 1, "{made}");
    let path = "/api/v1/issues/1?project_id=web&agent_id=ann";
    let (status, issue) = hub.admin("GET", path, Value::Null).await;
    assert_eq!(
        (status, &issue["title"]),
        (200, &json!("Pinned")),
        "{issue}"
    );
    let (rest, _, well) = client.end();
    assert!(well && rest.is_empty());
    assert_eq!(hub.admin("GET", "/livez", Value::Null).await.0, 200);
}

#[test]
fn two_share_one_hub_and_the_second_goes_on_when_the_first_is_killed() {
    let dir = dir();
    let mut first = Client::start(dir.path(), &["issues"]);
    first.initialize();
    let mut second = Client::start(dir.path(), &["issues"]);
    second.initialize();
    assert_eq!(
        first.create_issue(1, "One")["result"]["structuredContent"]["number"],
        1
    );
    assert_eq!(
        second.create_issue(1, "Two")["result"]["structuredContent"]["number"],
        2
    );

    let args = json!({"project_id": "default", "agent_id": "default", "model": "mock/echo",
                      "messages": [{"role": "user", "content": "mock:ttft=20000 too late"}]});
    let chat = json!({"name": "chat", "arguments": args});
    let mut chatting = Client::start(dir.path(), &["llm_gateway"]);
    chatting.initialize();
    let request = json!({"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": chat});
    chatting.send(&request.to_string());
    std::thread::sleep(Duration::from_millis(500));
    first.process.kill().unwrap();
    let cut = chatting.next();
    assert_eq!(cut["id"], "slow");
    assert!(
        cut["error"]["message"]
            .as_str()
            .unwrap()
            .contains("call again"),
        "{cut}"
    );

    let mut third = second.create_issue(2, "Three");
    if third["error"].is_object() {
        // It was sent before the second knew that the hub is gone.
        third = second.create_issue(3, "Three");
    }
    assert_eq!(third["result"]["structuredContent"]["number"], 3, "{third}");
    assert!(chatting.ask(7, "tools/list", json!({}))["result"].is_object());
}

#[tokio::test]
async fn a_hub_that_restarts_is_found_again() {
    let hub = Hub::start().await;
    let mut client = Client::start(hub.dir(), &["issues"]);
    client.initialize();
    assert!(client.create_issue(1, "Before")["result"].is_object());
    let hub = hub.again().await;
    let made = client.create_issue(2, "After");
    assert_eq!(made["result"]["structuredContent"]["number"], 2, "{made}");
    let log = hub.audit("tool=create_issue").await;
    assert_eq!(
        log.len(),
        2,
        "both calls went to the hub, not to one of the client's own"
    );
    let (rest, said, well) = client.end();
    assert!(
        well && rest.is_empty() && !said.contains("opened here"),
        "{rest:?} {said}"
    );
}

#[tokio::test]
async fn a_bad_token_and_an_unknown_server_are_one_clear_line() {
    let hub = Hub::start().await;
    let bad = Client::with_token(hub.dir(), &["issues"], Some("syx_wrong"));
    let (output, said, well) = bad.end();
    let last = said.trim().lines().last().unwrap().to_owned();
    assert!(
        !well && output.is_empty() && last.contains("token") && last.contains("401"),
        "{said}"
    );
    let (_, said, well) = Client::start(hub.dir(), &["isues"]).end();
    assert!(!well && said.contains("no server \"isues\""), "{said}");

    // Without a running hub it is the same.
    let dir = dir();
    let bad = Client::with_token(dir.path(), &["issues"], Some("syx_wrong"));
    let (output, said, well) = bad.end();
    assert!(!well && output.is_empty() && said.contains("401"), "{said}");
}
