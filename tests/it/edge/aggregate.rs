//! All servers at one endpoint, narrowed by its URL, and the light mode.

use serde_json::{Value, json};

use crate::support::{Hub, Session, Settings, Sse, outcome};

fn url(hub: &Hub, query: &str) -> (String, String) {
    (format!("{}/mcp{query}", hub.main), hub.admin.clone())
}

async fn open(hub: &Hub, query: &str) -> Session {
    let (url, token) = url(hub, query);
    Session::open_url(&hub.http, url, &token).await
}

async fn names(session: &Session) -> Vec<String> {
    let listed = session.request("tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|t| t["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_main_port_serves_all_servers_at_once() {
    let hub = Hub::start().await;
    let mut all: Vec<String> = hub
        .tools()
        .await
        .into_iter()
        .map(|(_, tool)| tool)
        .collect();
    all.sort();
    let session = open(&hub, "").await;
    let mut listed = names(&session).await;
    listed.sort();
    assert_eq!(listed, all);
    let stream = Sse::open(&hub.http, &hub.main, &hub.admin).await;
    let args = json!({"project_id": "default", "agent_id": "default", "title": "x"});
    let call = json!({"name": "create_issue", "arguments": args});
    assert_eq!(
        outcome(&stream.request("tools/call", call).await).unwrap()["number"],
        1
    );
}

#[tokio::test]
async fn the_url_narrows_what_is_there() {
    let hub = Hub::start().await;
    let two = open(&hub, "?servers=git,issues").await;
    let listed = names(&two).await;
    assert!(listed.contains(&"git_status".into()) && listed.contains(&"list_issues".into()));
    assert!(!listed.contains(&"chat".into()));
    let reading = open(&hub, "?tools=read_only").await;
    let listed = names(&reading).await;
    assert!(listed.contains(&"git_status".into()) && !listed.contains(&"git_commit".into()));
    let args = json!({"project_id": "default", "agent_id": "default", "title": "x"});
    let call = json!({"name": "create_issue", "arguments": args});
    let refused = reading.request("tools/call", call.clone()).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    let pinned = open(&hub, "?servers=issues&project_id=default&agent_id=default").await;
    let listed = pinned.request("tools/list", json!({})).await;
    assert!(!listed.to_string().contains("project_id"), "{listed}");
    let read = json!({"uri": "project://default/git/status"});
    let refused = pinned.request("resources/read", read).await;
    assert_eq!(refused["error"]["code"], -32002, "{refused}");
    let (wrong, token) = url(&hub, "?servers=gti");
    let answer = hub
        .http
        .post(wrong)
        .bearer_auth(token)
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.unwrap().contains("code_analysis"));
    // The same on a stream, whose messages go to a path without the query.
    let base = format!("{}/sse?tools=read_only", hub.main);
    let stream = Sse::open_url(&hub.http, &base, &hub.admin).await;
    let refused = stream.request("tools/call", call).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
}

#[tokio::test]
async fn the_light_mode_finds_describes_and_calls() {
    let hub = Hub::with(Settings::default().extra("\n[mcp]\nlight = true\n")).await;
    let session = open(&hub, "").await;
    assert_eq!(
        names(&session).await,
        ["search_tools", "describe_tool", "call_tool"]
    );
    let size = session
        .request("tools/list", json!({}))
        .await
        .to_string()
        .len();
    assert!(size < 6_000, "{size}");
    let call = async |tool: &str, args: Value| {
        let params = json!({"name": tool, "arguments": args});
        outcome(&session.request("tools/call", params).await)
    };
    for (query, first) in [
        ("commit changes", "git_commit"),
        ("create an issue", "create_issue"),
        ("run a workflow", "run_workflow"),
        ("read a file", "read_text_file"),
        ("search the knowledge base", "search_knowledge"),
        ("which models are there", "list_models"),
        ("find a symbol in the code", "find_symbol"),
    ] {
        let found = call("search_tools", json!({"query": query, "limit": 3}))
            .await
            .unwrap();
        let items = found["items"].as_array().unwrap();
        assert!(
            items.iter().any(|i| i["name"] == first),
            "{query}: {items:?}"
        );
    }
    let found = call(
        "search_tools",
        json!({"query": "*", "server": "git", "limit": 50}),
    )
    .await
    .unwrap();
    assert!(
        found["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|i| i["server"] == "git")
    );
    let described = call("describe_tool", json!({"name": "create_issue"}))
        .await
        .unwrap();
    assert!(described["input_schema"]["properties"]["title"].is_object());
    let args = json!({"project_id": "default", "agent_id": "default", "title": "x"});
    let made = call(
        "call_tool",
        json!({"name": "create_issue", "arguments": args}),
    )
    .await
    .unwrap();
    assert_eq!(made["number"], 1);
    let entries = hub.audit("tool=create_issue").await;
    assert_eq!(entries.len(), 1, "the tool itself is on the record");
    let refused = call("call_tool", json!({"name": "create_isue"}))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "not_found");
    assert!(refused.message.contains("search_tools"));
    let refused = call("search_tools", json!({"query": "x", "lmit": 1}))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "invalid_argument");
    let full = open(&hub, "?mode=full").await;
    assert!(names(&full).await.len() > 30);
}
