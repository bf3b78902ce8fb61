//! Calls that run on as tasks, and asking the user before what cannot be undone.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Hub, Sse, Stateless, eventually, outcome};

fn workflow(script: &str) -> Value {
    let inline = format!("jobs:\n  a:\n    runs-on: x\n    steps:\n      - run: {script}\n");
    json!({"name": "run_workflow",
           "arguments": {"project_id": "default", "agent_id": "default", "inline": inline}})
}

fn tasks() -> Value {
    json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
}

struct Client(Stateless);

impl Client {
    fn of(hub: &Hub, server: &str, token: &str) -> Self {
        Self(Stateless {
            http: hub.http.clone(),
            url: format!("{}/mcp", hub.own[server]),
            token: token.into(),
        })
    }

    async fn ask(&self, method: &str, params: Value, able: Value) -> Value {
        let response = self
            .0
            .post_able(1, method, params, able)
            .send()
            .await
            .unwrap();
        crate::support::answer(response, 1).await
    }

    async fn task(&self, method: &str, id: &str) -> Value {
        self.ask(method, json!({"taskId": id}), tasks()).await
    }
}

#[tokio::test]
async fn a_workflow_runs_on_as_a_task_of_its_owner() {
    let hub = Hub::start().await;
    let client = Client::of(&hub, "cicd", &hub.admin);
    let started = client
        .ask("tools/call", workflow("sleep 1; echo done"), tasks())
        .await;
    assert_eq!(started["result"]["resultType"], "task", "{started}");
    let id = started["result"]["taskId"].as_str().unwrap().to_owned();
    let (other, _) = hub.token(&["*"], &["*"], &["mcp:admin"]).await;
    let theirs = Client::of(&hub, "cicd", &other);
    let refused = theirs.task("tasks/get", &id).await;
    let unknown = theirs.task("tasks/get", "no-such-task").await;
    assert_eq!(
        refused["error"]["code"], unknown["error"]["code"],
        "{refused}"
    );
    assert!(
        theirs
            .task("tasks/cancel", &id)
            .await
            .get("error")
            .is_some()
    );
    eventually("the end of the task", || async {
        client.task("tasks/get", &id).await["result"]["status"] == "completed"
    })
    .await;
    let ended = client.task("tasks/get", &id).await;
    let run = &ended["result"]["result"]["structuredContent"];
    assert_eq!(
        run["status"], "success",
        "a task waits for the end: {ended}"
    );
    // Without the capability the call answers at once.
    let plain = client.ask("tools/call", workflow("true"), json!({})).await;
    assert!(outcome(&plain).unwrap()["run_id"].is_string());
}

#[tokio::test]
async fn a_cancelled_task_cancels_its_run() {
    let hub = Hub::start().await;
    let client = Client::of(&hub, "cicd", &hub.admin);
    let started = client
        .ask("tools/call", workflow("sleep 60"), tasks())
        .await;
    let id = started["result"]["taskId"].as_str().unwrap().to_owned();
    let runs = async || {
        let (_, found) = hub
            .admin(
                "GET",
                "/api/v1/cicd/runs?project_id=default&agent_id=default",
                Value::Null,
            )
            .await;
        found["items"][0]["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    eventually("the run", || async { runs().await == "running" }).await;
    let done = client.task("tasks/cancel", &id).await;
    assert!(done.get("error").is_none(), "{done}");
    eventually("the task's end", || async {
        client.task("tasks/get", &id).await["result"]["status"] == "cancelled"
    })
    .await;
    eventually("the run's end", || async { runs().await == "cancelled" }).await;
    let entries = hub.audit("tool=run_workflow").await;
    assert_eq!(entries[0]["outcome"], "cancelled");
}

#[tokio::test]
async fn what_cannot_be_undone_is_confirmed_where_the_client_can_ask() {
    let hub = Hub::start().await;
    let client = Client::of(&hub, "knowledge_base", &hub.admin);
    let at = |tool: &str, mut args: Value| {
        args["project_id"] = "default".into();
        args["agent_id"] = "default".into();
        json!({"name": tool, "arguments": args})
    };
    let added = client
        .ask(
            "tools/call",
            at("add_document", json!({"source": {"text": "secret plans"}})),
            json!({}),
        )
        .await;
    let id = outcome(&added).unwrap()["document_id"].clone();
    let delete = at("delete_document", json!({"document_id": id}));
    let able = json!({"elicitation": {"form": {}}});
    let asked = client.ask("tools/call", delete.clone(), able.clone()).await;
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let question = &asked["result"]["inputRequests"]["confirm"];
    assert_eq!(question["method"], "elicitation/create");
    let answer = |action: &str, confirm: bool| {
        let mut again = delete.clone();
        again["inputResponses"] =
            json!({"confirm": {"action": action, "content": {"confirm": confirm}}});
        again
    };
    for (action, confirm) in [("decline", true), ("accept", false), ("cancel", false)] {
        let refused = client
            .ask("tools/call", answer(action, confirm), able.clone())
            .await;
        assert_eq!(outcome(&refused).unwrap_err().code, "cancelled", "{action}");
    }
    let done = client.ask("tools/call", answer("accept", true), able).await;
    assert_eq!(outcome(&done).unwrap()["documents"][0]["document_id"], id);
}

#[tokio::test]
async fn a_call_that_is_cancelled_while_it_waits_cancels_its_run() {
    let hub = Hub::start().await;
    let stream = Arc::new(Sse::open(&hub.http, &hub.own["cicd"], &hub.admin).await);
    let mut call = workflow("sleep 60");
    call["arguments"]["wait_ms"] = 45_000.into();
    let caller = Arc::clone(&stream);
    let waiting = tokio::spawn(async move { caller.request("tools/call", call).await });
    let status = async || {
        let path = "/api/v1/cicd/runs?project_id=default&agent_id=default";
        let (_, found) = hub.admin("GET", path, Value::Null).await;
        found["items"][0]["status"].clone()
    };
    eventually("the run", || async { status().await == "running" }).await;
    let cancel =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(stream.post(&hub.admin, cancel.to_string()).await, 202);
    eventually("the run's end", || async { status().await == "cancelled" }).await;
    let entries = hub.audit("tool=run_workflow").await;
    assert_eq!(entries[0]["outcome"], "cancelled");
    waiting.abort();
}
