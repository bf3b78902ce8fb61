//! Two hubs on one PostgreSQL. Where the environment names no server, this shows nothing.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Hub, Settings, database};

async fn call(hub: &Hub, agent: &str, tool: &str, mut args: Value) -> (u16, Value) {
    args["project_id"] = "demo".into();
    args["agent_id"] = agent.into();
    let path = format!("/api/v1/servers/issues/tools/{tool}");
    hub.request(&hub.admin, "POST", &path, args).await
}

/// The numbers that `agent` claims on `hub` until nothing is left.
async fn claims(hub: &Hub, agent: &str) -> Vec<i64> {
    let mut numbers = Vec::new();
    loop {
        let (status, answer) = call(hub, agent, "claim_issue", json!({})).await;
        match status {
            200 => {
                assert_eq!(answer["epoch"], 1, "{answer}");
                numbers.push(answer["issue"]["number"].as_i64().unwrap());
            }
            404 => return numbers,
            // Somebody was faster, each time that it was tried.
            409 => {}
            other => panic!("{other}: {answer}"),
        }
    }
}

#[tokio::test]
async fn what_agents_of_two_hubs_claim_at_once_each_issue_is_claimed_once() {
    const ISSUES: i64 = 60;
    const AGENTS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let Some(url) = database("syndarix_claims").await else {
        return;
    };
    let settings = Settings::default().extra(&format!("[database]\nurl = \"{url}\"\n"));
    let one = Hub::with(settings).await;
    let other = one.beside().await;
    one.project("demo", &AGENTS).await;
    for n in 0..ISSUES {
        let (status, _) = call(&one, "a", "create_issue", json!({"title": format!("{n}")})).await;
        assert_eq!(status, 200);
    }
    let hubs = [&one, &other];
    let claimers = AGENTS.iter().enumerate();
    let claimed = join_all(claimers.map(|(n, agent)| claims(hubs[n % 2], agent))).await;
    let shares: Vec<usize> = claimed.iter().map(Vec::len).collect();
    let mut numbers: Vec<i64> = claimed.into_iter().flatten().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=ISSUES).collect::<Vec<_>>(), "{shares:?}");
}
