//! Generated for every registered tool: a token that may not call it is refused on every face, and is not shown it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{Face, Faces, Hub, Rest, Session, Sse};

/// A token of demo/ann for everything, but for its tools.
async fn filtered(hub: &Hub, allow: &[&str], deny: &[&str]) -> String {
    let wanted = json!({"name": "filtered", "projects": ["demo"], "agents": ["ann"], "scopes": ["mcp:admin"],
        "tools_allow": allow, "tools_deny": deny});
    let (status, made) = hub.admin("POST", "/api/v1/tokens", wanted).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (&made["tools_allow"], &made["tools_deny"]),
        (&json!(allow), &json!(deny))
    );
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_tool_that_a_token_may_not_call() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let none = filtered(&hub, &[], &["*"]).await;
    let faces: [Box<dyn Face>; 3] = [
        Box::new(Rest {
            http: hub.http.clone(),
            main: hub.main.clone(),
            token: none.clone(),
        }),
        Box::new(Faces::<Session>::of(&hub, &none)),
        Box::new(Faces::<Sse>::of(&hub, &none)),
    ];
    for (server, tool) in hub.tools().await {
        for face in &faces {
            let refusal = face.call(&server, &tool, json!({})).await.unwrap_err();
            assert_eq!(refusal.code, "forbidden", "{} {tool}", face.name());
            let may_not = format!("may not call {tool}");
            assert!(refusal.message.contains(&may_not), "{refusal:?}");
        }
        let refused = hub.audit(&format!("tool={tool}&outcome=refused")).await;
        assert_eq!(refused.len(), faces.len(), "{tool}");
    }
}

#[tokio::test]
async fn a_token_is_shown_the_tools_that_it_may_call() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let token = filtered(&hub, &["*_issue", "git_*"], &["git_checkout", "claim_*"]).await;
    let mut shown = BTreeSet::new();
    let mut by_rest = BTreeSet::new();
    for (server, base) in &hub.own {
        let session = Session::open(&hub.http, base, &token).await;
        let list = session.request("tools/list", json!({})).await;
        let name = |tool: &Value| tool["name"].as_str().unwrap().to_owned();
        shown.extend(list["result"]["tools"].as_array().unwrap().iter().map(name));
        let path = format!("/api/v1/servers/{server}/tools");
        let (_, list) = hub.request(&token, "GET", &path, Value::Null).await;
        by_rest.extend(list["items"].as_array().unwrap().iter().map(name));
    }
    assert_eq!(shown, by_rest);
    let may = |tool: &str| shown.contains(tool);
    assert!(may("create_issue") && may("git_log"), "{shown:?}");
    assert!(
        !may("list_issues") && !may("git_checkout") && !may("claim_issue"),
        "{shown:?}"
    );
    let args = json!({"title": "Allowed"});
    let made = hub.request(&token, "POST", "/api/v1/issues", args).await;
    assert_eq!(made.0, 200, "{}", made.1);
    // A friendly route leads to the same refusal.
    let list = hub
        .request(&token, "GET", "/api/v1/issues", Value::Null)
        .await;
    assert_eq!((list.0, list.1["code"].as_str()), (403, Some("forbidden")));
}

#[tokio::test]
async fn resources_follow_the_tools_that_they_stand_on() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let token = filtered(&hub, &["*_issue"], &[]).await;
    let session = Session::open(&hub.http, &hub.own["issues"], &token).await;
    let read = async |path: &str| {
        let uri = format!("project://demo/{path}");
        session
            .request("resources/read", json!({ "uri": uri }))
            .await
    };
    let args = json!({"name": "create_issue", "arguments": {"title": "Seen"}});
    session.request("tools/call", args).await;
    assert!(read("issues/1").await.to_string().contains("Seen"));
    let list = read("issues").await;
    assert!(list["error"].is_object(), "list_issues is left out: {list}");
    let templates = async |session: &Session| {
        let listed = session.request("resources/templates/list", json!({})).await;
        listed["result"]["resourceTemplates"].to_string()
    };
    let (one, all) = ("/issues/{number}", "/issues{?");
    let shown = templates(&session).await;
    assert!(shown.contains(one) && !shown.contains(all), "{shown}");
    let admin = Session::open(&hub.http, &hub.own["issues"], &hub.admin).await;
    assert!(templates(&admin).await.contains(all));
    // Every token may read what it may do.
    let config = read("config").await.to_string();
    assert!(
        config.contains("create_issue") && !config.contains("list_issues"),
        "{config}"
    );
}

#[tokio::test]
async fn a_filter_that_names_no_tool_is_refused() {
    let hub = Hub::start().await;
    for list in ["tools_allow", "tools_deny"] {
        let mut wanted =
            json!({"name": "typo", "projects": ["*"], "agents": ["*"], "scopes": ["mcp:read"]});
        wanted[list] = json!(["git_*", "git_lgo"]);
        let (status, problem) = hub.admin("POST", "/api/v1/tokens", wanted).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{list}"));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("did you mean \"git_log\""), "{detail}");
    }
}
