//! What brings in the work of others.

use serde_json::json;

use super::*;

/// Ann and Bea, both with a part; Bea has `path` with `theirs`, Ann with `ours`.
async fn apart(path: &str, theirs: &str, ours: &str) -> (Team, Team) {
    let ann = part().await;
    let bea = ann.at("demo", "bea");
    clean(&bea, &[]).await;
    write(&bea, "src/web/page", "bea\n");
    write(&bea, "docs/added", "bea\n");
    save(&bea, path, theirs).await;
    save(&ann, path, ours).await;
    for team in [&ann, &bea] {
        ok(
            team,
            "git_checkout",
            json!({"target": "main", "force": true}),
        )
        .await;
        let own = format!("agent/{}/work", team.scope.agent);
        ok(team, "git_checkout", json!({"target": own})).await;
        clean(team, &[]).await;
    }
    (ann, bea)
}

#[tokio::test]
async fn merges_bring_nothing_but_conflicts() {
    let (ann, _bea) = apart("src/app/lib", "bea\n", "ann\n").await;
    let before = committed(&open(&ann));
    let merge = json!({"revision": "agent/bea/work"});
    let stopped = ok(&ann, "git_merge", merge.clone()).await;
    assert_eq!(stopped["conflicts"][0]["path"], "src/app/lib");
    assert!(!is_there(&ann, "docs/added") && !is_there(&ann, "src/web/page"));
    ok(&ann, "git_merge", json!({"action": "abort"})).await;
    clean(&ann, &[]).await;
    assert_eq!(open(&ann).index().unwrap().len(), before.len());
    ok(&ann, "git_merge", merge).await;
    let resolve = json!({"path": "src/app/lib", "side": "theirs"});
    ok(&ann, "git_resolve_conflict", resolve).await;
    ok(&ann, "git_merge", json!({"action": "continue"})).await;
    clean(&ann, &[]).await;
    let after = committed(&open(&ann));
    assert_eq!(after.len(), before.len() + 1);
    assert!(after.contains_key("docs/added") && after["src/web/page"] != before["src/web/page"]);
}

#[tokio::test]
async fn a_conflict_outside_is_brought_in_and_goes_again() {
    let (ann, bea) = apart("docs/index", "bea\n", "ann\n").await;
    let theirs = open(&bea).head().unwrap().target().unwrap().to_string();
    let ours = open(&ann).head().unwrap().target().unwrap().to_string();
    for (tool, start) in [
        ("git_merge", json!({"revision": theirs})),
        ("git_rebase", json!({"onto": theirs})),
        ("git_cherry_pick", json!({"revisions": [theirs]})),
    ] {
        let stopped = ok(&ann, tool, start.clone()).await;
        assert_eq!(stopped["conflicts"][0]["path"], "docs/index", "{tool}");
        assert!(text(&ann, "docs/index").contains("<<<<<<<"));
        ok(&ann, tool, json!({"action": "abort"})).await;
        clean(&ann, &[]).await;
        ok(&ann, tool, start).await;
        let resolve = json!({"path": "docs/index", "content": "both\n"});
        ok(&ann, "git_resolve_conflict", resolve).await;
        assert_eq!(text(&ann, "docs/index"), "both\n");
        ok(&ann, tool, json!({"action": "continue"})).await;
        clean(&ann, &[]).await;
        let read = ok(&ann, "git_read_file", json!({"path": "docs/index"})).await;
        assert!(read.to_string().contains("both"), "{read}");
        let reverted = ok(&ann, "git_reset", json!({"revision": ours, "mode": "hard"})).await;
        assert_eq!(reverted["head"], ours);
        clean(&ann, &[]).await;
    }
    ok(&ann, "git_revert", json!({"revisions": ["HEAD"]})).await;
    clean(&ann, &[]).await;
    ok(&ann, "git_merge", json!({"revision": theirs})).await;
    clean(&ann, &[]).await;
}
