//! What a request says that its body is.

use serde_json::Value;

use crate::support::Hub;

#[tokio::test]
async fn a_body_of_another_type() {
    let hub = Hub::start().await;
    let send = async |method: &str, path: &str, media: Option<&str>, body: &str| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = hub.http.request(method, format!("{}{path}", hub.main));
        let request = request
            .bearer_auth(&hub.admin)
            .header("x-project-id", "default")
            .header("x-agent-id", "default")
            .body(body.to_owned());
        let request = match media {
            Some(media) => request.header("content-type", media),
            None => request,
        };
        let response = request.send().await.unwrap();
        let accept = response.headers().get("accept").cloned();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        (status, code, accept.map(|v| v.to_str().unwrap().to_owned()))
    };
    let json = Some("application/json".to_owned());
    let refused = (415, "unsupported_media_type".to_owned(), json);
    let create = "/api/v1/servers/issues/tools/create_issue";
    for (method, path, body) in [
        ("POST", create, r#"{"title":"x"}"#),
        ("POST", "/api/v1/issues", r#"{"title":"x"}"#),
        ("PATCH", "/api/v1/issues/1", r#"{"title":"x"}"#),
        (
            "PUT",
            "/api/v1/files/content",
            r#"{"path":"x","content":"y"}"#,
        ),
        ("POST", "/api/v1/projects", r#"{"id":"x"}"#),
        ("POST", "/api/v1/tokens/tok_x/rotate", "{}"),
    ] {
        for media in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "text/plain; json",
        ] {
            let answer = send(method, path, Some(media), body).await;
            assert_eq!(answer, refused, "{method} {path} {media}");
        }
    }
    // A type that is JSON's, and none: to tools, and where a body is not needed.
    for media in [
        None,
        Some("application/json; charset=utf-8"),
        Some("application/x+json"),
    ] {
        let made = send("POST", create, media, r#"{"title":"x"}"#).await;
        assert_eq!(made.0, 200, "{media:?} {made:?}");
    }
    let made = send("POST", "/api/v1/projects", None, r#"{"id":"x"}"#).await;
    assert_eq!(made, refused);
    let read = send("GET", "/api/v1/issues", Some("text/plain"), "x").await;
    assert_eq!(
        read.0, 200,
        "where there is no body to read, it has no type"
    );
}
