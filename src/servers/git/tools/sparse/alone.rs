//! What an agent does alone.

use serde_json::{Value, json};

use super::*;
use crate::servers::git::tools::testing::refused;
use crate::tool::Code;

#[tokio::test]
async fn a_worktree_holds_what_git_would_hold() {
    let team = part().await;
    let Ok(git) = Program::find("git") else {
        return;
    };
    for named in [
        &["src/app"][..],
        &["docs", "src/web/style"],
        &["src/app/deep", "src/app", "nowhere"],
        &["docs/guide", "docs/guide/start"],
    ] {
        hold(&team, named);
        let repository = open(&team);
        let patterns = std::fs::read(git_dir(&team).join("info/sparse-checkout")).unwrap();
        let theirs = git
            .command(Place::bare(&repository), "sparse-checkout")
            .flag("check-rules")
            .flag("--cone")
            .option("--rules-file=", git_dir(&team).join("named"))
            .input(FILES.join("\n").into_bytes());
        std::fs::write(git_dir(&team).join("named"), named.join("\n")).unwrap();
        let theirs = theirs.output(&|| false).unwrap();
        let cone = Cone::read(&repository).unwrap().unwrap();
        let ours = FILES.iter().filter(|path| cone.holds(path.as_bytes()));
        let ours: String = ours.map(|path| format!("{path}\n")).collect();
        assert_eq!(ours, String::from_utf8(theirs).unwrap(), "{named:?}");
        // What is read back is what was written.
        cone.write(&repository).unwrap();
        let again = std::fs::read(git_dir(&team).join("info/sparse-checkout")).unwrap();
        assert_eq!(again, patterns);
    }
}

#[tokio::test]
async fn what_is_staged_and_committed_keeps_the_rest() {
    let team = part().await;
    let before = committed(&open(&team));
    write(&team, "src/app/lib", "changed\n");
    write(&team, "docs/index", "by ann\n");
    write(&team, "docs/new", "new\n");
    let added = ok(&team, "git_add", json!({"paths": ["."]})).await;
    assert_eq!(
        added["staged"],
        json!(["docs/index", "docs/new", "src/app/lib"])
    );
    let left = refused(&team, "git_add", json!({"paths": ["src/web/page"]})).await;
    assert_eq!(left.code, Code::Conflict);
    assert_eq!(
        refused(&team, "git_add", json!({"paths": ["src/web"]}))
            .await
            .code,
        Code::Conflict
    );
    ok(&team, "git_commit", json!({"message": "x"})).await;
    let after = committed(&open(&team));
    assert_eq!(after.len(), before.len() + 1);
    for path in FILES {
        let same = !["src/app/lib", "docs/index"].contains(&path);
        assert_eq!(before[path] == after[path], same, "{path}");
    }
    // What is there stays until HEAD moves elsewhere; a file that is missing was never deleted.
    clean(&team, &["docs/index"]).await;
    std::fs::remove_file(root(&team).join("docs/index")).unwrap();
    clean(&team, &[]).await;
    assert_eq!(
        ok(&team, "git_add", json!({"paths": ["."]})).await["count"],
        0
    );
    // Of the held ones it was.
    std::fs::remove_file(root(&team).join("src/app/lib")).unwrap();
    ok(&team, "git_add", json!({"paths": ["."]})).await;
    assert_eq!(staged(&team).await, ["src/app/lib"]);
}

#[tokio::test]
async fn files_come_when_they_are_named_and_go_when_head_moves() {
    let team = part().await;
    let first = open(&team).head().unwrap().target().unwrap().to_string();
    let restored = ok(&team, "git_restore", json!({"paths": ["."]})).await;
    assert_eq!(restored["count"], 0);
    let restored = ok(&team, "git_restore", json!({"paths": ["src"]})).await;
    assert_eq!(restored["count"], 0);
    let restored = ok(
        &team,
        "git_restore",
        json!({"paths": ["src/web", "docs/index"]}),
    )
    .await;
    assert_eq!(
        restored["restored"],
        json!(["docs/index", "src/web/page", "src/web/style/base"])
    );
    clean(&team, &["docs/index", "src/web/page", "src/web/style/base"]).await;
    write(&team, "src/web/page", "changed\n");
    save(&team, "docs/index", "2\n").await;
    clean(&team, &["docs/index", "src/web/page", "src/web/style/base"]).await;
    // Those that are as they were go, with what became of them in HEAD's place.
    write(&team, "docs/index", "3\n");
    let taken = refused(&team, "git_checkout", json!({"target": first})).await;
    assert_eq!(taken.details.unwrap()["paths"], json!(["docs/index"]));
    ok(&team, "git_restore", json!({"paths": ["docs/index"]})).await;
    ok(&team, "git_checkout", json!({"target": first})).await;
    clean(&team, &[]).await;
    ok(&team, "git_checkout", json!({"target": "agent/ann/work"})).await;
    clean(&team, &[]).await;
    let old = json!({"paths": ["docs"], "source": first});
    let restored = ok(&team, "git_restore", old).await;
    assert_eq!(
        restored["restored"],
        json!(["docs/guide/start", "docs/index"])
    );
    assert_eq!(text(&team, "docs/index"), "docs/index\n");
    assert_eq!(changes(&team).await.len(), 1);
    let both = json!({"paths": ["."], "source": first, "staged": true, "worktree": true});
    ok(&team, "git_restore", both).await;
    assert_eq!(staged(&team).await, ["docs/index", "src/web/page"]);
    assert!(!is_there(&team, "src/web/page"));
}

#[tokio::test]
async fn checkouts_keep_what_somebody_wrote() {
    let team = part().await;
    ok(&team, "git_create_branch", json!({"name": "other"})).await;
    write(&team, "docs/new", "other\n");
    save(&team, "docs/index", "other\n").await;
    let other = open(&team).head().unwrap().target().unwrap().to_string();
    ok(&team, "git_checkout", json!({"target": "main"})).await;
    clean(&team, &[]).await;
    assert!(!is_there(&team, "docs/new"));
    // Neither a file in the way nor one that is not is touched.
    write(&team, "docs/new", "mine\n");
    let way = refused(&team, "git_checkout", json!({"target": other})).await;
    assert_eq!(way.details.unwrap()["paths"], json!(["docs/new"]));
    std::fs::rename(root(&team).join("docs/new"), root(&team).join("docs/mine")).unwrap();
    write(&team, "src/web/page", "mine\n");
    ok(&team, "git_checkout", json!({"target": other})).await;
    assert_eq!(
        (text(&team, "docs/mine"), text(&team, "src/web/page")),
        ("mine\n".to_owned(), "mine\n".to_owned())
    );
    assert!(!is_there(&team, "docs/index"));
    assert_eq!(changes(&team).await.len(), 2);
    ok(
        &team,
        "git_checkout",
        json!({"target": "main", "force": true}),
    )
    .await;
    assert_eq!(text(&team, "docs/mine"), "mine\n");
    assert!(!is_there(&team, "src/web/page"));
    assert_eq!(changes(&team).await.len(), 1);
}

#[tokio::test]
async fn every_reset_leaves_the_rest_out() {
    let team = part().await;
    let first = open(&team).head().unwrap().target().unwrap().to_string();
    write(&team, "docs/new", "new\n");
    write(&team, "src/app/lib", "2\n");
    let second = save(&team, "docs/index", "2\n").await;
    ok(&team, "git_checkout", json!({"target": second})).await;
    ok(&team, "git_checkout", json!({"target": "agent/ann/work"})).await;
    clean(&team, &[]).await;
    let soft = json!({"revision": first, "mode": "soft"});
    ok(&team, "git_reset", soft).await;
    assert_eq!(
        staged(&team).await,
        ["docs/index", "docs/new", "src/app/lib"]
    );
    // What is staged where no file is would be lost.
    ok(
        &team,
        "git_reset",
        json!({"revision": second, "mode": "soft"}),
    )
    .await;
    ok(&team, "git_reset", json!({"revision": first})).await;
    let changed: Vec<String> = changes(&team).await.into_iter().map(|c| c.0).collect();
    assert_eq!(changed, ["docs/index", "docs/new", "src/app/lib"]);
    assert_eq!(text(&team, "docs/index"), "2\n");
    std::fs::remove_file(root(&team).join("docs/new")).unwrap();
    ok(&team, "git_reset", json!({"mode": "hard"})).await;
    clean(&team, &[]).await;
    ok(
        &team,
        "git_reset",
        json!({"revision": second, "mode": "hard"}),
    )
    .await;
    clean(&team, &[]).await;
    assert_eq!(text(&team, "src/app/lib"), "2\n");
    ok(
        &team,
        "git_reset",
        json!({"revision": first, "mode": "soft"}),
    )
    .await;
    ok(&team, "git_reset", json!({"paths": ["docs"]})).await;
    assert_eq!(staged(&team).await, ["src/app/lib"]);
    assert_eq!(text(&team, "docs/new"), "new\n");
    std::fs::remove_file(root(&team).join("docs/new")).unwrap();
    write(&team, "docs/guide/start", "local\n");
    ok(&team, "git_reset", json!({"mode": "hard"})).await;
    clean(&team, &[]).await;
}

#[tokio::test]
async fn what_is_staged_out_of_sight_is_not_lost() {
    let team = part().await;
    let first = open(&team).head().unwrap().target().unwrap().to_string();
    let second = save(&team, "docs/index", "2\n").await;
    let third = save(&team, "docs/index", "3\n").await;
    ok(&team, "git_checkout", json!({"target": third})).await;
    ok(&team, "git_checkout", json!({"target": "agent/ann/work"})).await;
    ok(
        &team,
        "git_reset",
        json!({"revision": second, "mode": "soft"}),
    )
    .await;
    let lost = refused(&team, "git_checkout", json!({"target": first})).await;
    assert_eq!(lost.details.unwrap()["paths"], json!(["docs/index"]));
    assert_eq!(staged(&team).await, ["docs/index"]);
    ok(&team, "git_checkout", json!({"target": third})).await;
    clean(&team, &[]).await;
}

#[tokio::test]
async fn stashes_come_back_with_what_was_written_outside() {
    let team = part().await;
    write(&team, "src/app/lib", "2\n");
    write(&team, "docs/index", "2\n");
    write(&team, "docs/new", "new\n");
    let push = json!({"action": "push", "include_untracked": true});
    ok(&team, "git_stash", push).await;
    clean(&team, &[]).await;
    assert!(!is_there(&team, "docs/new"));
    ok(&team, "git_stash", json!({"action": "apply"})).await;
    let back = changes(&team).await;
    let paths: Vec<&str> = back.iter().map(|change| change.0.as_str()).collect();
    assert_eq!(paths, ["docs/index", "docs/new", "src/app/lib"]);
    assert_eq!(
        (text(&team, "docs/index"), text(&team, "docs/new")),
        ("2\n".to_owned(), "new\n".to_owned())
    );
    // So does a new file that was staged and changed again.
    ok(&team, "git_reset", json!({"mode": "hard"})).await;
    std::fs::remove_file(root(&team).join("docs/new")).unwrap();
    write(&team, "docs/more/new", "staged\n");
    ok(&team, "git_add", json!({"paths": ["docs/more"]})).await;
    write(&team, "docs/more/new", "changed\n");
    ok(&team, "git_stash", json!({"action": "push"})).await;
    clean(&team, &[]).await;
    ok(&team, "git_stash", json!({"action": "pop"})).await;
    assert_eq!(text(&team, "docs/more/new"), "changed\n");
    ok(&team, "git_reset", json!({"mode": "hard"})).await;
    ok(&team, "git_stash", json!({"action": "apply"})).await;
    // What was staged comes back staged.
    ok(&team, "git_add", json!({"paths": ["docs/index"]})).await;
    std::fs::remove_file(root(&team).join("docs/new")).unwrap();
    ok(&team, "git_stash", json!({"action": "push"})).await;
    clean(&team, &[]).await;
    ok(&team, "git_stash", json!({"action": "pop"})).await;
    assert_eq!(staged(&team).await, ["docs/index"]);
    assert_eq!(changes(&team).await.len(), 2);
    let stat = ok(&team, "git_show", json!({"revision": "stash"})).await;
    assert!(!stat.to_string().contains("src/web"), "{stat}");
}

#[tokio::test]
async fn patches_reach_what_is_left_out() {
    let team = part().await;
    let first = open(&team).head().unwrap().target().unwrap().to_string();
    let patch = "--- a/docs/index\n+++ b/docs/index\n@@ -1 +1 @@\n-docs/index\n+patched\n";
    ok(
        &team,
        "git_apply_patch",
        json!({"patch": patch, "dry_run": true}),
    )
    .await;
    clean(&team, &[]).await;
    ok(&team, "git_apply_patch", json!({"patch": patch})).await;
    assert_eq!(text(&team, "docs/index"), "patched\n");
    assert_eq!(changes(&team).await.len(), 1);
    ok(&team, "git_reset", json!({"mode": "hard"})).await;
    clean(&team, &[]).await;
    let made = "--- /dev/null\n+++ b/docs/index\n@@ -0,0 +1 @@\n+x\n";
    let there = refused(&team, "git_apply_patch", json!({"patch": made})).await;
    assert!(there.message.contains("exists"), "{}", there.message);
    let gone = "--- a/docs/index\n+++ /dev/null\n@@ -1 +0,0 @@\n-docs/index\n";
    let unstaged = refused(&team, "git_apply_patch", json!({"patch": gone})).await;
    assert!(unstaged.message.contains("stage: true"));
    ok(
        &team,
        "git_apply_patch",
        json!({"patch": gone, "stage": true}),
    )
    .await;
    assert_eq!(staged(&team).await, ["docs/index"]);
    ok(&team, "git_commit", json!({"message": "x"})).await;
    assert!(!committed(&open(&team)).contains_key("docs/index"));
    clean(&team, &[]).await;
    ok(
        &team,
        "git_reset",
        json!({"revision": first, "mode": "hard"}),
    )
    .await;
    clean(&team, &[]).await;
}

#[tokio::test]
async fn what_a_dead_hub_left_is_put_right() {
    let team = part().await;
    // As a reset leaves it before the marks are put back.
    let repository = open(&team);
    let mut index = repository.index().unwrap();
    let head = repository.head().unwrap().peel_to_tree().unwrap();
    index.read_tree(&head).unwrap();
    index.write().unwrap();
    assert_eq!(status::status(&open(&team), &[], true).unwrap(), []);
    assert_eq!(
        ok(&team, "git_add", json!({"paths": ["."]})).await["count"],
        0
    );
    clean(&team, &[]).await;
}

#[tokio::test]
async fn files_that_were_there_before_the_worktree_stay() {
    let ann = part().await;
    let bea = ann.at("demo", "bea");
    write(&bea, "docs/index", "bea\n");
    write(&bea, "src/app/lib", "bea\n");
    let changed: Vec<_> = changes(&bea).await;
    let paths: Vec<&str> = changed.iter().map(|change| change.0.as_str()).collect();
    assert_eq!(paths, ["docs/index", "src/app/lib"]);
    assert_eq!(text(&bea, "docs/index"), "bea\n");
    let shown: Value = ok(&bea, "git_diff_unstaged", json!({})).await;
    assert!(shown.to_string().contains("+bea") && !shown.to_string().contains("src/web"));
}

#[tokio::test]
async fn a_file_in_the_place_of_a_directory_is_told() {
    let team = part().await;
    ok(&team, "git_create_branch", json!({"name": "other"})).await;
    let other = save(&team, "docs/index", "other\n").await;
    ok(&team, "git_checkout", json!({"target": "main"})).await;
    write(&team, "docs", "mine\n");
    let seen: Vec<String> = changes(&team).await.into_iter().map(|c| c.0).collect();
    assert_eq!(seen, ["docs", "docs/guide/start", "docs/index"]);
    let way = refused(&team, "git_checkout", json!({"target": other})).await;
    assert_eq!(way.code, Code::Conflict);
    assert_eq!(text(&team, "docs"), "mine\n");
    std::fs::remove_file(root(&team).join("docs")).unwrap();
    clean(&team, &[]).await;
}
