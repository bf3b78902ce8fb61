//! Clients whose id is the URL of a document about them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::client::{Client, REDIRECT, settings};
use crate::support::Hub;

/// A web server with documents: what is at each path, with its status. `host:port`, and how often it was asked.
async fn documents(
    at_path: impl Fn(&str, &str) -> (u16, String) + Send + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let (asked, host) = (Arc::new(AtomicUsize::new(0)), at.clone());
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let (status, body) = at_path(&host, request.split(' ').nth(1).unwrap_or_default());
            let head = if status == 302 {
                format!("HTTP/1.1 302 Found\r\nlocation: {body}\r\ncontent-length: 0")
            } else {
                format!("HTTP/1.1 {status} X\r\ncontent-type: application/json")
            };
            let body = if status == 302 { String::new() } else { body };
            let answer = format!("{head}\r\nconnection: close\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (at, asked)
}

fn client(id: &str, change: impl FnOnce(&mut Value)) -> (u16, String) {
    let mut document = json!({"client_id": id, "client_name": "Documented", "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none"});
    change(&mut document);
    (200, document.to_string())
}

#[tokio::test]
async fn a_client_is_known_by_its_document_and_only_by_its_own() {
    let (at, asked) = documents(|host, path| {
        let id = format!("http://{host}{path}");
        match path {
            "/good.json" => client(&id, |_| {}),
            "/other.json" => client("https://app.example.com/client.json", |_| {}),
            "/secret.json" => client(&id, |d| {
                d["token_endpoint_auth_method"] = "client_secret_post".into()
            }),
            "/foreign.json" => client(&id, |d| {
                d["redirect_uris"] = json!(["https://evil.example/cb"])
            }),
            "/moved.json" => (302, "/good.json".to_owned()),
            "/large.json" => client(&id, |d| d["x"] = "x".repeat(20_000).into()),
            "/text" => (200, "no document".to_owned()),
            _ => (404, String::new()),
        }
    })
    .await;
    let hub = Hub::with(settings().extra(&format!("allowed_private = [\"{at}\"]\n"))).await;
    let (person, _) = hub.token(&["*"], &["*"], &["mcp:write"]).await;
    let registered = Client::new(&hub, &format!("{}/mcp", hub.own["issues"])).await;
    let documented = |path: &str| {
        let mut question = registered.question();
        question.insert("client_id", format!("http://{at}{path}"));
        question
    };
    for bad in [
        "/other.json",
        "/secret.json",
        "/foreign.json",
        "/moved.json",
        "/large.json",
        "/text",
        "/none",
        "/",
    ] {
        let response = registered.ask(&documented(bad)).await;
        assert_eq!(response.status(), 400, "{bad}");
        let page = response.text().await.unwrap();
        assert!(page.contains("This cannot go on"), "{bad}: {page}");
    }
    let page = registered
        .ask(&documented("/good.json"))
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("Let <em>Documented</em> in?"), "{page}");
    let before = asked.load(Ordering::SeqCst);
    let mut known = registered;
    known.id = format!("http://{at}/good.json");
    let (status, issued) = known.redeem(&known.code(&person).await).await;
    assert_eq!(status, 200, "{issued}");
    assert_eq!(
        asked.load(Ordering::SeqCst),
        before,
        "a document is believed for a while"
    );
}

#[tokio::test]
async fn a_document_is_not_fetched_from_where_only_the_hub_can_go() {
    let (at, asked) = documents(|host, path| client(&format!("http://{host}{path}"), |_| {})).await;
    let hub = Hub::with(settings()).await;
    let client = Client::new(&hub, &format!("{}/mcp", hub.own["issues"])).await;
    let port = at.rsplit(':').next().unwrap();
    for id in [
        format!("http://{at}/client.json"),
        format!("https://{at}/client.json"),
        format!("https://localhost:{port}/client.json"),
        format!("https://[::ffff:127.0.0.1]:{port}/client.json"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let mut question = client.question();
        question.insert("client_id", id.clone());
        let response = client.ask(&question).await;
        assert_eq!(response.status(), 400, "{id}");
        let page = response.text().await.unwrap();
        assert!(
            !page.contains("private"),
            "where it led is not told: {page}"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
