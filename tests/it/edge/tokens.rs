//! The life of tokens over REST and the command line, and over two hubs on one PostgreSQL.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Hub, Settings, database, run};

/// The status of a request that any live token may make.
async fn knock(hub: &Hub, token: &str) -> u16 {
    hub.request(token, "GET", "/api/v1/servers", Value::Null)
        .await
        .0
}

#[tokio::test]
async fn a_rotated_token_works_in_both_forms_until_its_grace_is_over() {
    let hub = Hub::start().await;
    let (old, id) = hub.token(&["*"], &["*"], &["mcp:read"]).await;
    let path = format!("/api/v1/tokens/{id}/rotate");
    let (status, made) = hub.admin("POST", &path, json!({"grace_s": 600})).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["id"], id.as_str());
    let new = made["token"].as_str().unwrap().to_owned();
    assert_ne!(new, old);
    assert_eq!(
        (knock(&hub, &old).await, knock(&hub, &new).await),
        (200, 200)
    );

    // On the command line the hour is the default, and none may be wished for.
    let out = run(hub.dir(), &["token", "rotate", &id, "--grace-minutes", "0"]);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let newest = String::from_utf8(out.stdout).unwrap().trim().to_owned();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let statuses = [
        knock(&hub, &old).await,
        knock(&hub, &new).await,
        knock(&hub, &newest).await,
    ];
    assert_eq!(statuses, [401, 401, 200]);

    let reader = hub.request(&newest, "POST", &path, json!({})).await;
    assert_eq!(reader.0, 403, "rotation is for administrators");
    let wrong = hub
        .admin("POST", &path, json!({"grace_s": 99_999_999}))
        .await;
    assert_eq!(
        (wrong.0, &wrong.1["errors"][0]["pointer"]),
        (422, &json!("/grace_s"))
    );
    let one = format!("/api/v1/tokens/{id}");
    assert_eq!(hub.admin("DELETE", &one, Value::Null).await.0, 204);
    assert_eq!(knock(&hub, &newest).await, 401, "at once");
    assert_eq!(hub.admin("POST", &path, Value::Null).await.0, 404);
}

#[tokio::test]
async fn what_one_hub_revokes_the_other_refuses_within_a_second() {
    let Some(url) = database("syndarix_tokens").await else {
        return;
    };
    let settings = Settings::default().extra(&format!("[database]\nurl = \"{url}\"\n"));
    let one = Hub::with(settings).await;
    let other = one.beside().await;
    let (token, id) = one.token(&["*"], &["*"], &["mcp:read"]).await;
    assert_eq!(knock(&other, &token).await, 200);
    // The other hub is asked all the time: what it believes is as fresh as can be.
    let (asked, stop) = tokio::sync::oneshot::channel::<()>();
    let revoked = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let path = format!("/api/v1/tokens/{id}");
        assert_eq!(one.admin("DELETE", &path, Value::Null).await.0, 204);
        let at = Instant::now();
        drop(asked);
        at
    };
    let refused = async {
        let _until = stop.await;
        loop {
            let asked = Instant::now();
            if knock(&other, &token).await == 401 {
                return asked;
            }
        }
    };
    let busy = async {
        for _ in 0..30 {
            knock(&other, &token).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (revoked, refused, ()) = tokio::join!(revoked, refused, busy);
    let took = refused.saturating_duration_since(revoked);
    assert!(took < Duration::from_secs(1), "{took:?}");
}
