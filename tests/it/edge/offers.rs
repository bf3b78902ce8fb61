//! Resources, prompts and completion: what every server offers beside its tools.

use serde_json::{Value, json};

use crate::support::{Hub, Session, Stateless};

fn call(tool: &str, args: Value) -> Value {
    let mut args = args;
    args["project_id"] = "default".into();
    args["agent_id"] = "default".into();
    json!({"name": tool, "arguments": args})
}

async fn session(hub: &Hub, server: &str) -> Session {
    Session::open(&hub.http, &hub.own[server], &hub.admin).await
}

async fn read(session: &Session, uri: &str) -> Value {
    session.request("resources/read", json!({"uri": uri})).await
}

fn text(answer: &Value) -> String {
    let text = &answer["result"]["contents"][0]["text"];
    text.as_str().unwrap_or_else(|| panic!("{answer}")).into()
}

#[tokio::test]
async fn every_server_lists_resources_and_can_read_each() {
    let hub = Hub::start().await;
    let git = session(&hub, "git").await;
    git.request("tools/call", call("git_init", json!({}))).await;
    let uri = "project://default/git/log";
    assert_eq!(read(&git, uri).await["error"]["code"], -32002, "no commit");
    let first = json!({"message": "start", "allow_empty": true});
    git.request("tools/call", call("git_commit", first)).await;
    for (server, base) in &hub.own {
        let session = Session::open(&hub.http, base, &hub.admin).await;
        let listed = session.request("resources/list", json!({})).await;
        let items = listed["result"]["resources"].as_array().unwrap().clone();
        assert_eq!(items[0]["uri"], "project://default/config", "{server}");
        assert!(items.len() > 1, "{server}: {items:?}");
        for item in items {
            let uri = item["uri"].as_str().unwrap();
            let body = text(&read(&session, uri).await);
            if item["mimeType"] == "application/json" {
                assert!(serde_json::from_str::<Value>(&body).is_ok(), "{uri}");
            }
            assert!(item["title"].is_string() && item["description"].is_string());
        }
        let templates = session.request("resources/templates/list", json!({})).await;
        let templates = templates["result"]["resourceTemplates"].as_array().unwrap();
        assert!(!templates.is_empty(), "{server}");
        for template in templates {
            let uri = template["uriTemplate"].as_str().unwrap();
            assert!(uri.starts_with("project://{project_id}/"), "{uri}");
        }
    }
}

#[tokio::test]
async fn a_resource_is_read_with_its_own_text() {
    let hub = Hub::start().await;
    let files = session(&hub, "file_system").await;
    let wanted = "# Hello\n\nA line with ünïcode.\n";
    let args = json!({"path": "docs/a b.md", "content": wanted, "create_parents": true});
    files.request("tools/call", call("write_file", args)).await;
    let uri = "project://default/files/docs/a%20b.md";
    let answer = read(&files, uri).await;
    assert_eq!(text(&answer), wanted);
    let content = &answer["result"]["contents"][0];
    assert_eq!(content["mimeType"], "text/markdown");
    assert_eq!(content["uri"], uri);
    assert!(content["_meta"]["syndarix/details"]["etag"].is_string());

    let config = text(&read(&files, "project://default/config").await);
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["project_id"], "default");
    assert_eq!(config["agents"], json!(["default"]));
    assert_eq!(config["servers"].as_array().unwrap().len(), 7);
    assert!(
        hub.audit("tool=read_project_config").await.len() == 1,
        "reading is on the record"
    );
}

#[tokio::test]
async fn what_is_not_there_and_what_is_anothers_answer_alike() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann", "bea"]).await;
    hub.project("other", &["eve"]).await;
    let (ours, _) = hub.token(&["demo"], &["ann", "bea"], &["mcp:write"]).await;
    let base = &hub.own["issues"];
    let session = Session::open(&hub.http, base, &ours).await;
    let code = |answer: &Value| answer["error"]["code"].as_i64();
    let said = |answer: &Value, project: &str| {
        let text = answer["error"].to_string();
        text.replace(project, "X")
    };
    let there = read(&session, "project://other/issues").await;
    let nowhere = read(&session, "project://nowhere/issues").await;
    assert_eq!(code(&there), Some(-32002), "{there}");
    assert_eq!(said(&there, "other"), said(&nowhere, "nowhere"));
    for uri in [
        "project://demo/issues/99",
        "project://demo/nothing",
        "project://demo/files/x",
        "file:///etc/passwd",
        "",
    ] {
        assert_eq!(code(&read(&session, uri).await), Some(-32002), "{uri}");
    }
    let wrong = read(&session, "project://demo/issues/many").await;
    assert_eq!(code(&wrong), Some(-32602), "{wrong}");
    let unknown = read(&session, "project://demo/issues?colour=red").await;
    assert_eq!(code(&unknown), Some(-32602), "{unknown}");
    assert_eq!(
        text(&read(&session, "project://demo/issues").await),
        "{\"items\":[]}"
    );
    // Each of the two agents has files of its own: the URI must say whose.
    let files = Session::open(&hub.http, &hub.own["file_system"], &ours).await;
    let whose = read(&files, "project://demo/files").await;
    assert!(
        whose["error"]["message"]
            .as_str()
            .unwrap()
            .contains("agent_id")
    );
    text(&read(&files, "project://demo/files?agent_id=bea").await);
    assert_eq!(
        code(&read(&files, "project://demo/files?agent_id=eve").await),
        Some(-32002)
    );
    let modern = Stateless {
        http: hub.http.clone(),
        url: format!("{base}/mcp"),
        token: ours.clone(),
    };
    let missing = json!({"uri": "project://demo/issues/99"});
    let answer = modern.request("resources/read", missing).await;
    assert_eq!(code(&answer), Some(-32602), "2026-07-28 says it so");
    assert_eq!(answer["error"]["data"]["uri"], "project://demo/issues/99");
}

#[tokio::test]
async fn lists_are_hinted_for_caches_and_narrowed_to_the_token() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let (reader, _) = hub.token(&["demo"], &["ann"], &["issues:read"]).await;
    let modern = |server: &str| Stateless {
        http: hub.http.clone(),
        url: format!("{}/mcp", hub.own[server]),
        token: reader.clone(),
    };
    let issues = modern("issues");
    for (method, key) in [
        ("tools/list", "tools"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("prompts/list", "prompts"),
    ] {
        let result = issues.request(method, json!({})).await["result"].clone();
        assert!(!result[key].as_array().unwrap().is_empty(), "{method}");
        assert_eq!(result["cacheScope"], "private", "{method}");
        assert!(result["ttlMs"].as_u64().unwrap() > 0, "{method}");
        let other = modern("git").request(method, json!({})).await["result"].clone();
        assert_eq!(other[key], json!([]), "{method} shows what is not readable");
        let lost = issues.request(method, json!({"cursor": "x"})).await;
        assert_eq!(lost["error"]["code"], -32602, "{method}");
    }
    let listed = issues.request("resources/list", json!({})).await;
    let uris: Vec<&str> = listed["result"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["uri"].as_str().unwrap())
        .collect();
    assert_eq!(uris, ["project://demo/config", "project://demo/issues"]);
    let prompts = issues.request("prompts/list", json!({})).await;
    let arguments = prompts["result"]["prompts"][0]["arguments"].clone();
    assert_eq!(
        arguments.as_array().unwrap().len(),
        1,
        "a bound token need not name project and agent: {arguments}"
    );
}

#[tokio::test]
async fn a_prompt_brings_its_resources_along() {
    let hub = Hub::start().await;
    let issues = session(&hub, "issues").await;
    let args = json!({"title": "Login fails", "body": "since {yesterday}"});
    issues
        .request("tools/call", call("create_issue", args))
        .await;
    let get = async |arguments: Value| {
        issues
            .request(
                "prompts/get",
                json!({"name": "triage_issue", "arguments": arguments}),
            )
            .await
    };
    let answer = get(json!({"project_id": "default", "number": "1"})).await;
    let messages = answer["result"]["messages"].as_array().unwrap();
    let said = messages[0]["content"]["text"].as_str().unwrap();
    assert!(said.contains("#1"), "{said}");
    let attached = &messages[1]["content"]["resource"];
    assert_eq!(attached["uri"], "project://default/issues/1");
    assert!(attached["text"].as_str().unwrap().contains("Login fails"));
    for (arguments, names) in [
        (json!({"project_id": "default"}), "number"),
        (json!({"number": "1"}), "project_id"),
        (json!({"project_id": "default", "number": "77"}), "77"),
        (
            json!({"project_id": "default", "number": "1", "numbr": "1"}),
            "numbr",
        ),
    ] {
        let answer = get(arguments).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(names));
    }
    let none = json!({"name": "no_such_prompt"});
    let answer = issues.request("prompts/get", none).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[tokio::test]
async fn every_prompt_renders() {
    let hub = Hub::start().await;
    let all = Session::open(&hub.http, &hub.main, &hub.admin).await;
    for (tool, args) in [
        ("git_init", json!({})),
        ("create_issue", json!({"title": "t"})),
        (
            "write_file",
            json!({"path": "a.rs", "content": "fn a() {}\n"}),
        ),
        ("git_add", json!({"paths": ["."]})),
        ("git_commit", json!({"message": "a"})),
        (
            "run_workflow",
            json!({"inline": "jobs:\n  a:\n    runs-on: x\n    steps:\n      - run: exit 3\n", "wait_ms": 20000}),
        ),
    ] {
        let answer = all.request("tools/call", call(tool, args)).await;
        assert_eq!(answer["result"]["isError"], false, "{tool}: {answer}");
    }
    let runs = text(&read(&all, "project://default/runs").await);
    let runs: Value = serde_json::from_str(&runs).unwrap();
    let run_id = runs["items"][0]["run_id"].as_str().unwrap().to_owned();
    let prompts = all.request("prompts/list", json!({})).await;
    let prompts = prompts["result"]["prompts"].as_array().unwrap().clone();
    assert!(prompts.len() >= 7, "{prompts:?}");
    for prompt in prompts {
        let mut given = json!({});
        for argument in prompt["arguments"].as_array().unwrap() {
            let name = argument["name"].as_str().unwrap();
            given[name] = match name {
                "project_id" | "agent_id" => json!("default"),
                "number" => json!("1"),
                "run_id" => json!(run_id),
                "path" => json!("a.rs"),
                "base" => json!("main"),
                "model" => json!("mock/echo"),
                "question" => json!("what & why?/"),
                other => panic!("a new argument: {other}"),
            };
        }
        let params = json!({"name": prompt["name"], "arguments": given});
        let answer = all.request("prompts/get", params).await;
        let messages = answer["result"]["messages"].as_array();
        let messages = messages.unwrap_or_else(|| panic!("{}: {answer}", prompt["name"]));
        assert!(messages.len() > 1, "{}", prompt["name"]);
    }
}

#[tokio::test]
async fn arguments_are_completed_from_what_there_is() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann", "bea"]).await;
    hub.project("other", &["eve"]).await;
    let (ours, _) = hub.token(&["demo"], &["*"], &["mcp:write"]).await;
    let all = Session::open(&hub.http, &hub.main, &ours).await;
    let at = |tool: &str, mut args: Value| {
        args["project_id"] = "demo".into();
        args["agent_id"] = "ann".into();
        json!({"name": tool, "arguments": args})
    };
    for (tool, args) in [
        ("git_init", json!({})),
        (
            "create_issue",
            json!({"title": "t", "labels": ["bug", "build"]}),
        ),
        (
            "write_file",
            json!({"path": "src/main.rs", "content": "fn main() {}\n", "create_parents": true}),
        ),
        ("git_add", json!({"paths": ["."]})),
        ("git_commit", json!({"message": "a"})),
    ] {
        let answer = all.request("tools/call", at(tool, args)).await;
        assert_eq!(answer["result"]["isError"], false, "{tool}: {answer}");
    }
    let resource = |uri: &str| json!({"type": "ref/resource", "uri": uri});
    let prompt = |name: &str| json!({"type": "ref/prompt", "name": name});
    let complete = async |reference: Value, name: &str, typed: &str| {
        let params = json!({"ref": reference, "argument": {"name": name, "value": typed},
                            "context": {"arguments": {"project_id": "demo", "agent_id": "ann"}}});
        let answer = all.request("completion/complete", params).await;
        answer["result"]["completion"]["values"].clone()
    };
    let issue = || resource("project://{project_id}/issues/{number}");
    let file = || resource("project://{project_id}/files/{+path}{?repo,offset,limit,agent_id}");
    let issues = || resource("project://{project_id}/issues{?state,labels,assignee,text,cursor}");
    for (reference, name, typed, expected) in [
        (issue(), "project_id", "", json!(["demo"])),
        (issue(), "project_id", "o", json!([])),
        (file(), "agent_id", "b", json!(["bea"])),
        (issue(), "number", "", json!(["1"])),
        (prompt("triage_issue"), "number", "2", json!([])),
        (issues(), "labels", "b", json!(["bug", "build"])),
        (file(), "path", "s", json!(["src"])),
        (file(), "path", "src/m", json!(["src/main.rs"])),
        (file(), "path", "no/such/", json!([])),
        (prompt("review_changes"), "base", "ma", json!(["main"])),
        (
            prompt("second_opinion"),
            "model",
            "mock/e",
            json!(["mock/echo", "mock/embed"]),
        ),
    ] {
        let mut values = complete(reference.clone(), name, typed).await;
        values
            .as_array_mut()
            .unwrap_or_else(|| panic!("{reference} {name}"))
            .sort_by_key(Value::to_string);
        assert_eq!(values, expected, "{reference} {name} {typed}");
    }
    let params = json!({"ref": prompt("nothing"), "argument": {"name": "x", "value": ""}});
    let answer = all.request("completion/complete", params).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}
