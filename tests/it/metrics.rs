//! `/metrics`: all that the documentation names is there, and nothing that would grow with what users make.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::Hub;

async fn metrics(hub: &Hub) -> String {
    let answer = hub
        .http
        .get(format!("{}/metrics", hub.main))
        .bearer_auth(&hub.admin)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// The names of all series.
fn names(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split(['{', ' ']).next().unwrap())
        .collect()
}

#[tokio::test]
async fn everything_documented_is_measured_and_explained() {
    let hub = Hub::start().await;
    hub.project("secret-project", &["secret-agent"]).await;
    let scope = json!({"project_id": "secret-project", "agent_id": "secret-agent"});
    for n in 0..3 {
        let mut issue = scope.clone();
        issue["title"] = format!("secret-title {n}").into();
        assert_eq!(hub.admin("POST", "/api/v1/issues", issue).await.0, 200);
    }
    hub.admin("GET", "/secret-path", Value::Null).await;
    let before = metrics(&hub).await;
    let docs = include_str!("../../docs/operations.md");
    let documented = docs
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|word| word.split('{').next().unwrap())
        .filter(|word| word.starts_with("syndarix_") || word.starts_with("process_"));
    let there = names(&before);
    let mut count = 0;
    for name in documented {
        let histogram = format!("{name}_bucket");
        assert!(
            there.contains(name) || there.contains(&*histogram),
            "{name}: {before}"
        );
        assert!(
            before.contains(&format!("# HELP {name} ")),
            "{name} is not explained"
        );
        count += 1;
    }
    assert!(count > 20, "{count}");
    assert!(!before.contains("secret"), "{before}");
    // What users do makes numbers grow, and not the list.
    for n in 0..20 {
        let mut issue = scope.clone();
        issue["title"] = format!("more {n}").into();
        assert_eq!(hub.admin("POST", "/api/v1/issues", issue).await.0, 200);
        hub.admin("GET", &format!("/path/{n}"), Value::Null).await;
    }
    assert_eq!(names(&metrics(&hub).await), there);
    let value = |name: &str| {
        let line = before
            .lines()
            .find(|l| l.starts_with(&format!("{name} ")))
            .unwrap();
        line.split(' ').nth(1).unwrap().parse::<f64>().unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") > 5.0 && value("process_max_fds") > 100.0);
    assert!(value("process_start_time_seconds") > 1.7e9);
}
