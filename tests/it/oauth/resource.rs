//! What the hub tells clients of its endpoints: metadata at every port and prefix, challenges, missing scopes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::client::{Client, initialize, settings};
use crate::support::{Hub, SERVERS, Session, Settings};

async fn get(hub: &Hub, url: &str) -> (u16, Value) {
    let response = hub.http.get(url).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn every_endpoint_says_who_gives_out_tokens_for_it() {
    let hub = Hub::with(settings()).await;
    let mut endpoints = vec![(hub.main.clone(), "mcp"), (hub.main.clone(), "mcp")];
    for server in SERVERS {
        endpoints.push((hub.own[server].clone(), server));
        endpoints.push((format!("{}/{server}", hub.main), server));
    }
    for (base, scope) in &endpoints {
        for face in ["mcp", "sse"] {
            let url = format!("{base}/{face}");
            let response = hub.http.get(&url).send().await.unwrap();
            assert_eq!(response.status(), 401);
            let challenge = response.headers()["www-authenticate"]
                .to_str()
                .unwrap()
                .to_owned();
            let (origin, path) = url.split_at(url[8..].find('/').unwrap() + 8);
            let at = format!("{origin}/.well-known/oauth-protected-resource{path}");
            let expected = format!(
                "Bearer realm=\"syndarix\", resource_metadata=\"{at}\", scope=\"{scope}:read {scope}:write\""
            );
            assert_eq!(challenge, expected);
            let (status, metadata) = get(&hub, &at).await;
            assert_eq!(status, 200);
            assert_eq!(metadata["resource"], url.as_str());
            assert_eq!(metadata["authorization_servers"], json!([hub.main]));
            assert_eq!(metadata["scopes_supported"][2], format!("{scope}:admin"));
            let wrong = initialize(&hub, base, "syx_wrong").await;
            let told = wrong.headers()["www-authenticate"].to_str().unwrap();
            assert!(
                told.contains("error=\"invalid_token\", resource_metadata="),
                "{told}"
            );
        }
    }
    let root = "/.well-known/oauth-protected-resource";
    for base in [&hub.main, &hub.own["git"]] {
        assert_eq!(
            get(&hub, &format!("{base}{root}")).await.1["resource"],
            base.as_str()
        );
        for none in ["/nothing/mcp", "/api/v1/servers", "/mcp/x"] {
            assert_eq!(
                get(&hub, &format!("{base}{root}{none}")).await.0,
                404,
                "{none}"
            );
        }
    }
}

#[tokio::test]
async fn the_authorization_server_describes_itself() {
    let hub = Hub::with(settings()).await;
    let at = "/.well-known/oauth-authorization-server";
    let (status, metadata) = get(&hub, &format!("{}{at}", hub.main)).await;
    assert_eq!(status, 200);
    assert_eq!(metadata["issuer"], hub.main.as_str());
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        json!(["S256"])
    );
    for (name, path) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
        ("revocation_endpoint", "revoke"),
        ("registration_endpoint", "register"),
    ] {
        let url = metadata[name].as_str().unwrap();
        assert_eq!(url, format!("{}/oauth/{path}", hub.main));
        let response = hub.http.post(url).send().await.unwrap();
        assert_ne!(response.status(), 404, "{name}");
    }
    let own = get(&hub, &format!("{}{at}", hub.own["git"])).await;
    assert_eq!(own.0, 404, "it is on the main port");
}

#[tokio::test]
async fn behind_a_proxy_the_public_url_is_the_one_that_counts() {
    let settings = Settings::default()
        .extra("public_url = \"https://hub.example.com/base\"\n[auth.oauth]\nenabled = true\n");
    let hub = Hub::with(settings).await;
    let ask = async |path: &str| {
        let url = format!("{}{path}", hub.main);
        let request = hub.http.get(url).header("host", "hub.example.com");
        request.send().await.unwrap()
    };
    let refused = ask("/git/mcp").await;
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    let at = "resource_metadata=\"https://hub.example.com/base/.well-known/oauth-protected-resource/git/mcp\"";
    assert!(challenge.contains(at), "{challenge}");
    // As the proxy hands on what that says, and as clients build it of the endpoint's URL.
    for path in ["/git/mcp", "/base/git/mcp"] {
        let metadata = ask(&format!("/.well-known/oauth-protected-resource{path}")).await;
        let metadata: Value = metadata.json().await.unwrap();
        assert_eq!(metadata["resource"], "https://hub.example.com/base/git/mcp");
        assert_eq!(
            metadata["authorization_servers"],
            json!(["https://hub.example.com/base"])
        );
    }
    for path in ["", "/base"] {
        let metadata = ask(&format!("/.well-known/oauth-authorization-server{path}")).await;
        let metadata: Value = metadata.json().await.unwrap();
        assert_eq!(
            metadata["token_endpoint"],
            "https://hub.example.com/base/oauth/token"
        );
    }
}

#[tokio::test]
async fn a_client_that_lacks_a_scope_is_told_which() {
    let hub = Hub::with(settings()).await;
    hub.project("demo", &["ann"]).await;
    let (reader, id) = hub.token(&["demo"], &["ann"], &["issues:read"]).await;
    let issues = hub.own["issues"].clone();
    let client = Client::new(&hub, &format!("{issues}/mcp")).await;
    let (access, _) = client.dance(&reader).await;
    let session = Session::open(&hub.http, &issues, &access).await;
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": "create_issue", "arguments": {"title": "No"}}});
    let response = session.post(call.to_string()).send().await.unwrap();
    assert_eq!(response.status(), 403);
    let challenge = response.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    let expected = format!(
        "Bearer realm=\"syndarix\", error=\"insufficient_scope\", \
         resource_metadata=\"{issues}/.well-known/oauth-protected-resource/mcp\", scope=\"issues:write\""
    );
    assert_eq!(challenge, expected);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["id"], 7);
    let refused = hub.audit("tool=create_issue&outcome=refused").await;
    assert!(
        refused[0]["principal_id"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{id}.")),
        "{refused:?}"
    );

    // Over REST too; there holders of service tokens are told in the same way.
    let response = hub
        .http
        .post(format!("{}/api/v1/issues", hub.main))
        .bearer_auth(&reader)
        .json(&json!({"title": "No"}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 403);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\"")
            && challenge.ends_with("scope=\"issues:write\""),
        "{challenge}"
    );
}

#[tokio::test]
async fn a_client_that_is_refused_goes_on_over_the_same_connection() {
    let hub = Hub::with(settings()).await;
    let at = hub.own["issues"].trim_start_matches("http://");
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut said = String::new();
    // Head and body come apart, as some clients send them.
    let head = format!("POST /mcp HTTP/1.1\r\nHost: {at}\r\nContent-Length: 2\r\n\r\n");
    let next = format!(
        "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.write_all(b"{}").await.unwrap();
    stream.write_all(next.as_bytes()).await.unwrap();
    stream.read_to_string(&mut said).await.unwrap();
    let statuses: Vec<&str> = said
        .matches("HTTP/1.1 401")
        .chain(said.matches("HTTP/1.1 200"))
        .collect();
    assert_eq!(statuses.len(), 2, "{said}");

    // Whoever sends more than is worth reading is told that the connection ends.
    let long = "x".repeat(100_000);
    let request = hub.http.post(format!("http://{at}/mcp")).body(long);
    let refused = request.send().await.unwrap();
    assert_eq!(
        (
            refused.status().as_u16(),
            refused.headers()["connection"].to_str().unwrap()
        ),
        (401, "close")
    );
}
