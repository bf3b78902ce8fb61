//! A hub follows its configuration while it runs.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::support::{Face, Faces, Hub, Session, Settings, Sse, eventually};

fn scoped(mut args: Value) -> Value {
    args["project_id"] = "default".into();
    args["agent_id"] = "default".into();
    args
}

/// Waits for a line of the hub's log that holds all of `words`, and answers it.
async fn logged(hub: &Hub, words: &[&str]) -> String {
    let line = || {
        let log = hub.log();
        let mut lines = log.lines();
        lines
            .find(|line| words.iter().all(|word| line.contains(word)))
            .map(str::to_owned)
    };
    eventually(&format!("{words:?} in the log"), || async {
        line().is_some()
    })
    .await;
    line().unwrap()
}

async fn status(hub: &Hub, method: &str, path: &str) -> u16 {
    hub.admin(method, path, Value::Null).await.0
}

/// The paths of the OpenAPI document. Others than those of tools may name tools that are not there: a token's lists do.
async fn openapi(hub: &Hub) -> String {
    let document = hub.admin("GET", "/openapi.json", Value::Null).await.1;
    let paths = document["paths"].as_object().unwrap().keys();
    paths.fold(String::new(), |all, path| all + path + "\n")
}

/// A stream of the endpoint of all servers, narrowed to git.
async fn git_of_all(hub: &Hub) -> Sse {
    Sse::open_url(
        &hub.http,
        &format!("{}/sse?servers=git", hub.main),
        &hub.admin,
    )
    .await
}

/// How often the stream's client was told that there are other tools now.
fn list_changes(stream: &Sse) -> usize {
    let said = stream.notifications.lock().unwrap();
    said.iter()
        .filter(|n| n["method"] == "notifications/tools/list_changed")
        .count()
}

async fn lists(session: &Session, tool: &str) -> bool {
    let listed = session.request("tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    tools.iter().any(|t| t["name"] == tool)
}

#[tokio::test]
async fn a_server_comes_and_goes() {
    let without_git = || Settings::default().server("git", "enabled = false");
    let hub = Hub::with(without_git()).await;
    let issues = Session::open(&hub.http, &hub.own["issues"], &hub.admin).await;
    let stream = Sse::open(&hub.http, &format!("{}/issues", hub.main), &hub.admin).await;
    assert_eq!(status(&hub, "POST", "/git/mcp").await, 404);
    let all = git_of_all(&hub).await;
    let of_all = || async {
        let listed = all.request("tools/list", json!({})).await;
        listed.to_string().contains("git_status")
    };
    assert!(!of_all().await);

    hub.configure(&Settings::default());
    let line = logged(&hub, &["\"listening\"", "\"git\""]).await;
    let line: Value = serde_json::from_str(&line).unwrap();
    let own = format!("http://{}", line["address"].as_str().unwrap());
    eventually("the news", || async { list_changes(&all) == 1 }).await;
    assert!(of_all().await);
    let on_own = Session::open(&hub.http, &own, &hub.admin).await;
    assert!(lists(&on_own, "git_status").await);
    let prefixed = format!("{}/git", hub.main);
    let on_main = Sse::open(&hub.http, &prefixed, &hub.admin).await;
    assert!(
        on_main
            .request("tools/list", json!({}))
            .await
            .to_string()
            .contains("git_status")
    );
    assert_eq!(status(&hub, "GET", "/api/v1/servers/git/tools").await, 200);
    assert!(openapi(&hub).await.contains("git_status"));

    // Told by SIGHUP, the hub does not wait until the file has settled.
    hub.configure(&without_git());
    hub.signal(Signal::HUP);
    logged(&hub, &["the server was disabled", "\"git\""]).await;
    for (method, path) in [
        ("POST", "/git/mcp"),
        ("GET", "/git/sse"),
        ("GET", "/api/v1/git/status"),
    ] {
        assert_eq!(status(&hub, method, path).await, 404, "{path}");
    }
    assert!(!openapi(&hub).await.contains("git_status"));
    eventually("the news", || async { list_changes(&all) == 2 }).await;
    assert!(!of_all().await);
    eventually("the port to close and the stream to end", || async {
        let connected = tokio::net::TcpStream::connect(own.trim_start_matches("http://")).await;
        connected.is_err() && on_main.is_over()
    })
    .await;

    // Those who use another server noticed nothing.
    assert!(lists(&issues, "create_issue").await);
    let listed = stream.request("tools/list", json!({})).await;
    assert!(listed.to_string().contains("create_issue"));

    // What was open once opens again.
    hub.configure(&Settings::default());
    let back = || async { status(&hub, "GET", "/api/v1/servers/git/tools").await == 200 };
    eventually("git to come back", back).await;
    let again = Session::open(&hub.http, &prefixed, &hub.admin).await;
    assert!(lists(&again, "git_status").await);
}

#[tokio::test]
async fn a_running_call_of_a_server_that_goes_still_answers() {
    let hub = Hub::start().await;
    let face = Faces::<Sse>::of(&hub, &hub.admin);
    let call = tokio::spawn(async move {
        let messages = json!([{"role": "user", "content": "mock:ttft=2000 last words"}]);
        let args = scoped(json!({"model": "mock/echo", "messages": messages}));
        face.call("llm_gateway", "chat", args).await
    });
    eventually("the call to run", || async {
        hub.audit("tool=chat&outcome=started").await.len() == 1
    })
    .await;
    hub.configure(&Settings::default().server("llm_gateway", "enabled = false"));
    hub.signal(Signal::HUP);
    logged(&hub, &["the server was disabled"]).await;
    assert!(!call.is_finished());
    assert!(
        call.await
            .unwrap()
            .unwrap()
            .to_string()
            .contains("last words")
    );
}

#[tokio::test]
async fn a_tool_comes_and_goes() {
    let hub = Hub::start().await;
    let session = Session::open(&hub.http, &hub.own["issues"], &hub.admin).await;
    let create = || {
        session.request(
            "tools/call",
            json!({"name": "create_issue", "arguments": scoped(json!({"title": "x"}))}),
        )
    };
    assert_eq!(create().await["result"]["isError"], false);

    hub.configure(&Settings::default().server("issues", "disabled_tools = [\"create_issue\"]"));
    logged(&hub, &["disabled tools were changed", "create_issue"]).await;
    assert!(!lists(&session, "create_issue").await && lists(&session, "list_issues").await);
    assert_eq!(create().await["error"]["code"], -32602);
    let path = "/api/v1/servers/issues/tools/create_issue";
    let (status, problem) = hub.admin("POST", path, scoped(json!({"title": "x"}))).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (404, Some("unknown_tool"))
    );
    let (status, _) = hub
        .admin("POST", "/api/v1/issues", scoped(json!({"title": "x"})))
        .await;
    assert_eq!(status, 405, "only its neighbour is at this path");
    assert!(!openapi(&hub).await.contains("create_issue"));

    hub.configure(&Settings::default());
    eventually("the tool to come back", || lists(&session, "create_issue")).await;
    assert_eq!(create().await["result"]["isError"], false);
}

#[tokio::test]
async fn what_cannot_be_followed_changes_nothing() {
    let hub = Hub::with(Settings::default().server("git", "enabled = false")).await;
    let wrong = Settings::default().server(
        "issues",
        "enabled = false\ndisabled_tools = [\"create_isue\"]",
    );
    hub.configure(&wrong);
    let line = logged(&hub, &["ERROR", "nothing changed"]).await;
    let near = "no tool of issues; did you mean \\\"create_issue\\\"?";
    assert!(
        line.contains("config.toml:") && line.contains(near),
        "{line}"
    );
    assert_eq!(status(&hub, "GET", "/api/v1/servers/git/tools").await, 404);
    assert_eq!(
        status(&hub, "GET", "/api/v1/servers/issues/tools").await,
        200
    );

    let taken = hub.own["issues"].trim_start_matches("http://");
    let git = format!("listen = \"{taken}\"");
    hub.configure(
        &Settings::default()
            .server("git", &git)
            .server("cicd", "enabled = false"),
    );
    logged(&hub, &["ERROR", "is in use"]).await;
    assert_eq!(status(&hub, "GET", "/api/v1/servers/git/tools").await, 404);
    assert_eq!(status(&hub, "GET", "/api/v1/servers/cicd/tools").await, 200);

    std::fs::write(hub.dir().join("config.toml"), "[http\n").unwrap();
    logged(&hub, &["ERROR", "line 1"]).await;

    hub.configure(&Settings::default());
    eventually("the hub to follow again", || async {
        status(&hub, "GET", "/api/v1/servers/git/tools").await == 200
    })
    .await;
}

#[tokio::test]
async fn limits_and_logging_change_and_the_rest_waits() {
    let hub = Hub::start().await;
    let list = || {
        hub.admin(
            "POST",
            "/api/v1/servers/issues/tools/list_issues",
            scoped(json!({})),
        )
    };
    assert_eq!(list().await.0, 200);
    assert!(!hub.log().contains("DEBUG"));
    let settings = Settings::default()
        .extra("max_body_bytes = 1000000\n[limits]\ncalls_per_minute = 1\n[observe]\nlog = \"info,syndarix=debug\"\n")
        .server("issues", "lease_s = 60");
    hub.configure(&settings);
    logged(&hub, &["WARN", "restart", "http, servers.issues"]).await;
    assert_eq!(list().await.0, 200);
    assert_eq!(list().await.0, 429);
    logged(&hub, &["DEBUG", "list_issues"]).await;

    hub.configure(&Settings::default());
    eventually("calls to be free again", || async { list().await.0 == 200 }).await;
    assert_eq!(list().await.0, 200);
}
