//! What callers may ask for: tokens, agents and tools, in calls, at the same time, in bytes; and what they are told of it.

use serde_json::{Value, json};

use crate::support::{Hub, Settings, database};

/// A hub with these limits, and a token for all of its agents.
async fn limited(limits: &str) -> (Hub, String) {
    let hub = Hub::with(Settings::default().extra(limits)).await;
    hub.project("demo", &["ann", "bea"]).await;
    let (token, _) = hub.token(&["demo"], &["*"], &["mcp:write"]).await;
    (hub, token)
}

/// The answer to a call by REST.
async fn call(hub: &Hub, token: &str, agent: &str, tool: &str, args: Value) -> reqwest::Response {
    hub.http
        .post(format!("{}/api/v1/servers/issues/tools/{tool}", hub.main))
        .bearer_auth(token)
        .header("x-project-id", "demo")
        .header("x-agent-id", agent)
        .json(&args)
        .send()
        .await
        .unwrap()
}

fn header(response: &reqwest::Response, name: &str) -> Option<String> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_token_is_told_how_its_calls_stand_and_when_to_come_back() {
    let (hub, token) =
        limited("[limits]\ncalls_per_minute = 2\nadmin_requests_per_minute = 600\n").await;
    let first = call(&hub, &token, "ann", "list_issues", json!({})).await;
    assert_eq!(first.status(), 200);
    assert_eq!(
        header(&first, "ratelimit-policy").unwrap(),
        "\"calls\";q=2;w=60"
    );
    assert_eq!(header(&first, "ratelimit").unwrap(), "\"calls\";r=0;t=30");
    let second = call(&hub, &token, "ann", "list_issues", json!({})).await;
    assert_eq!(second.status(), 429);
    let wait: u64 = header(&second, "retry-after").unwrap().parse().unwrap();
    assert!((28..=30).contains(&wait), "{wait}");
    let problem: Value = second.json().await.unwrap();
    assert_eq!(problem["code"], "rate_limited");

    // Administration has a limit of its own.
    let mut last = (0, Value::Null);
    for _ in 0..60 {
        last = hub.admin("GET", "/api/v1/agents", Value::Null).await;
        if last.0 != 200 {
            break;
        }
    }
    assert_eq!((last.0, &last.1["code"]), (429, &json!("rate_limited")));
}

#[tokio::test]
async fn rules_count_agents_and_tools_apart() {
    let rule = "[[limits.rules]]\nagent = \"*\"\ntools = [\"create_*\"]\ncalls_per_minute = 1\n";
    let (hub, token) = limited(rule).await;
    let create = async |agent: &str| {
        let made = call(&hub, &token, agent, "create_issue", json!({"title": "x"})).await;
        made.status().as_u16()
    };
    assert_eq!([create("ann").await, create("ann").await], [200, 429]);
    assert_eq!(create("bea").await, 200, "each agent on its own");
    for _ in 0..3 {
        let list = call(&hub, &token, "ann", "list_issues", json!({})).await;
        assert_eq!(list.status(), 200, "other tools are not counted");
        assert_eq!(header(&list, "ratelimit"), None);
    }
}

#[tokio::test]
async fn bytes_that_were_moved_hold_up_the_next_call() {
    let (hub, token) = limited("[limits]\nbytes_per_minute = 10000\n").await;
    let body = "x".repeat(30_000);
    let large = call(
        &hub,
        &token,
        "ann",
        "create_issue",
        json!({"title": "x", "body": body}),
    )
    .await;
    assert_eq!(large.status(), 200);
    let next = call(&hub, &token, "ann", "list_issues", json!({})).await;
    assert_eq!(next.status(), 429);
    let wait: u64 = header(&next, "retry-after").unwrap().parse().unwrap();
    assert!((60..=200).contains(&wait), "{wait}");
}

#[tokio::test]
async fn two_hubs_on_one_postgresql_share_a_rate() {
    let Some(url) = database("syndarix_limits").await else {
        return;
    };
    let limits = format!("[limits]\ncalls_per_minute = 120\n[database]\nurl = \"{url}\"\n");
    let (one, token) = limited(&limits).await;
    let other = one.beside().await;
    let mut statuses = Vec::new();
    for n in 0..20 {
        let hub = if n % 2 == 0 { &one } else { &other };
        let done = call(hub, &token, "ann", "list_issues", json!({})).await;
        statuses.push(done.status().as_u16());
    }
    // Two at once, and two more for each second that the test took.
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert!((2..=6).contains(&passed), "{statuses:?}");
}
