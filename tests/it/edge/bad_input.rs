//! Bad input on each face: a typed error, the right status, no trace of our insides, no hang.

use serde_json::{Value, json};

use crate::support::{Hub, Session, Settings, Sse};

struct Answer {
    status: u16,
    body: Value,
    text: String,
}

async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request
        .timeout(std::time::Duration::from_secs(10))
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    for leak in ["panicked", "src/", "/tmp/", "stack backtrace", ".rs:"] {
        assert!(!text.contains(leak), "{leak} in {text}");
    }
    Answer {
        status,
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
        text,
    }
}

fn deep() -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{}1{}}}",
        "[".repeat(5000),
        "]".repeat(5000)
    )
}

#[tokio::test]
async fn json_rpc_over_streamable_http_and_sse() {
    let hub = Hub::with(Settings::default().extra("max_body_bytes = 100000\n")).await;
    let base = &hub.own["issues"];
    let session = Session::open(&hub.http, base, &hub.admin).await;
    let stream = Sse::open(&hub.http, base, &hub.admin).await;
    let cases: [(&str, String, u16, i64); 9] = [
        ("malformed", "{\"jsonrpc\":".into(), 400, -32700),
        ("nothing", String::new(), 400, -32700),
        (
            "a batch",
            "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]".into(),
            400,
            -32600,
        ),
        ("deep nesting", deep(), 400, -32700),
        (
            "oversized",
            format!("{{\"x\":\"{}\"}}", "a".repeat(100_000)),
            413,
            -32600,
        ),
        (
            "no method",
            "{\"jsonrpc\":\"2.0\",\"id\":1}".into(),
            400,
            -32600,
        ),
        (
            "another version",
            "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}".into(),
            400,
            -32600,
        ),
        ("a string", "\"ping\"".into(), 400, -32700),
        (
            "a wrong method type",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}".into(),
            400,
            -32600,
        ),
    ];
    for (what, body, status, code) in cases {
        let posted = hub
            .http
            .post(&stream.messages)
            .bearer_auth(&hub.admin)
            .header("content-type", "application/json");
        for (face, request) in [
            ("http", session.post(body.clone())),
            ("sse", posted.body(body.clone())),
        ] {
            let answer = send(request).await;
            assert_eq!(answer.status, status, "{face}: {what}: {}", answer.text);
            assert_eq!(
                answer.body["error"]["code"], code,
                "{face}: {what}: {}",
                answer.text
            );
            assert_eq!(answer.body["jsonrpc"], "2.0");
        }
    }
    // The session lives on.
    let unknown = session
        .request(
            "tools/call",
            json!({"name": "no_such_tool", "arguments": {}}),
        )
        .await;
    assert_eq!(unknown["error"]["code"], -32602);
    assert_eq!(
        stream.request("no/such/method", json!({})).await["error"]["code"],
        -32601
    );
    let cursor = session
        .request("tools/list", json!({"cursor": "x".repeat(5000)}))
        .await;
    assert_eq!(cursor["error"]["code"], -32602);
}

#[tokio::test]
async fn rest() {
    let hub = Hub::with(Settings::default().extra("max_body_bytes = 100000\n")).await;
    let url = |path: &str| format!("{}{path}", hub.main);
    let post = |path: &str, body: String| {
        hub.http
            .post(url(path))
            .bearer_auth(&hub.admin)
            .header("content-type", "application/json")
            .body(body)
    };
    let create = "/api/v1/servers/issues/tools/create_issue";
    let scope = "\"project_id\":\"default\",\"agent_id\":\"default\"";
    let cases: [(&str, reqwest::RequestBuilder, u16, &str, Option<&str>); 15] = [
        (
            "malformed",
            post(create, "{".into()),
            422,
            "invalid_argument",
            None,
        ),
        (
            "a list",
            post(create, "[]".into()),
            422,
            "invalid_argument",
            None,
        ),
        (
            "deep nesting",
            post(create, deep()),
            422,
            "invalid_argument",
            None,
        ),
        (
            "oversized",
            post(create, format!("{{\"title\":\"{}\"}}", "a".repeat(100_000))),
            413,
            "too_large",
            None,
        ),
        (
            "no project",
            post(create, "{\"title\":\"x\"}".into()),
            422,
            "invalid_argument",
            Some("/project_id"),
        ),
        (
            "a wrong project type",
            post(create, "{\"project_id\":7,\"agent_id\":\"x\"}".into()),
            422,
            "invalid_argument",
            Some("/project_id"),
        ),
        (
            "a bad project name",
            post(
                create,
                "{\"project_id\":\"../x\",\"agent_id\":\"x\"}".into(),
            ),
            422,
            "invalid_argument",
            Some("/project_id"),
        ),
        (
            "a missing field",
            post(create, format!("{{{scope}}}")),
            422,
            "invalid_argument",
            Some("/title"),
        ),
        (
            "an unknown field",
            post(
                create,
                format!("{{{scope},\"title\":\"x\",\"titel\":\"y\"}}"),
            ),
            422,
            "invalid_argument",
            Some("/titel"),
        ),
        (
            "a wrong type",
            post(create, format!("{{{scope},\"title\":[]}}")),
            422,
            "invalid_argument",
            Some("/title"),
        ),
        (
            "an absurd limit",
            hub.http
                .get(url(
                    "/api/v1/issues?project_id=default&agent_id=default&limit=99999",
                ))
                .bearer_auth(&hub.admin),
            422,
            "invalid_argument",
            Some("/limit"),
        ),
        (
            "an absurd cursor",
            hub.http
                .get(url(
                    "/api/v1/issues?project_id=default&agent_id=default&cursor=%00zzz",
                ))
                .bearer_auth(&hub.admin),
            422,
            "invalid_argument",
            Some("/cursor"),
        ),
        (
            "an unknown tool",
            post("/api/v1/servers/issues/tools/explode", "{}".into()),
            404,
            "unknown_tool",
            None,
        ),
        (
            "an unknown server",
            post("/api/v1/servers/nowhere/tools/create_issue", "{}".into()),
            404,
            "unknown_tool",
            None,
        ),
        (
            "an unknown path",
            hub.http.get(url("/api/v1/nothing")).bearer_auth(&hub.admin),
            404,
            "not_found",
            None,
        ),
    ];
    for (what, request, status, code, pointer) in cases {
        let answer = send(request).await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (status, Some(code)),
            "{what}: {}",
            answer.text
        );
        assert_eq!(answer.body["status"], status, "{what}");
        if let Some(pointer) = pointer {
            assert_eq!(
                answer.body["errors"][0]["pointer"], pointer,
                "{what}: {}",
                answer.text
            );
        }
        if status != 404 {
            assert!(
                answer.body["request_id"].is_string(),
                "{what}: {}",
                answer.text
            );
        }
    }
    let wrong = send(
        hub.http
            .delete(url("/api/v1/servers"))
            .bearer_auth(&hub.admin),
    )
    .await;
    assert_eq!(wrong.status, 405);
    let large = format!("{{\"id\":\"{}\"}}", "a".repeat(100_000));
    let large = send(post("/api/v1/projects", large)).await;
    assert_eq!(
        (large.status, &large.body["code"]),
        (413, &json!("too_large"))
    );
}

#[tokio::test]
async fn administration() {
    let hub = Hub::start().await;
    let (user, _) = hub.token(&["default"], &["default"], &["mcp:admin"]).await;
    for (method, path) in [
        ("GET", "/api/v1/projects"),
        ("POST", "/api/v1/tokens"),
        ("GET", "/api/v1/audit"),
        ("GET", "/metrics"),
    ] {
        let (status, problem) = hub.request(&user, method, path, Value::Null).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (403, Some("forbidden")),
            "{path}"
        );
    }
    let refused = [
        ("/api/v1/projects", json!({"id": "Not A Name"}), 422),
        ("/api/v1/projects", json!({"id": "default"}), 409),
        ("/api/v1/projects", json!(["listed", "no object"]), 422),
        ("/api/v1/projects", json!({"id": "x", "colour": "red"}), 422),
        (
            "/api/v1/tokens",
            json!({"name": "", "projects": ["*"], "agents": ["*"], "scopes": ["mcp:read"]}),
            422,
        ),
        (
            "/api/v1/tokens",
            json!({"name": "x", "projects": ["*"], "agents": ["*"], "scopes": ["mcp:everything"]}),
            422,
        ),
        (
            "/api/v1/tokens",
            json!({"name": "x", "projects": [], "agents": ["*"], "scopes": ["mcp:read"]}),
            422,
        ),
        (
            "/api/v1/tokens",
            json!({"name": "x", "projects": ["*", "No Name"], "agents": ["*"], "scopes": ["mcp:read"]}),
            422,
        ),
    ];
    for (path, body, status) in refused {
        let (got, problem) = hub.admin("POST", path, body.clone()).await;
        assert_eq!(got, status, "{body}: {problem}");
    }
    assert_eq!(
        hub.admin("DELETE", "/api/v1/tokens/tok_none", Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(
        hub.admin(
            "PUT",
            "/api/v1/projects/default/members/nobody",
            Value::Null
        )
        .await
        .0,
        404
    );
    assert_eq!(
        hub.admin("GET", "/api/v1/audit?limit=0", Value::Null)
            .await
            .0,
        422
    );
    assert_eq!(
        hub.admin("GET", "/api/v1/audit?nonsense=1", Value::Null)
            .await
            .0,
        422
    );
    let seen = hub.audit("server=hub&outcome=refused").await;
    assert_eq!(
        seen.len(),
        3,
        "administrative refusals are audited: {seen:?}"
    );
}
