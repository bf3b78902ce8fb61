//! One story, told over every face: an agent works an issue from its creation to a tested commit.

use serde_json::{Value, json};

use super::support::{Face, Faces, Hub, Rest, Session, Sse, Stateless};

const WORKFLOW: &str = "name: CI\non: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - name: Test\n        run: |\n          grep -q 'def greet' app.py\n          echo \"all $((1 + 1)) tests passed\"\n";

/// Calls a tool for `ann`, and expects success.
async fn ann(face: &dyn Face, server: &str, tool: &str, args: Value) -> Value {
    call(face, "ann", server, tool, args).await
}

async fn call(face: &dyn Face, agent: &str, server: &str, tool: &str, mut args: Value) -> Value {
    args["project_id"] = "demo".into();
    args["agent_id"] = agent.into();
    match face.call(server, tool, args.clone()).await {
        Ok(value) => value,
        Err(refusal) => panic!("{} {tool} {args}: {refusal:?}", face.name()),
    }
}

async fn tell(hub: &Hub, face: &dyn Face) {
    let issue = ann(
        face,
        "issues",
        "create_issue",
        json!({"title": "Greet people", "labels": ["feature"]}),
    )
    .await;
    let number = issue["number"]
        .as_i64()
        .unwrap_or_else(|| panic!("no number in {issue}"));
    let claim = ann(face, "issues", "claim_issue", json!({"number": number})).await;
    assert!(claim["claim_token"].is_string(), "{claim}");

    ann(face, "git", "git_init", json!({})).await;
    let write = json!({"path": "app.py", "content": "def hello():\n    return 'hello'\n"});
    ann(face, "file_system", "write_file", write).await;
    let edit =
        json!({"path": "app.py", "edits": [{"oldText": "def hello()", "newText": "def greet()"}]});
    ann(face, "file_system", "edit_file", edit).await;
    let workflow =
        json!({"path": ".github/workflows/ci.yml", "content": WORKFLOW, "create_parents": true});
    ann(face, "file_system", "write_file", workflow).await;
    let text = ann(
        face,
        "file_system",
        "read_text_file",
        json!({"path": "app.py"}),
    )
    .await;
    assert!(text.to_string().contains("def greet()"), "{text}");

    ann(
        face,
        "git",
        "git_add",
        json!({"paths": ["app.py", ".github/workflows/ci.yml"]}),
    )
    .await;
    let commit = ann(
        face,
        "git",
        "git_commit",
        json!({"message": format!("Greet people (#{number})")}),
    )
    .await;
    let oid = commit["commit"]
        .as_str()
        .unwrap_or_else(|| panic!("{commit}"))
        .to_owned();
    let log = ann(face, "git", "git_log", json!({})).await;
    assert!(log.to_string().contains(&oid), "{log}");

    let run = ann(
        face,
        "cicd",
        "run_workflow",
        json!({"workflow": "ci.yml", "wait_ms": 30_000}),
    )
    .await;
    let run_id = run["run_id"]
        .as_str()
        .unwrap_or_else(|| panic!("{run}"))
        .to_owned();
    let run = ann(face, "cicd", "get_workflow_run", json!({"run_id": run_id})).await;
    assert!(run.to_string().contains("success"), "{run}");
    let logs = ann(
        face,
        "cicd",
        "get_job_logs",
        json!({"run_id": run_id, "job": "test"}),
    )
    .await;
    assert!(logs.to_string().contains("all 2 tests passed"), "{logs}");

    let text = json!({"source": {"text": "# Greeting\n\nThe greeter answers politely to every visitor."}, "title": "Greeting"});
    let document = ann(face, "knowledge_base", "add_document", text).await;
    let found = ann(
        face,
        "knowledge_base",
        "search_knowledge",
        json!({"query": "polite greeter"}),
    )
    .await;
    assert_eq!(
        found["hits"][0]["document_id"], document["document_id"],
        "{found}"
    );

    let messages = json!([{"role": "user", "content": "Say greetings"}]);
    let answer = ann(
        face,
        "llm_gateway",
        "chat",
        json!({"model": "mock/echo", "messages": messages}),
    )
    .await;
    assert!(
        answer.to_string().contains("Say greetings") && answer["simulated"] == true,
        "{answer}"
    );

    let outline = ann(face, "code_analysis", "outline", json!({"path": "app.py"})).await;
    assert!(outline.to_string().contains("greet"), "{outline}");

    every_call_is_audited(hub).await;
    a_second_agent_sees_its_own_worktree(face).await;
}

async fn every_call_is_audited(hub: &Hub) {
    let expected = [
        ("issues", "create_issue"),
        ("issues", "claim_issue"),
        ("git", "git_init"),
        ("file_system", "write_file"),
        ("file_system", "edit_file"),
        ("file_system", "read_text_file"),
        ("git", "git_add"),
        ("git", "git_commit"),
        ("git", "git_log"),
        ("cicd", "run_workflow"),
        ("cicd", "get_workflow_run"),
        ("cicd", "get_job_logs"),
        ("knowledge_base", "add_document"),
        ("knowledge_base", "search_knowledge"),
        ("llm_gateway", "chat"),
        ("code_analysis", "outline"),
    ];
    let entries = hub.audit("project_id=demo&agent_id=ann").await;
    for (server, tool) in expected {
        let entry = entries
            .iter()
            .find(|e| e["server"] == server && e["tool"] == tool && e["origin"] != "module");
        let entry = entry.unwrap_or_else(|| panic!("{tool} is not in the audit log"));
        assert_eq!(entry["outcome"], "ok", "{entry}");
        assert!(
            entry["duration_us"].as_i64().unwrap() > 0
                && !entry["principal_id"].as_str().unwrap().is_empty()
        );
    }
    // The workflow's tree was checked out by git, in-process, for the same caller.
    let run = entries
        .iter()
        .find(|e| e["tool"] == "run_workflow")
        .unwrap();
    let export = entries
        .iter()
        .find(|e| e["tool"] == "git_export_tree")
        .unwrap();
    assert_eq!(
        (&export["parent_id"], &export["origin"]),
        (&run["id"], &json!("module"))
    );
    assert_eq!(export["principal_id"], run["principal_id"]);
}

async fn a_second_agent_sees_its_own_worktree(face: &dyn Face) {
    let secret = json!({"path": "draft.txt", "content": "not committed"});
    ann(face, "file_system", "write_file", secret).await;
    let status = call(face, "bea", "git", "git_status", json!({})).await;
    assert!(!status.to_string().contains("draft.txt"), "{status}");
    let list = call(
        face,
        "bea",
        "file_system",
        "list_directory",
        json!({"path": "."}),
    )
    .await;
    assert!(!list.to_string().contains("draft.txt"), "{list}");
    let mut read = json!({"path": "draft.txt", "project_id": "demo", "agent_id": "bea"});
    let refusal = face
        .call("file_system", "read_text_file", read.clone())
        .await
        .unwrap_err();
    assert_eq!(refusal.code, "not_found");
    read["agent_id"] = "ann".into();
    assert!(
        face.call("file_system", "read_text_file", read)
            .await
            .is_ok()
    );
}

async fn hub() -> (Hub, String) {
    let hub = Hub::start().await;
    hub.project("demo", &["ann", "bea"]).await;
    let (token, _) = hub.token(&["demo"], &["ann", "bea"], &["mcp:write"]).await;
    (hub, token)
}

#[tokio::test]
async fn over_rest() {
    let (hub, token) = hub().await;
    tell(
        &hub,
        &Rest {
            http: hub.http.clone(),
            main: hub.main.clone(),
            token,
        },
    )
    .await;
}

#[tokio::test]
async fn over_streamable_http() {
    let (hub, token) = hub().await;
    tell(&hub, &Faces::<Session>::of(&hub, &token)).await;
}

#[tokio::test]
async fn over_streamable_http_without_sessions() {
    let (hub, token) = hub().await;
    tell(&hub, &Faces::<Stateless>::of(&hub, &token)).await;
}

#[tokio::test]
async fn over_sse() {
    let (hub, token) = hub().await;
    tell(&hub, &Faces::<Sse>::of(&hub, &token)).await;
}
