//! The token endpoint: what is given for what, and what is not.

use serde_json::{Value, json};

use super::client::{Client, REDIRECT, VERIFIER, exchange, knock, posted, settings, tokens};
use crate::support::{Hub, Session};

#[tokio::test]
async fn a_code_gives_a_token_that_is_good_at_its_endpoint_and_does_what_was_agreed() {
    let hub = Hub::with(settings()).await;
    hub.project("demo", &["ann"]).await;
    let (person, _) = hub
        .token(&["demo"], &["ann"], &["issues:write", "git:write"])
        .await;
    let issues = hub.own["issues"].clone();
    let client = Client::new(&hub, &format!("{issues}/mcp")).await;
    let (status, issued) = client.redeem(&client.code(&person).await).await;
    assert_eq!(status, 200, "{issued}");
    assert_eq!(issued["token_type"], "Bearer");
    assert_eq!(issued["expires_in"], 600);
    assert_eq!(issued["scope"], "issues:read issues:write");
    let (access, _) = tokens(&issued);

    let session = Session::open(&hub.http, &issues, &access).await;
    let create = json!({"name": "create_issue", "arguments": {"title": "By a client"}});
    let made = session.request("tools/call", create).await;
    assert_eq!(made["result"]["structuredContent"]["number"], 1, "{made}");
    let under_prefix = format!("{}/issues", hub.main);
    assert_eq!(
        knock(&hub, &under_prefix, &access).await,
        200,
        "it is the same endpoint"
    );
    for elsewhere in [&hub.own["git"], &hub.main, &format!("{}/git", hub.main)] {
        assert_eq!(knock(&hub, elsewhere, &access).await, 401, "{elsewhere}");
    }
    let rest = hub
        .request(&access, "GET", "/api/v1/servers", Value::Null)
        .await;
    assert_eq!(rest.0, 401, "REST is another resource");
    let spoofed = hub
        .http
        .post(format!("{}/mcp", hub.own["git"]))
        .bearer_auth(&access);
    let host = issues.trim_start_matches("http://");
    let spoofed = spoofed
        .header("host", host)
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(
        spoofed.status(),
        401,
        "the port counts, not the name it is called by"
    );
}

#[tokio::test]
async fn a_code_is_for_its_client_its_verifier_and_one_time() {
    let hub = Hub::with(settings()).await;
    let (person, id) = hub.token(&["*"], &["*"], &["mcp:write"]).await;
    let issues = hub.own["issues"].clone();
    let client = Client::new(&hub, &format!("{issues}/mcp")).await;
    let other = Client::new(&hub, &format!("{issues}/mcp")).await;
    let code = client.code(&person).await;
    let git = format!("{}/mcp", hub.own["git"]);
    let wrong = "another-verifier-of-at-least-forty-three-characters";
    for (name, value, error) in [
        ("client_id", other.id.as_str(), "invalid_grant"),
        ("client_id", "cli_nobody", "invalid_grant"),
        (
            "redirect_uri",
            "http://127.0.0.1:7777/other",
            "invalid_grant",
        ),
        ("code_verifier", wrong, "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("code_verifier", "short", "invalid_request"),
        ("resource", &git, "invalid_grant"),
        (
            "resource",
            "https://elsewhere.example/mcp",
            "invalid_target",
        ),
        ("code", "syc_nothing", "invalid_grant"),
        ("grant_type", "password", "unsupported_grant_type"),
    ] {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", &client.id),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("resource", &client.resource),
        ];
        form.iter_mut().find(|(key, _)| *key == name).unwrap().1 = value;
        let (status, refused) = client.exchange(&form).await;
        assert_eq!(
            (status, refused["error"].as_str()),
            (400, Some(error)),
            "{name} {value}: {refused}"
        );
    }
    let (access, refresh) = tokens(&client.redeem(&code).await.1);
    assert_eq!(knock(&hub, &issues, &access).await, 200);

    // Whoever has seen the code tries it too: one of the two is a thief, so that neither keeps anything.
    let (status, refused) = client.redeem(&code).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_eq!(knock(&hub, &issues, &access).await, 401);
    assert_eq!(client.refresh(&refresh).await.0, 400);
    let ended = hub.audit("tool=authenticate&outcome=refused").await;
    assert!(
        ended[0]["principal_id"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{id}.")),
        "{ended:?}"
    );
    let asked = hub
        .audit(&format!("tool=oauth_token&principal_id={}", client.id))
        .await;
    assert!(
        asked.iter().any(|e| e["outcome"] == "ok")
            && asked.iter().any(|e| e["outcome"] == "refused")
    );
}

#[tokio::test]
async fn a_refresh_token_is_used_once_and_its_replay_ends_the_family() {
    let hub = Hub::with(settings()).await;
    let (person, id) = hub.token(&["*"], &["*"], &["mcp:write"]).await;
    let issues = hub.own["issues"].clone();
    let client = Client::new(&hub, &format!("{issues}/mcp")).await;
    let (first, refresh) = client.dance(&person).await;
    let mut session = Session::open(&hub.http, &issues, &first).await;
    let (status, next) = client.refresh(&refresh).await;
    assert_eq!(status, 200, "{next}");
    let (second, newer) = tokens(&next);
    assert_ne!((&first, &refresh), (&second, &newer));
    // A session goes on with the next token: it is the client's, not the token's.
    session.token = second.clone();
    let list = session.request("tools/list", json!({})).await;
    assert!(list["result"]["tools"].is_array(), "{list}");

    let fewer = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &newer),
        ("client_id", &client.id),
        ("scope", "issues:admin"),
    ];
    let (status, refused) = client.exchange(&fewer).await;
    assert_eq!(
        (status, &refused["error"]),
        (400, &json!("invalid_grant")),
        "no more than before"
    );
    let fewer = [fewer[0], fewer[1], fewer[2], ("scope", "issues:read")];
    let (status, narrow) = client.exchange(&fewer).await;
    assert_eq!(
        (status, &narrow["scope"]),
        (200, &json!("issues:read")),
        "{narrow}"
    );
    let (third, newest) = tokens(&narrow);

    assert_eq!(client.refresh(&refresh).await.1["error"], "invalid_grant");
    for token in [&first, &second, &third] {
        assert_eq!(knock(&hub, &issues, token).await, 401);
    }
    assert_eq!(
        client.refresh(&newest).await.0,
        400,
        "the whole family is gone"
    );

    // What came of another consent lives on, until the token that it stands on ends.
    let (access, refresh) = client.dance(&person).await;
    assert_eq!(knock(&hub, &issues, &access).await, 200);
    let (status, _) = hub
        .admin("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null)
        .await;
    assert_eq!(status, 204);
    assert_eq!(knock(&hub, &issues, &access).await, 401);
    assert_eq!(client.refresh(&refresh).await.0, 400);
}

#[tokio::test]
async fn a_client_can_give_back_what_it_has() {
    let hub = Hub::with(settings()).await;
    let (person, _) = hub.token(&["*"], &["*"], &["mcp:write"]).await;
    let issues = hub.own["issues"].clone();
    let client = Client::new(&hub, &format!("{issues}/mcp")).await;
    let other = Client::new(&hub, &format!("{issues}/mcp")).await;
    let (access, refresh) = client.dance(&person).await;
    let revoke = async |token: &str, id: &str| {
        let form = [("token", token), ("client_id", id)];
        let url = format!("{}/oauth/revoke", hub.main);
        posted(&hub.http, url, &form)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(
        revoke(&refresh, &other.id).await,
        200,
        "it is not told whether there is one"
    );
    assert_eq!(revoke("nothing", &client.id).await, 200);
    assert_eq!(knock(&hub, &issues, &access).await, 200);
    assert_eq!(revoke(&refresh, &client.id).await, 200);
    assert_eq!(knock(&hub, &issues, &access).await, 401);
}

#[tokio::test]
async fn a_service_token_is_a_clients_secret_and_gives_less_than_itself() {
    let hub = Hub::with(settings()).await;
    hub.project("demo", &["ann"]).await;
    let (secret, id) = hub
        .token(&["demo"], &["ann"], &["issues:write", "hub:admin"])
        .await;
    let issues = hub.own["issues"].clone();
    let resource = format!("{issues}/mcp");
    let ask = async |id: &str, secret: &str, resource: &str, scope: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("resource", resource),
            ("scope", scope),
        ];
        exchange(&hub, &form).await
    };
    let (status, issued) = ask(&id, &secret, &resource, "issues:read").await;
    assert_eq!(status, 200, "{issued}");
    assert!(issued.get("refresh_token").is_none());
    let access = issued["access_token"].as_str().unwrap().to_owned();
    let mut session = Session::open(&hub.http, &issues, &access).await;
    let call = json!({"name": "list_issues", "arguments": {}});
    assert!(session.request("tools/call", call).await["result"]["structuredContent"].is_object());

    // The next one carries the session on.
    let (_, next) = ask(&id, &secret, &resource, "issues:read").await;
    let next = next["access_token"].as_str().unwrap().to_owned();
    session.token = next;
    assert!(session.request("tools/list", json!({})).await["result"].is_object());

    let whole = ask(&id, &secret, &hub.main, "").await.1;
    assert_eq!(
        whole["scope"], "issues:write",
        "administration is for service tokens: {whole}"
    );
    let whole = whole["access_token"].as_str().unwrap();
    assert_eq!(
        hub.request(whole, "GET", "/api/v1/issues", Value::Null)
            .await
            .0,
        200
    );
    assert_eq!(
        hub.request(whole, "GET", "/api/v1/tokens", Value::Null)
            .await
            .0,
        403
    );

    let (stranger, _) = hub.token(&["*"], &["*"], &["mcp:read"]).await;
    for (id, secret, resource, scope, error) in [
        (&*id, &*stranger, &*resource, "", "invalid_client"),
        (&id, "", &resource, "", "invalid_client"),
        (&id, &access, &resource, "", "invalid_client"),
        (&id, &secret, "", "", "invalid_target"),
        (&id, &secret, &resource, "git:read", "invalid_scope"),
    ] {
        let (status, refused) = ask(id, secret, resource, scope).await;
        assert_eq!(refused["error"], error, "{refused}");
        assert_eq!(status, if error == "invalid_client" { 401 } else { 400 });
    }
}
