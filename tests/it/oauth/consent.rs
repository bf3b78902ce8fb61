//! The page, clients, and what whoever agrees gives away.

use serde_json::{Value, json};

use super::client::{Client, REDIRECT, challenge, redirected, settings};
use crate::support::Hub;

#[tokio::test]
async fn what_a_client_gets_is_never_more_than_the_person_has() {
    let hub = Hub::with(settings()).await;
    hub.project("demo", &["ann", "bea"]).await;
    hub.project("other", &["ann"]).await;
    let client = Client::new(&hub, &format!("{}/mcp", hub.own["issues"])).await;
    let (reader, _) = hub
        .token(&["demo"], &["ann", "bea"], &["issues:read"])
        .await;
    let (status, issued) = client.redeem(&client.code(&reader).await).await;
    assert_eq!(
        (status, &issued["scope"]),
        (200, &json!("issues:read")),
        "{issued}"
    );

    let allow = async |token: &str, fields: &[(&str, &str)]| {
        let page = client.page().await;
        let fields = [&[("token", token)], fields].concat();
        let response = client.answer(&page, &fields, None).await;
        if response.status() == 303 {
            let code = redirected(&response)["code"].clone();
            return Ok(client.redeem(&code).await.1);
        }
        assert_eq!(response.status(), 400);
        Err(response.text().await.unwrap())
    };
    let (foreign, _) = hub.token(&["*"], &["*"], &["git:admin", "hub:admin"]).await;
    let refused = allow(&foreign, &[]).await.unwrap_err();
    assert!(refused.contains("none of the scopes"), "{refused}");
    assert!(!refused.contains(&foreign), "the token is not shown again");
    let refused = allow(&reader, &[("project", "other")]).await.unwrap_err();
    assert!(refused.contains("does not cover that project"), "{refused}");
    for bad in ["", "syx_wrong", "<script>"] {
        let refused = allow(bad, &[]).await.unwrap_err();
        assert!(refused.contains("no service token that works"), "{refused}");
    }

    // What the client did not ask for cannot be slipped into the form.
    let (writer, _) = hub.token(&["*"], &["*"], &["mcp:admin", "hub:admin"]).await;
    let more = allow(
        &writer,
        &[("scope", "issues:read"), ("scope", "issues:admin")],
    )
    .await;
    assert_eq!(more.unwrap()["scope"], "issues:read");
    let one = allow(&writer, &[("project", "demo"), ("agent", "ann")])
        .await
        .unwrap();
    let session = crate::support::Session::open(
        &hub.http,
        &hub.own["issues"],
        one["access_token"].as_str().unwrap(),
    )
    .await;
    let call = async |arguments: Value| {
        let call = json!({"name": "list_issues", "arguments": arguments});
        session.request("tools/call", call).await
    };
    assert!(
        call(json!({})).await["result"]["structuredContent"].is_object(),
        "bound to one"
    );
    let other = call(json!({"project_id": "other", "agent_id": "ann"})).await;
    assert_eq!(other["result"]["isError"], true, "{other}");
}

#[tokio::test]
async fn only_the_page_itself_in_the_browser_that_shows_it_can_say_yes() {
    let hub = Hub::with(settings()).await;
    let (person, _) = hub.token(&["*"], &["*"], &["mcp:write"]).await;
    let client = Client::new(&hub, &format!("{}/mcp", hub.own["issues"])).await;
    let answer = async |change: &dyn Fn(&mut super::client::Page), origin: Option<&str>| {
        let mut page = client.page().await;
        change(&mut page);
        let response = client.answer(&page, &[("token", &person)], origin).await;
        response.status().as_u16()
    };
    let other = client.page().await;
    assert_eq!(answer(&|_| {}, Some(&hub.main)).await, 303);
    assert_eq!(answer(&|page| page.cookie.clear(), None).await, 403);
    assert_eq!(
        answer(&|page| page.cookie.clone_from(&other.cookie), None).await,
        403
    );
    assert_eq!(answer(&|page| page.ticket.push('A'), None).await, 403);
    let foreign = [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost:6274",
    ];
    for origin in foreign {
        assert_eq!(answer(&|_| {}, Some(origin)).await, 403, "{origin}");
    }
    let page = client.page().await;
    let denied = client.answer(&page, &[("answer", "deny")], None).await;
    let sent = redirected(&denied);
    assert_eq!(
        (&*sent["error"], &*sent["state"], &sent["iss"]),
        ("access_denied", "xyz", &hub.main)
    );
}

#[tokio::test]
async fn a_question_that_is_not_in_order_gets_no_page() {
    let hub = Hub::with(settings()).await;
    let client = Client::new(&hub, &format!("{}/mcp", hub.own["issues"])).await;
    // As long as it is not known whose URL it is, nobody is sent there.
    for (name, value) in [
        ("client_id", "cli_nobody"),
        ("client_id", "https://127.0.0.1:1/client.json"),
        ("redirect_uri", "http://127.0.0.1:7777/elsewhere"),
        ("redirect_uri", "https://evil.example/callback"),
    ] {
        let mut question = client.question();
        question.insert(name, value.to_owned());
        let response = client.ask(&question).await;
        assert_eq!(response.status(), 400, "{name} {value}");
        assert!(response.headers().get("location").is_none());
        assert!(response.text().await.unwrap().contains("This cannot go on"));
    }
    let plain = challenge("x");
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("resource", "", "invalid_target"),
        (
            "resource",
            "https://elsewhere.example/mcp",
            "invalid_target",
        ),
        ("scope", "openid profile", "invalid_scope"),
        ("scope", "hub:admin", "invalid_scope"),
        ("scope", "git:read", "invalid_scope"),
    ] {
        let mut question = client.question();
        question.insert("code_challenge", plain.clone());
        question.insert(name, value.to_owned());
        let sent = redirected(&client.ask(&question).await);
        assert_eq!(sent["error"], error, "{name} {value}");
        assert_eq!((&*sent["state"], &sent["iss"]), ("xyz", &hub.main));
    }
    // The port where a client listens on its own machine may change.
    let mut question = client.question();
    question.insert("redirect_uri", REDIRECT.replace("7777", "8888"));
    assert_eq!(client.ask(&question).await.status(), 200);
}

#[tokio::test]
async fn clients_register_for_their_own_machine_and_not_without_end() {
    let settings =
        settings().extra("max_clients = 4\nredirect_uris = [\"cursor://app/callback\"]\n");
    let hub = Hub::with(settings).await;
    let client = Client::new(&hub, "").await;
    let register = async |uris: Value| {
        let wanted = json!({"redirect_uris": uris, "token_endpoint_auth_method": "client_secret_post", "x": 1});
        client.register(wanted).await
    };
    for bad in [
        json!(["https://evil.example/cb"]),
        json!([REDIRECT, "javascript:alert(1)"]),
        json!(["http://127.0.0.1:1/#x"]),
        json!([]),
        json!(vec![REDIRECT; 11]),
    ] {
        let (status, refused) = register(bad.clone()).await;
        assert_eq!(
            (status, &refused["error"]),
            (400, &json!("invalid_redirect_uri")),
            "{bad}"
        );
    }
    let (status, made) = register(json!(["cursor://app/callback"])).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["token_endpoint_auth_method"], "none");
    assert!(made.get("client_secret").is_none());
    register(json!([REDIRECT])).await;
    assert_eq!(register(json!([REDIRECT])).await.0, 201);
    let (status, full) = register(json!([REDIRECT])).await;
    assert_eq!(
        (status, &full["error"]),
        (503, &json!("temporarily_unavailable")),
        "{full}"
    );
}

#[tokio::test]
async fn registrations_are_counted_by_the_minute() {
    let hub = Hub::with(settings().extra("registrations_per_minute = 2\n")).await;
    let client = Client::new(&hub, "").await;
    let wanted = json!({"redirect_uris": [REDIRECT]});
    assert_eq!(client.register(wanted.clone()).await.0, 201);
    let (status, refused) = client.register(wanted).await;
    assert_eq!(status, 503, "{refused}");
    assert!(
        refused["error_description"]
            .as_str()
            .unwrap()
            .contains("last minute")
    );
}
