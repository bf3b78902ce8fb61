use std::{fs, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{call, root};
use crate::support::Hub;

/// The arguments of the nth call.
type Args = fn(u64) -> Value;

/// Kills for each tool, unless the environment says otherwise.
const ROUNDS: u64 = 3;

/// Kills the hub in the midst of writes, again and again: a file is whole, and as new as the last answer said.
#[tokio::test]
async fn a_killed_hub_loses_no_answered_write_and_leaves_no_half_file() {
    let rounds: u64 = std::env::var("CRASH_CYCLES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(ROUNDS);
    let mut hub = Hub::start().await;
    let at = root(&hub).await;
    let tools: [(&str, Args); 3] = [
        (
            "write_file",
            |n| json!({"path": "written", "content": format!("{n}\n").repeat(2_000)}),
        ),
        ("edit_file", |n| {
            let edit =
                json!({"oldText": format!("at {}\n", n - 1), "newText": format!("at {n}\n")});
            json!({"path": "edited", "edits": [edit]})
        }),
        ("apply_patch", |n| {
            let hunk =
                |file: &str| format!("*** Update File: {file}\n@@\n-at {}\n+at {n}\n", n - 1);
            json!({"patch": format!("*** Begin Patch\n{}{}*** End Patch\n", hunk("one"), hunk("two"))})
        }),
    ];
    for (tool, args) in tools {
        let mut ever = 0;
        for round in 0..rounds {
            for name in ["edited", "one", "two"] {
                fs::write(at.join(name), "at 0\n").unwrap();
            }
            let running = Arc::new(hub);
            let writer = Arc::clone(&running);
            let writes = tokio::spawn(async move {
                let mut answered = 0;
                for n in 1..100_000 {
                    match call_or_dead(&writer, tool, args(n)).await {
                        Some(200) => answered = n,
                        Some(other) => panic!("{tool} answered {other}"),
                        None => return answered,
                    }
                }
                answered
            });
            tokio::time::sleep(Duration::from_millis(150 + 71 * round % 500)).await;
            let pid =
                rustix::process::Pid::from_raw(i32::try_from(running.pid()).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            let done = writes.await.unwrap();
            ever = ever.max(done);
            hub = Arc::into_inner(running).unwrap().again().await;
            check(&at, tool, done);
        }
        assert!(ever > 0, "{tool}: no write was answered before the kill");
    }
    let left = |name: &str| name.starts_with(".syndarix-tmp-");
    let names = fs::read_dir(&at)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<String> = names.filter(|name| left(name)).collect();
    for _ in 0..100 {
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        left.retain(|name| at.join(name).exists());
    }
    assert!(left.is_empty(), "the next hub clears them away: {left:?}");
}

/// The status; `None` when the hub died meanwhile.
async fn call_or_dead(hub: &Hub, tool: &str, mut args: Value) -> Option<u16> {
    args["project_id"] = "default".into();
    args["agent_id"] = "default".into();
    let url = format!("{}/api/v1/servers/file_system/tools/{tool}", hub.main);
    let sent = hub
        .http
        .post(url)
        .bearer_auth(&hub.admin)
        .json(&args)
        .send();
    let answer = sent.await.ok()?;
    let status = answer.status().as_u16();
    answer.bytes().await.ok()?;
    Some(status)
}

/// What is on the disk is whole, and the write that was answered last or the one after it.
fn check(at: &std::path::Path, tool: &str, answered: u64) {
    let number = |name: &str| -> u64 {
        let text = fs::read_to_string(at.join(name)).unwrap();
        let text = text.trim_start_matches("at ");
        text.trim()
            .parse()
            .unwrap_or_else(|_| panic!("{name} is torn: {text:?}"))
    };
    let fits = |name: &str, n: u64| {
        assert!(
            n == answered || n == answered + 1,
            "{name} is at {n}, answered was {answered}"
        );
    };
    match tool {
        "write_file" if answered > 0 => {
            let text = fs::read_to_string(at.join("written")).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 2_000);
            assert!(lines.iter().all(|line| *line == lines[0]), "torn");
            fits("written", lines[0].parse().unwrap());
        }
        "edit_file" => fits("edited", number("edited")),
        "apply_patch" => {
            fits("one", number("one"));
            fits("two", number("two"));
        }
        _ => {}
    }
}

#[tokio::test]
async fn leases_trash_and_snapshots_outlive_the_hub() {
    let hub = Hub::start().await;
    let at = root(&hub).await;
    fs::write(at.join("a"), "kept").unwrap();
    let (_, snapshot) = call(&hub, "create_snapshot", json!({})).await;
    let (_, lease) = call(&hub, "acquire_lease", json!({"path": "src"})).await;
    let (_, deleted) = call(&hub, "delete_file", json!({"path": "a"})).await;
    let hub = hub.again().await;
    let (_, places) = call(&hub, "list_allowed_directories", json!({})).await;
    assert_eq!(places["items"][0]["leases"], json!([lease]));
    let back = json!({"trash_id": deleted["trash_id"]});
    assert_eq!(call(&hub, "restore_file", back).await.0, 200);
    fs::write(at.join("a"), "changed").unwrap();
    let back = json!({"snapshot_id": snapshot["snapshot_id"]});
    assert_eq!(call(&hub, "restore_snapshot", back).await.0, 200);
    assert_eq!(fs::read_to_string(at.join("a")).unwrap(), "kept");
}
