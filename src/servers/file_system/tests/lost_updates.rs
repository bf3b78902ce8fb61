use futures::future::join_all;
use serde_json::{Value, json};

use crate::servers::file_system::tools::testing::{ok, root, team};
use crate::test::Team;
use crate::tool::Code;

/// Reads the file, then changes it if nobody else did meanwhile, until that works. Says how often it did not.
async fn insist(team: &Team, change: impl Fn(&str, &Value) -> (&'static str, Value)) -> usize {
    for tries in 0..1_000 {
        let read = ok(team, "read_text_file", json!({"path": "list"})).await;
        let (tool, args) = change(read["content"].as_str().unwrap(), &read["etag"]);
        match team.call_json(tool, args).await {
            Ok(_) => return tries,
            Err(error) => {
                assert_eq!(error.code, Code::PreconditionFailed, "{}", error.message);
                let now = error.details.unwrap()["etag"].clone();
                assert_ne!(now, read["etag"], "the conflict names another version");
            }
        }
    }
    panic!("never got through");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_writers_with_if_match_lose_nothing() {
    let team = team().await;
    ok(
        &team,
        "write_file",
        json!({"path": "list", "content": "start\n"}),
    )
    .await;
    let writers = (0..16).map(|n| {
        let team = team.clone();
        async move {
            let line = format!("writer {n}\n");
            insist(&team, |content, etag| {
                let whole = format!("{content}{line}");
                match n % 3 {
                    0 => ("write_file", json!({"path": "list", "content": whole, "if_match": etag})),
                    1 => {
                        let edit = json!({"oldText": "start\n", "newText": format!("start\n{line}")});
                        ("edit_file", json!({"path": "list", "edits": [edit], "if_match": etag}))
                    }
                    _ => {
                        let patch = format!("*** Begin Patch\n*** Update File: list\n@@\n start\n+writer {n}\n*** End Patch\n");
                        ("apply_patch", json!({"patch": patch, "if_match": {"list": etag}}))
                    }
                }
            })
            .await
        }
    });
    let lost_races: usize = join_all(writers).await.into_iter().sum();
    assert!(lost_races > 0, "nobody raced: the test shows nothing");
    let text = std::fs::read_to_string(root(&team).join("list")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let mut expected: Vec<String> = (0..16).map(|n| format!("writer {n}")).collect();
    expected.push("start".into());
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_who_create_move_or_delete_one_file_one_does() {
    let team = team().await;
    let at = root(&team);
    let wins = |tool: &'static str, args: fn(usize) -> Value| {
        let team = team.clone();
        async move {
            let calls = (0..16).map(|n| team.call_json(tool, args(n)));
            join_all(calls)
                .await
                .iter()
                .filter(|done| done.is_ok())
                .count()
        }
    };
    assert_eq!(
        wins(
            "write_file",
            |n| json!({"path": "a", "content": n.to_string(), "mode": "create"})
        )
        .await,
        1
    );
    assert_eq!(
        wins(
            "move_file",
            |n| json!({"source": "a", "destination": format!("b{n}")})
        )
        .await,
        1
    );
    let name = std::fs::read_dir(&at)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .file_name();
    std::fs::rename(at.join(name), at.join("c")).unwrap();
    assert_eq!(
        wins("copy_file", |_| json!({"source": "c", "destination": "d"})).await,
        1
    );
    assert_eq!(wins("delete_file", |_| json!({"path": "c"})).await, 1);
    assert_eq!(std::fs::read_dir(&at).unwrap().count(), 1);
}
