//! Host, Origin, well-known paths, headers: on every port.

use serde_json::Value;

use crate::support::{Hub, Session, Settings};

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused_on_every_port() {
    let hub = Hub::start().await;
    let bases: Vec<&String> = hub.own.values().chain([&hub.main]).collect();
    for base in bases {
        for path in ["/mcp", "/sse", "/livez", "/nothing"] {
            let get = |name: &'static str, value: &'static str| {
                hub.http
                    .get(format!("{base}{path}"))
                    .bearer_auth(&hub.admin)
                    .header(name, value)
                    .send()
            };
            assert_eq!(
                get("host", "evil.example").await.unwrap().status(),
                403,
                "{base}{path}"
            );
            assert_eq!(
                get("origin", "https://evil.example")
                    .await
                    .unwrap()
                    .status(),
                403,
                "{base}{path}"
            );
        }
        let live = hub
            .http
            .get(format!("{base}/livez"))
            .header("origin", "http://localhost:6274")
            .send()
            .await
            .unwrap();
        assert_eq!(live.status(), 200);
        assert_eq!(live.headers()["x-content-type-options"], "nosniff");
        assert!(
            live.headers()["x-request-id"]
                .to_str()
                .unwrap()
                .starts_with("req_")
        );
    }
}

#[tokio::test]
async fn without_oauth_its_paths_are_plain_404_json() {
    let hub = Hub::start().await;
    for base in [&hub.main, &hub.own["issues"]] {
        for path in [
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
            "/mcp/.well-known/oauth-protected-resource",
        ] {
            let answer = hub.http.get(format!("{base}{path}")).send().await.unwrap();
            assert_eq!(answer.status(), 404, "{path}");
            assert!(
                answer.headers()["content-type"]
                    .to_str()
                    .unwrap()
                    .contains("json")
            );
            assert_eq!(answer.json::<Value>().await.unwrap()["status"], 404);
        }
        assert_eq!(
            hub.http
                .post(format!("{base}/register"))
                .json(&Value::Null)
                .send()
                .await
                .unwrap()
                .status(),
            404
        );
    }
}

#[tokio::test]
async fn a_token_counts_in_the_header_only() {
    let hub = Hub::start().await;
    for query in ["access_token", "token", "bearer"] {
        let url = format!("{}/api/v1/servers?{query}={}", hub.main, hub.admin);
        assert_eq!(hub.http.get(url).send().await.unwrap().status(), 401);
    }
    let basic = hub
        .http
        .get(format!("{}/api/v1/servers", hub.main))
        .basic_auth("x", Some(&hub.admin));
    assert_eq!(basic.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn no_token_is_ever_written_down() {
    let hub = Hub::with(Settings::default().extra("[observe]\nlog = \"trace\"\n")).await;
    let session = Session::open(&hub.http, &hub.own["issues"], &hub.admin).await;
    let title = format!("My token is {}", hub.admin);
    let args = serde_json::json!({"project_id": "default", "agent_id": "default", "title": title});
    session
        .request(
            "tools/call",
            serde_json::json!({"name": "create_issue", "arguments": args}),
        )
        .await;
    let audit = hub.audit("").await;
    assert!(
        !serde_json::to_string(&audit).unwrap().contains(&hub.admin),
        "in the audit log"
    );
    let log = hub.log();
    assert!(
        log.contains("DEBUG") && !log.contains(&hub.admin),
        "in the log"
    );
}

#[tokio::test]
async fn metrics_count_calls() {
    let hub = Hub::start().await;
    let path = "/api/v1/issues?project_id=default&agent_id=default";
    assert_eq!(hub.admin("GET", path, Value::Null).await.0, 200);
    let text = hub
        .http
        .get(format!("{}/metrics", hub.main))
        .bearer_auth(&hub.admin)
        .send()
        .await
        .unwrap();
    let text = text.text().await.unwrap();
    assert!(
        text.contains(
            "syndarix_calls_total{server=\"issues\",tool=\"list_issues\",outcome=\"ok\"} 1"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn a_client_that_never_ends_its_body_is_not_waited_for() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let settings = Settings::default().extra("header_timeout_s = 1\n");
    let hub = Hub::with(settings).await;
    let address = hub.main.trim_start_matches("http://");
    for path in ["/mcp", "/api/v1/servers/issues/tools/list_issues"] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: 100\r\n\r\n{{",
            hub.admin
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let patience = std::time::Duration::from_secs(10);
        let read = tokio::time::timeout(patience, stream.read_exact(&mut answer)).await;
        read.expect(path).unwrap();
        assert_eq!(&answer[..10], b"HTTP/1.1 4", "{path}");
    }
}

#[tokio::test]
async fn the_page_of_the_document_is_whole_and_open_to_all() {
    let hub = Hub::start().await;
    for (path, kind) in [
        ("/docs", "text/html"),
        ("/docs/page.css", "text/css"),
        ("/docs/page.js", "text/javascript"),
    ] {
        let url = format!("{}{path}", hub.main);
        let answer = hub.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(kind), "{path}");
        assert!(header("content-security-policy").contains("default-src 'none'"));
        let text = answer.text().await.unwrap();
        assert!(
            !text.contains("//") || !text.contains("http"),
            "{path} loads from elsewhere"
        );
    }
    let open = hub.http.get(format!("{}/openapi.json", hub.main));
    assert_eq!(open.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_path_that_is_no_text_is_a_problem_too() {
    let hub = Hub::start().await;
    for (method, path) in [
        ("GET", "/api/v1/projects/%FF/members"),
        ("GET", "/api/v1/issues/%FF"),
        ("POST", "/api/v1/servers/%FF/tools/x"),
    ] {
        let method = method.parse().unwrap();
        let asked = hub.http.request(method, format!("{}{path}", hub.main));
        let answer = asked.bearer_auth(&hub.admin).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
        let kind = answer.headers()["content-type"].clone();
        assert_eq!(kind, "application/problem+json", "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "invalid_argument", "{path}");
    }
}
