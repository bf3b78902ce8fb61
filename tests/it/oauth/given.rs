//! What clients have, seen and ended by administrators.

use serde_json::{Value, json};

use super::client::{Client, knock, settings};
use crate::support::Hub;

const GRANTS: &str = "/api/v1/oauth/grants";

#[tokio::test]
async fn an_administrator_sees_what_clients_have_and_ends_it() {
    let hub = Hub::with(settings()).await;
    let (person, token_id) = hub.token(&["*"], &["*"], &["mcp:write"]).await;
    let issues = hub.own["issues"].clone();
    let client = Client::new(&hub, &format!("{issues}/mcp")).await;
    let (access, refresh) = client.dance(&person).await;
    let (others, _) = client.dance(&person).await;

    let (status, listed) = hub.admin("GET", GRANTS, Value::Null).await;
    assert_eq!(status, 200, "{listed}");
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{listed}");
    for item in items {
        assert_eq!(
            (
                &item["client_id"],
                &item["client_name"],
                &item["token_id"],
                &item["endpoint"]
            ),
            (
                &json!(client.id),
                &json!("It"),
                &json!(token_id),
                &json!("issues")
            ),
            "{item}"
        );
    }
    for secret in [&access, &refresh] {
        assert!(!listed.to_string().contains(secret.as_str()));
    }
    let (_, first) = hub
        .admin("GET", &format!("{GRANTS}?limit=1"), Value::Null)
        .await;
    let next = first["next_cursor"].as_str().unwrap();
    let (_, second) = hub
        .admin(
            "GET",
            &format!("{GRANTS}?limit=1&cursor={next}"),
            Value::Null,
        )
        .await;
    assert_eq!(
        [&first["items"][0], &second["items"][0]],
        [&items[0], &items[1]]
    );

    let one = format!("{GRANTS}/{}", items[0]["id"].as_str().unwrap());
    let (status, refused) = hub.request(&person, "DELETE", &one, Value::Null).await;
    assert_eq!(
        (status, &refused["code"]),
        (403, &json!("forbidden")),
        "{refused}"
    );
    assert_eq!(knock(&hub, &issues, &access).await, 200);

    assert_eq!(hub.admin("DELETE", &one, Value::Null).await.0, 204);
    assert_eq!(knock(&hub, &issues, &access).await, 401);
    assert_eq!(client.refresh(&refresh).await.0, 400);
    assert_eq!(
        knock(&hub, &issues, &others).await,
        200,
        "another grant of the same client"
    );
    assert_eq!(hub.admin("DELETE", &one, Value::Null).await.0, 404);

    // What comes of a service token ends with it.
    let token = format!("/api/v1/tokens/{token_id}");
    assert_eq!(hub.admin("DELETE", &token, Value::Null).await.0, 204);
    let (_, left) = hub.admin("GET", GRANTS, Value::Null).await;
    assert_eq!(left["items"], json!([]));
}
