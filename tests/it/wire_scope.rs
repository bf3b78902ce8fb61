//! Generated for every registered wire: whoever may not call its tool is refused on it, alike, in its dialect, and on the record.

use serde_json::{Value, json};
use syndarix::{
    app::App,
    tool::{Code, DynWire, Method, ToolError, WireBody},
};

use super::support::Hub;

const SCOPED: [(&str, &str); 3] = [("other", "eve"), ("demo", "eve"), ("nowhere", "nobody")];

/// An application whose registry tells which wires there are.
async fn registered(dir: &std::path::Path) -> App {
    let text = format!("[storage]\ndata = {:?}\n", dir.join("data"));
    let settings = syndarix::config::Settings::parse(&text, "config.toml", false).unwrap();
    App::open(settings).await.unwrap()
}

/// Asks on a wire, for the scope in its URL or in headers; the status and the body without what is the request's alone.
async fn ask(
    hub: &Hub,
    wire: &dyn DynWire,
    token: &str,
    scope: (&str, &str),
    in_url: bool,
) -> (u16, Value) {
    let (project, agent) = scope;
    // Of a path that names the project the agent alone comes in a header.
    let own = wire.path().contains("{project_id}");
    let path = wire.path().replace("{*rest}", "mock/echo");
    let path = path
        .replace("{project_id}", project)
        .replace("{rest}", "main.git");
    let git = path.starts_with("/repos/");
    let path = path.replace("/info/refs", "/info/refs?service=git-upload-pack");
    let method = match wire.method() {
        Method::Get => reqwest::Method::GET,
        _ => reqwest::Method::POST,
    };
    let request = if in_url && !own {
        let url = format!("{}/projects/{project}/agents/{agent}{path}", hub.main);
        hub.http.request(method.clone(), url)
    } else {
        let request = hub
            .http
            .request(method.clone(), format!("{}{path}", hub.main));
        request
            .header("x-project-id", project)
            .header("x-agent-id", agent)
    };
    let hello = json!([{"role": "user", "content": "Hello"}]);
    let model = if path.contains("embeddings") {
        "mock/embed"
    } else {
        "mock/echo"
    };
    let body = json!({"model": model, "max_tokens": 5, "messages": hello, "input": "Hello"});
    let request = match method {
        reqwest::Method::GET => request,
        _ if git => request.body("0000"),
        _ => request.json(&body),
    };
    let answer = request.bearer_auth(token).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, timeless(read(&answer.bytes().await.unwrap())))
}

/// JSON, or a plain text as a string.
fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into())
}

fn timeless(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
    }
    body
}

/// How the wire itself says this.
fn told(wire: &dyn DynWire, code: Code, message: &str) -> Value {
    match wire.refuse(&ToolError::new(code, message), "r").body {
        WireBody::Whole(bytes) => timeless(read(&bytes)),
        WireBody::Stream(_) => panic!("a refusal is no stream"),
    }
}

/// The text that is told, wherever the dialect has it.
fn message(body: &Value) -> &str {
    let found = body.as_str().map(str::trim_end);
    let found = found.or_else(|| body.pointer("/error/message")?.as_str());
    found.unwrap_or_else(|| panic!("no message: {body}"))
}

/// How often the tool was refused so far to `principal`.
async fn refusals(hub: &Hub, tool: &str, principal: &str) -> usize {
    let query = format!("tool={tool}&principal_id={principal}&outcome=refused");
    hub.audit(&query).await.len()
}

#[tokio::test]
async fn foreign_scopes_missing_scopes_denied_tools_and_revoked_tokens() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    hub.project("other", &["eve"]).await;
    let made = json!({"project_id": "demo", "agent_id": "ann"});
    hub.admin("POST", "/api/v1/git/init", made).await;
    let dir = tempfile::tempdir().unwrap();
    let app = registered(dir.path()).await;
    let mut seen = 0;
    for server in app.registry().servers() {
        for wire in app.registry().wires(server) {
            let (wire, tool) = (wire.as_ref(), wire.spec().name);
            let path = wire.path();
            let (ours, ours_id) = hub.token(&["demo"], &["ann"], &["mcp:admin"]).await;
            assert_eq!(
                ask(&hub, wire, &ours, ("demo", "ann"), true).await.0,
                200,
                "{path}"
            );

            let mut answers = Vec::new();
            for scope in SCOPED {
                for in_url in [true, false] {
                    answers.push(ask(&hub, wire, &ours, scope, in_url).await);
                }
            }
            let (status, body) = &answers[0];
            assert_eq!(*status, 403, "{path}: {body}");
            assert_eq!(*body, told(wire, Code::Forbidden, message(body)), "{path}");
            // Nothing tells what exists.
            assert!(
                answers.windows(2).all(|two| two[0] == two[1]),
                "{path}: {answers:?}"
            );
            assert_eq!(
                refusals(&hub, tool, &ours_id).await,
                2 * SCOPED.len(),
                "{path}"
            );

            let (none, none_id) = hub.token(&["demo"], &["ann"], &["hub:admin"]).await;
            let own = ask(&hub, wire, &none, ("demo", "ann"), true).await;
            assert_eq!(own.0, 403, "{path}: {}", own.1);
            assert!(
                message(&own.1).contains("lacks the scope"),
                "{path}: {}",
                own.1
            );
            assert_eq!(
                own.1,
                told(wire, Code::Forbidden, message(&own.1)),
                "{path}"
            );
            assert_eq!(own, ask(&hub, wire, &none, ("other", "eve"), false).await);
            assert_eq!(refusals(&hub, tool, &none_id).await, 2, "{path}");

            let wanted = json!({"name": "test", "projects": ["demo"], "agents": ["ann"], "scopes": ["mcp:admin"],
                "tools_deny": [tool]});
            let (_, denied) = hub.admin("POST", "/api/v1/tokens", wanted).await;
            let token = denied["token"].as_str().unwrap();
            for in_url in [true, false] {
                let (status, body) = ask(&hub, wire, token, ("demo", "ann"), in_url).await;
                assert_eq!(status, 403, "{path}: {body}");
                assert_eq!(body, told(wire, Code::Forbidden, message(&body)), "{path}");
            }
            let id = denied["id"].as_str().unwrap();
            assert_eq!(refusals(&hub, tool, id).await, 2, "{path}");

            let revoke = format!("/api/v1/tokens/{ours_id}");
            assert_eq!(hub.admin("DELETE", &revoke, Value::Null).await.0, 204);
            for token in [ours.as_str(), "syx_nonsense", ""] {
                let (status, body) = ask(&hub, wire, token, ("demo", "ann"), false).await;
                assert_eq!(status, 401, "{path}: {body}");
                assert_eq!(
                    body,
                    told(wire, Code::Unauthenticated, message(&body)),
                    "{path}"
                );
            }
            // The revoked token is known: its use is on the record.
            let query = format!("principal_id={ours_id}&outcome=refused");
            assert_eq!(
                hub.audit(&query).await.len(),
                2 * SCOPED.len() + 1,
                "{path}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 7, "{seen} wires");
    app.close().await;
}
