//! Starting and stopping, as a user sees it.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::support::{Face, Faces, Hub, Session, Settings, Sse, eventually};

#[tokio::test]
async fn the_banner_says_where_everything_is_and_the_token_works() {
    let hub = Hub::start().await;
    assert_eq!(hub.own.len(), 7, "{}", hub.banner);
    assert!(
        hub.banner.contains(&hub.admin),
        "the token is shown at the first start"
    );
    assert_eq!(
        hub.admin("GET", "/readyz", Value::Null).await,
        (200, json!({"status": "ok"}))
    );
    let (_, servers) = hub.admin("GET", "/api/v1/servers", Value::Null).await;
    assert_eq!(servers["items"].as_array().unwrap().len(), 7);
    let issue = json!({"project_id": "default", "agent_id": "default", "title": "Works at once"});
    let (status, made) = hub.admin("POST", "/api/v1/issues", issue).await;
    assert_eq!(status, 200, "{made}");
    let hub = hub.again().await;
    assert!(!hub.banner.contains(&hub.admin), "and not again");
    let (status, found) = hub
        .admin(
            "GET",
            "/api/v1/issues/1?project_id=default&agent_id=default",
            Value::Null,
        )
        .await;
    assert!(
        status == 200 && found.to_string().contains("Works at once"),
        "{found}"
    );
}

#[tokio::test]
async fn a_disabled_server_is_gone_from_every_face() {
    let hub = Hub::with(Settings::default().server("git", "enabled = false")).await;
    assert!(!hub.own.contains_key("git") && hub.own.len() == 6);
    let gone = [
        ("GET", "/git/sse"),
        ("POST", "/git/mcp"),
        ("GET", "/api/v1/git/status"),
        ("GET", "/api/v1/servers/git/tools"),
    ];
    for (method, path) in gone {
        assert_eq!(hub.admin(method, path, Value::Null).await.0, 404, "{path}");
    }
    let args = json!({"project_id": "default", "agent_id": "default"});
    let (status, problem) = hub
        .admin("POST", "/api/v1/servers/git/tools/git_status", args.clone())
        .await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (404, Some("unknown_tool"))
    );
    let openapi = hub.admin("GET", "/openapi.json", Value::Null).await.1;
    let mut paths = openapi["paths"].as_object().unwrap().keys();
    assert!(!paths.any(|path| path.ends_with("/git_status")));
    // What needs it says so.
    let mut run = args;
    run["workflow"] = "ci.yml".into();
    let (status, problem) = hub.admin("POST", "/api/v1/cicd/runs", run).await;
    assert_eq!(status, 503, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("[servers.git]")
    );
}

#[tokio::test]
async fn sigterm_lets_a_running_call_end_and_closes_streams() {
    let mut hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let (token, _) = hub.token(&["demo"], &["ann"], &["mcp:write"]).await;
    let idle = Sse::open(&hub.http, &hub.own["issues"], &token).await;
    let face = Faces::<Session>::of(&hub, &token);
    face.call("llm_gateway", "list_models", json!({}))
        .await
        .unwrap();
    let slow = tokio::spawn(async move {
        let messages = json!([{"role": "user", "content": "mock:ttft=900 last words"}]);
        face.call(
            "llm_gateway",
            "chat",
            json!({"model": "mock/echo", "messages": messages}),
        )
        .await
    });
    eventually("the call to run", || async {
        hub.audit("tool=chat&outcome=started").await.len() == 1
    })
    .await;
    let (took, well) = hub.terminate().await;
    assert!(well && took < Duration::from_secs(5), "{took:?}");
    assert!(
        slow.await
            .unwrap()
            .unwrap()
            .to_string()
            .contains("last words")
    );
    drop(idle);
}

#[test]
fn a_hub_whose_log_nobody_can_read_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.toml"), Settings::default().text()).unwrap();
    #[allow(
        clippy::disallowed_methods,
        reason = "tests run the program as its user does"
    )]
    let mut hub = Command::new(env!("CARGO_BIN_EXE_syndarix"))
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(hub.stderr.take());
    let mut lines = BufReader::new(hub.stdout.take().unwrap()).lines();
    lines
        .find(|line| line.as_ref().unwrap().contains("syndarix call"))
        .unwrap()
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(hub.id()).unwrap()).unwrap();
    // Each has the hub log a line.
    kill_process(pid, Signal::HUP).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(hub.try_wait().unwrap().is_none(), "it ended");
    kill_process(pid, Signal::TERM).unwrap();
    assert!(hub.wait().unwrap().success());
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let mut hub = Hub::start().await;
    let args = |n: usize| json!({"project_id": "default", "agent_id": "default", "title": format!("Issue {n}")});
    for n in 1..=20 {
        assert_eq!(hub.admin("POST", "/api/v1/issues", args(n)).await.0, 200);
    }
    hub.kill();
    let hub = hub.again().await;
    for n in 1..=20 {
        let path = format!("/api/v1/issues/{n}?project_id=default&agent_id=default");
        let (status, issue) = hub.admin("GET", &path, Value::Null).await;
        assert!(
            status == 200 && issue.to_string().contains(&format!("Issue {n}")),
            "{n}: {issue}"
        );
    }
}

#[tokio::test]
async fn a_call_whose_caller_went_away_is_audited_as_aborted() {
    let hub = Hub::start().await;
    let messages = json!([{"role": "user", "content": "mock:ttft=5000 too late"}]);
    let chat = json!({"project_id": "default", "agent_id": "default", "model": "mock/echo", "messages": messages});
    let request = hub
        .http
        .post(format!("{}/api/v1/llm/chat", hub.main))
        .bearer_auth(&hub.admin)
        .json(&chat);
    assert!(
        request
            .timeout(Duration::from_millis(300))
            .send()
            .await
            .unwrap_err()
            .is_timeout()
    );
    eventually("the aborted call in the audit log", || async {
        hub.audit("tool=chat")
            .await
            .iter()
            .any(|e| e["outcome"] == "aborted" || e["outcome"] == "cancelled")
    })
    .await;
}
