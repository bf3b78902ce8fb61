//! What becomes of runs whose hub dies or stops.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use syndarix::servers::cicd::engine::process_tree;

use crate::support::Hub;

const ESCAPING: &str = "jobs:\n  a:\n    runs-on: x\n    steps:\n      - run: |\n          setsid sleep 2001 &\n          (setsid sleep 2002 >/dev/null 2>&1 &)\n          echo out; sleep 2003\n";

/// Live processes of a run.
fn processes(run: &str) -> usize {
    let all = process_tree::all().unwrap();
    let ours = |pid: i32| {
        fs::read(Path::new("/proc").join(pid.to_string()).join("environ"))
            .is_ok_and(|env| String::from_utf8_lossy(&env).contains(run))
    };
    all.iter().filter(|process| ours(process.pid)).count()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {what}");
}

async fn start(hub: &Hub) -> String {
    let args = json!({"project_id": "default", "agent_id": "default", "inline": ESCAPING});
    let (status, run) = hub.admin("POST", "/api/v1/cicd/runs", args).await;
    assert_eq!(status, 200, "{run}");
    let id = run["run_id"].as_str().unwrap().to_owned();
    until("four processes", || processes(&id) >= 4).await;
    id
}

async fn read(hub: &Hub, run: &str) -> Value {
    let path = format!("/api/v1/cicd/runs/{run}?project_id=default&agent_id=default");
    hub.admin("GET", &path, Value::Null).await.1
}

#[tokio::test]
async fn a_killed_hub_leaves_no_process_and_its_run_is_interrupted() {
    let mut hub = Hub::start().await;
    let run = start(&hub).await;
    hub.kill();
    until("dead", || processes(&run) == 0).await;
    let hub = hub.again().await;
    let seen = read(&hub, &run).await;
    assert_eq!(seen["status"], "interrupted", "{seen}");
    assert_eq!(
        seen["jobs"][0]["steps"][0]["status"], "interrupted",
        "{seen}"
    );
}

#[tokio::test]
async fn a_stopped_hub_ends_its_runs_first() {
    let mut hub = Hub::start().await;
    let run = start(&hub).await;
    let (took, well) = hub.terminate().await;
    assert!(well && took < Duration::from_secs(10), "{took:?}");
    assert_eq!(processes(&run), 0);
    let hub = hub.again().await;
    assert_eq!(read(&hub, &run).await["status"], "interrupted");
}

#[tokio::test]
async fn runs_wait_for_their_turn_and_can_be_cancelled_while_they_wait() {
    let hub = Hub::start().await;
    let (first, second) = (start(&hub).await, start(&hub).await);
    let args =
        json!({"project_id": "default", "agent_id": "default", "inline": ESCAPING, "wait_ms": 200});
    let (_, third) = hub.admin("POST", "/api/v1/cicd/runs", args).await;
    assert_eq!(third["status"], "queued", "two run at a time: {third}");
    let scope = json!({"project_id": "default", "agent_id": "default"});
    for id in [third["run_id"].as_str().unwrap(), &first, &second] {
        let path = format!("/api/v1/cicd/runs/{id}/cancel");
        let (status, run) = hub.admin("POST", &path, scope.clone()).await;
        assert_eq!(
            (status, &run["status"]),
            (200, &json!("cancelled")),
            "{run}"
        );
        assert_eq!(processes(id), 0);
    }
}
