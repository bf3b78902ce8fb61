//! What no tool may be talked into, asked of all of them.

use serde_json::{Value, json};

use super::testing::{git_dir, ok, refused, root, save, team, write};
use crate::tool::Code;

/// Every argument that takes a revision or a branch, with what else its call needs.
const NAMES: [(&str, &str, &str); 22] = [
    ("git_diff", "/from", r#"{"mode": "range"}"#),
    ("git_diff", "/to", r#"{"mode": "range"}"#),
    ("git_log", "/revision", "{}"),
    ("git_show", "/revision", "{}"),
    ("git_read_file", "/revision", r#"{"path": "a"}"#),
    ("git_list_tree", "/revision", "{}"),
    ("git_blame", "/revision", r#"{"path": "a"}"#),
    ("git_grep", "/revision", r#"{"pattern": "1"}"#),
    ("git_compare", "/base", "{}"),
    ("git_compare", "/head", r#"{"base": "main"}"#),
    ("git_reflog", "/branch", "{}"),
    ("git_reset", "/revision", "{}"),
    ("git_restore", "/source", r#"{"paths": ["a"]}"#),
    ("git_checkout", "/target", "{}"),
    ("git_create_branch", "/name", "{}"),
    ("git_create_branch", "/from", r#"{"name": "x"}"#),
    ("git_branch", "/name", r#"{"action": "delete"}"#),
    (
        "git_branch",
        "/new_name",
        r#"{"action": "rename", "name": "y"}"#,
    ),
    ("git_tag", "/name", r#"{"action": "delete"}"#),
    (
        "git_tag",
        "/revision",
        r#"{"action": "create", "name": "x"}"#,
    ),
    ("git_merge", "/revision", "{}"),
    ("git_rebase", "/onto", "{}"),
];

fn with(args: &str, pointer: &str, value: &str) -> Value {
    let mut args: Value = serde_json::from_str(args).unwrap();
    args[pointer.trim_start_matches('/')] = json!(value);
    args
}

#[tokio::test]
async fn a_leading_dash_is_refused_even_where_such_a_ref_exists() {
    let team = team().await;
    let first = save(&team, "a", "1").await;
    let bare = git2::Repository::open_bare(git_dir(&team)).unwrap();
    let id = git2::Oid::from_str(&first).unwrap();
    let names = ["-x", "--all", "--output=x", "-"];
    for folder in ["refs/heads", "refs/tags"] {
        for name in names {
            bare.reference(&format!("{folder}/{name}"), id, true, "planted")
                .unwrap();
        }
    }
    let before = ok(&team, "git_status", json!({})).await;
    for (tool, pointer, args) in NAMES {
        for name in names {
            let error = refused(&team, tool, with(args, pointer, name)).await;
            assert_eq!(
                error.code,
                Code::InvalidArgument,
                "{tool} {pointer} {name}: {}",
                error.message
            );
        }
    }
    for tool in ["git_cherry_pick", "git_revert"] {
        for name in names {
            for revision in [
                name.to_owned(),
                format!("main..{name}"),
                format!("{name}..main"),
            ] {
                let error = refused(&team, tool, json!({"revisions": [revision]})).await;
                assert_eq!(error.code, Code::InvalidArgument, "{tool} {revision}");
            }
        }
    }
    assert_eq!(ok(&team, "git_status", json!({})).await, before);
}

#[tokio::test]
async fn no_path_leads_out() {
    let team = team().await;
    save(&team, "a", "1").await;
    std::os::unix::fs::symlink("/etc", root(&team).join("etc")).unwrap();
    let tools = [
        ("git_status", "paths", json!({})),
        ("git_add", "paths", json!({})),
        ("git_restore", "paths", json!({})),
        ("git_reset", "paths", json!({})),
        ("git_diff", "paths", json!({})),
        ("git_diff_staged", "paths", json!({})),
        ("git_log", "paths", json!({})),
        ("git_show", "paths", json!({})),
        ("git_grep", "paths", json!({"pattern": "root"})),
        ("git_blame", "path", json!({})),
        ("git_read_file", "path", json!({})),
        ("git_list_tree", "path", json!({})),
        ("git_resolve_conflict", "path", json!({"side": "ours"})),
    ];
    for (tool, field, args) in tools {
        for path in [
            "../a",
            "a/../../b",
            "/etc/passwd",
            ".git/config",
            ".GIT/hooks/x",
            "git~1/config",
            "-x",
            "--no-index",
            "a\0b",
            "a//b",
        ] {
            let mut args = args.clone();
            args[field] = if field == "paths" {
                json!([path])
            } else {
                json!(path)
            };
            let error = refused(&team, tool, args).await;
            assert_eq!(
                error.code,
                Code::InvalidArgument,
                "{tool} {path}: {}",
                error.message
            );
        }
    }
    for tool in ["git_blame", "git_read_file"] {
        assert_eq!(
            refused(&team, tool, json!({"path": "etc/passwd"}))
                .await
                .code,
            Code::NotFound
        );
    }
}

#[tokio::test]
async fn special_files_and_planted_repositories_hang_and_run_nothing() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let team = team().await;
    save(&team, "a", "1").await;
    let at = root(&team);
    mknodat(
        CWD,
        at.join("fifo"),
        FileType::Fifo,
        Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    std::os::unix::fs::symlink("/dev/zero", at.join("zero")).unwrap();
    std::os::unix::fs::symlink("fifo", at.join("to-fifo")).unwrap();
    let ran = team.host.data.join("ran");
    write(&team, "nested/.git/HEAD", "ref: refs/heads/main\n");
    write(
        &team,
        "nested/.git/config",
        &format!(
            "[core]\n\tfsmonitor = touch {0}\n\tsshCommand = touch {0}\n[alias]\n\tstatus = !touch {0}\n",
            ran.display()
        ),
    );
    write(
        &team,
        ".gitmodules",
        &format!(
            "[submodule \"nested\"]\n\tpath = nested\n\turl = ext::touch {}\n\tupdate = !touch {}\n",
            ran.display(),
            ran.display()
        ),
    );
    write(&team, ".gitattributes", "* filter=x diff=x merge=x\n");
    write(&team, "a", "2");
    for (tool, args) in [
        ("git_status", json!({})),
        ("git_diff", json!({})),
        (
            "git_add",
            json!({"paths": ["a", "zero", ".gitattributes", ".gitmodules"]}),
        ),
        ("git_commit", json!({"message": "x"})),
        ("git_stash", json!({"action": "list"})),
        ("git_restore", json!({"paths": ["."]})),
        ("git_reset", json!({"mode": "hard"})),
        ("git_checkout", json!({"target": "main", "force": true})),
        ("git_merge", json!({"revision": "agent/ann/work"})),
    ] {
        ok(&team, tool, args).await;
    }
    let fifo = refused(&team, "git_add", json!({"paths": ["fifo"]})).await;
    assert_eq!(fifo.code, Code::InvalidArgument);
    assert!(!ran.exists());
}
