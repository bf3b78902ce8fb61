//! Who may have webhooks, of which project, and where they may lead.

use serde_json::{Value, json};

use super::{WEBHOOKS, deliveries, get, hub, newest, webhook};
use crate::support::{Receiver, eventually};

#[tokio::test]
async fn what_must_not_be_sent_to_is_refused() {
    let (receiver, inside) = (Receiver::start().await, Receiver::start().await);
    let hub = hub(&[&receiver]).await;
    for url in [
        inside.url(),
        inside.url().replace("http:", "https:"),
        "https://169.254.169.254/latest".to_owned(),
        "https://[::1]/".to_owned(),
        "http://example.com/".to_owned(),
        "https://me:pass@example.com/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "no url".to_owned(),
    ] {
        let (status, body) = hub.admin("POST", WEBHOOKS, json!({"url": url})).await;
        assert_eq!(
            (status, &body["errors"][0]["pointer"]),
            (422, &json!("/url")),
            "{url}: {body}"
        );
    }
    let (path, _) = webhook(&hub, json!({"url": receiver.url()})).await;
    let (status, _) = hub
        .admin("PATCH", &path, json!({"url": inside.url()}))
        .await;
    assert_eq!(status, 422);
    // Nor does a redirect lead there.
    receiver.answer(302, Some(("location", inside.url())));
    hub.admin("POST", &format!("{path}/ping"), Value::Null)
        .await;
    receiver.wait(2).await;
    newest(&hub, &path, "delivered").await;
    receiver.answer(307, Some(("location", inside.url())));
    hub.admin("POST", &format!("{path}/ping"), Value::Null)
        .await;
    receiver.wait(3).await;
    eventually("the log", || async {
        let all = deliveries(&hub, &path, "?state=pending").await;
        all.first().is_some_and(|one| {
            let error = one["last_error"].as_str().unwrap_or_default();
            one["last_status"] == 307 && error.contains("redirects")
        })
    })
    .await;
    assert!(inside.posted().is_empty());

    // Gone is gone: until it is enabled again.
    newest(&hub, &path, "delivered").await;
    receiver.answer(410, None);
    hub.admin("POST", &format!("{path}/ping"), Value::Null)
        .await;
    newest(&hub, &path, "failed").await;
    let ended = get(&hub, &path).await;
    assert_eq!(ended["enabled"], false);
    assert!(
        ended["disabled_reason"].as_str().unwrap().contains("410"),
        "{ended}"
    );
    assert_eq!(
        hub.admin("POST", &format!("{path}/ping"), Value::Null)
            .await
            .0,
        409
    );
    let (_, enabled) = hub.admin("PATCH", &path, json!({"enabled": true})).await;
    assert!(
        enabled["enabled"] == true && enabled["disabled_reason"].is_null(),
        "{enabled}"
    );
}

#[tokio::test]
async fn webhooks_are_for_administrators_and_of_their_project() {
    let receiver = Receiver::start().await;
    let hub = hub(&[&receiver]).await;
    hub.project("other", &["ann"]).await;
    let (token, _) = hub.token(&["*"], &["*"], &["mcp:admin"]).await;
    let (status, _) = hub.request(&token, "GET", WEBHOOKS, Value::Null).await;
    assert_eq!(status, 403);
    let (path, _) = webhook(&hub, json!({"url": receiver.url()})).await;
    let id = path.rsplit('/').next().unwrap();
    let (_, sent) = hub
        .admin("POST", &format!("{path}/ping"), Value::Null)
        .await;
    newest(&hub, &path, "delivered").await;
    let sent = sent["id"].as_str().unwrap();
    for (method, below) in [
        ("GET", String::new()),
        ("PATCH", String::new()),
        ("DELETE", String::new()),
        ("POST", "/rotate".to_owned()),
        ("POST", "/ping".to_owned()),
        ("GET", "/deliveries".to_owned()),
        ("POST", format!("/deliveries/{sent}/redeliver")),
    ] {
        let ask = async |project: &str, id: &str| {
            let path = format!("/api/v1/projects/{project}/webhooks/{id}{below}");
            let body = if method == "PATCH" {
                json!({"enabled": false})
            } else {
                Value::Null
            };
            let (status, mut body) = hub.admin(method, &path, body).await;
            body.as_object_mut().unwrap().remove("request_id");
            (status, body.to_string().replace(id, "ID"))
        };
        let missing = ask("other", "whk_none").await;
        assert_eq!(missing.0, 404, "{method} {below}");
        assert_eq!(ask("other", id).await, missing, "{method} {below}");
    }
    assert_eq!(
        receiver.posted().len(),
        1,
        "nothing was sent for another project"
    );
    for (body, field) in [
        (
            json!({"url": receiver.url(), "filter": {"servers": ["issue"]}}),
            "",
        ),
        (
            json!({"url": receiver.url(), "filter": {"path": ""}}),
            "/filter/path",
        ),
        (
            json!({"url": receiver.url(), "description": "x".repeat(501)}),
            "/description",
        ),
        (json!({"url": receiver.url(), "secret": "whsec_mine"}), ""),
        (json!({"url": receiver.url(), "filter": []}), ""),
        (json!([receiver.url()]), ""),
    ] {
        let (status, answer) = hub.admin("POST", WEBHOOKS, body).await;
        assert_eq!(
            (status, &answer["errors"][0]["pointer"]),
            (422, &json!(field)),
            "{answer}"
        );
    }
    let (status, _) = hub
        .admin(
            "POST",
            "/api/v1/projects/nowhere/webhooks",
            json!({"url": receiver.url()}),
        )
        .await;
    assert_eq!(status, 404);
    // Pages of both lists.
    for _ in 0..2 {
        webhook(&hub, json!({"url": receiver.url(), "enabled": false})).await;
        hub.admin("POST", &format!("{path}/ping"), Value::Null)
            .await;
    }
    for list in [WEBHOOKS.to_owned(), format!("{path}/deliveries")] {
        let first = get(&hub, &format!("{list}?limit=2")).await;
        let next = first["next_cursor"].as_str().unwrap();
        let rest = get(&hub, &format!("{list}?limit=2&cursor={next}")).await;
        assert_eq!(rest["items"].as_array().unwrap().len(), 1, "{rest}");
        assert!(rest["next_cursor"].is_null());
    }
    assert_eq!(hub.admin("DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(hub.admin("GET", &path, Value::Null).await.0, 404);
}
