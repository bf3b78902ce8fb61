use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};

use crate::servers::file_system::tools::testing::{root, team};
use crate::test::Team;
use crate::tool::{Code, ToolError};

const SECRET: &str = "the-secret-outside";

/// What a tool does with one path.
type Call = fn(&str) -> Value;

/// Every tool that takes a path, with the path in each of its places.
const CALLS: &[(&str, Call)] = &[
    ("read_text_file", |p| json!({"path": p})),
    ("read_multiple_files", |p| json!({"paths": [p]})),
    ("read_media_file", |p| json!({"path": p})),
    ("get_file_info", |p| json!({"path": p, "checksum": true})),
    ("diff_files", |p| json!({"from": p, "to": "plain"})),
    ("diff_files", |p| json!({"from": "plain", "to": p})),
    (
        "write_file",
        |p| json!({"path": p, "content": "overwritten"}),
    ),
    (
        "write_file",
        |p| json!({"path": p, "content": "x", "mode": "append"}),
    ),
    (
        "write_file",
        |p| json!({"path": p, "content": "x", "mode": "create"}),
    ),
    (
        "edit_file",
        |p| json!({"path": p, "edits": [{"oldText": "the", "newText": "a"}]}),
    ),
    (
        "apply_patch",
        |p| json!({"patch": format!("*** Begin Patch\n*** Add File: {p}\n+x\n*** End Patch")}),
    ),
    (
        "apply_patch",
        |p| json!({"patch": format!("*** Begin Patch\n*** Update File: {p}\n@@\n-{SECRET}\n+x\n*** End Patch")}),
    ),
    (
        "apply_patch",
        |p| json!({"patch": format!("*** Begin Patch\n*** Update File: plain\n*** Move to: {p}\n*** End Patch")}),
    ),
    (
        "apply_patch",
        |p| json!({"patch": format!("*** Begin Patch\n*** Delete File: {p}\n*** End Patch")}),
    ),
    (
        "apply_patch",
        |p| json!({"patch": format!("--- /dev/null\n+++ b/{p}\n@@ -0,0 +1 @@\n+x\n")}),
    ),
    ("create_directory", |p| json!({"path": p})),
    (
        "move_file",
        |p| json!({"source": p, "destination": "moved"}),
    ),
    (
        "move_file",
        |p| json!({"source": "plain", "destination": p, "overwrite": true}),
    ),
    (
        "copy_file",
        |p| json!({"source": p, "destination": "copied"}),
    ),
    (
        "copy_file",
        |p| json!({"source": "plain", "destination": p, "overwrite": true}),
    ),
    ("delete_file", |p| json!({"path": p, "recursive": true})),
    ("restore_file", |p| json!({"trash_id": p})),
    ("list_directory", |p| json!({"path": p})),
    ("directory_tree", |p| json!({"path": p})),
    ("glob", |p| json!({"pattern": "**", "path": p})),
    ("search_files", |p| json!({"pattern": "secret", "path": p})),
    ("search_content", |p| json!({"pattern": SECRET, "path": p})),
    ("diff_snapshot", |p| json!({"snapshot_id": p})),
    ("restore_snapshot", |p| json!({"snapshot_id": p})),
    (
        "create_archive",
        |p| json!({"paths": [p], "destination": "packed.zip"}),
    ),
    (
        "create_archive",
        |p| json!({"paths": ["plain"], "destination": format!("{p}/x.zip"), "overwrite": true}),
    ),
    ("extract_archive", |p| json!({"path": p})),
    (
        "extract_archive",
        |p| json!({"path": "packed.tar", "destination": p, "overwrite": true}),
    ),
];

/// An agent's tree full of traps, and a directory outside of it.
struct Trap {
    team: Team,
    at: PathBuf,
    outside: tempfile::TempDir,
}

impl Trap {
    async fn set() -> Self {
        let trap = Self {
            team: team().await,
            at: PathBuf::new(),
            outside: tempfile::tempdir().unwrap(),
        };
        let trap = Self {
            at: root(&trap.team),
            ..trap
        };
        let (at, outside) = (&trap.at, trap.outside.path());
        std::fs::write(outside.join("secret"), SECRET).unwrap();
        std::fs::write(at.join("plain"), "plain text\n").unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(1);
        tar.append_data(&mut header, "secret", &b"x"[..]).unwrap();
        std::fs::write(at.join("packed.tar"), tar.into_inner().unwrap()).unwrap();
        symlink(outside, at.join("out")).unwrap();
        symlink(outside.join("secret"), at.join("direct")).unwrap();
        symlink("../../../../..", at.join("up")).unwrap();
        symlink("/proc", at.join("proc")).unwrap();
        symlink("loop", at.join("loop")).unwrap();
        symlink("nowhere", at.join("dangling")).unwrap();
        std::fs::hard_link(outside.join("secret"), at.join("hard")).unwrap();
        let fifo = at.join("fifo");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at.join("socket")).unwrap());
        trap
    }

    /// Calls the tool, which must answer soon, and neither show the secret nor say where anything is.
    async fn call(&self, tool: &str, args: &Value) -> Result<Value, ToolError> {
        let call = self.team.call_json(tool, args.clone());
        let done = tokio::time::timeout(Duration::from_secs(20), call).await;
        let done = done.unwrap_or_else(|_| panic!("{tool} hangs on {args}"));
        let said = match &done {
            Ok(value) => value.to_string(),
            Err(error) => Value::Object(error.problem()).to_string(),
        };
        let hidden =
            [self.outside.path(), self.team.host.data.as_path()].map(|p| p.to_str().unwrap());
        // What the caller itself sent may come back.
        let sent = args.to_string();
        assert!(
            sent.contains(SECRET) || !said.contains(SECRET),
            "{tool} {args}: {said}"
        );
        assert!(
            hidden.iter().all(|path| !said.contains(path)),
            "{tool} {args}: {said}"
        );
        done
    }

    /// Which entry has this name, if any.
    fn inode(&self, name: &str) -> Option<u64> {
        let entry = self.at.join(name).symlink_metadata();
        entry
            .ok()
            .map(|meta| std::os::unix::fs::MetadataExt::ino(&meta))
    }

    fn assert_nothing_got_out(&self, after: &str) {
        let secret = std::fs::read_to_string(self.outside.path().join("secret"));
        assert_eq!(secret.as_deref().ok(), Some(SECRET), "{after}");
        let names: Vec<_> = std::fs::read_dir(self.outside.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{after}: {names:?}");
    }
}

#[tokio::test]
async fn no_tool_goes_where_a_hostile_path_leads() {
    let trap = Trap::set().await;
    let long = "x/".repeat(65) + "x";
    let paths = [
        "../secret",
        "..",
        "a/../../secret",
        "/etc/passwd",
        "//etc/passwd",
        "a\0b",
        "plain\0",
        "a//b",
        &long,
        ".git/config",
        ".git/hooks/pre-commit",
        ".GIT/HEAD",
        "git~1/config",
        ".git::$INDEX_ALLOCATION/x",
        ".g\u{200c}it/config",
        "a/.Git/x",
        ".git. /x",
        ".syndarix-tmp-1-1",
        "out/secret",
        "out/new",
        "up/etc/passwd",
        "up/new",
        "proc/self/environ",
        "proc/self/root/etc/passwd",
        "loop/x",
        "dangling/x",
        "fifo/x",
        "plain/x",
    ];
    for (tool, call) in CALLS {
        for path in paths {
            let args = call(path);
            let done = trap.call(tool, &args).await;
            // A batch answers with an error for each file.
            let refused = match &done {
                Ok(value) => value["files"] == json!([]) && value["errors"].is_array(),
                Err(error) => matches!(
                    error.code,
                    Code::InvalidArgument | Code::NotFound | Code::Conflict
                ),
            };
            assert!(refused, "{tool} {args}: {done:?}");
        }
        trap.assert_nothing_got_out(tool);
    }
    assert_eq!(
        std::fs::read_to_string(trap.at.join("plain")).unwrap(),
        "plain text\n"
    );
}

#[tokio::test]
async fn links_and_special_files_are_never_opened_or_written_through() {
    // Tools that are about the entry itself, wherever it leads.
    let of_the_entry = ["get_file_info", "delete_file", "move_file", "apply_patch"];
    for name in [
        "direct", "hard", "fifo", "socket", "dangling", "loop", "out", "proc",
    ] {
        let mut trap = Trap::set().await;
        for (tool, call) in CALLS {
            let set = trap.inode(name);
            let args = call(name);
            let done = trap.call(tool, &args).await;
            trap.assert_nothing_got_out(&format!("{tool} {args}"));
            if !of_the_entry.contains(tool) {
                let empty =
                    |value: &Value| value["files"] == json!([]) || value["items"] == json!([]);
                let refused = done.as_ref().map_or(true, empty);
                assert!(refused, "{tool} {args}: {done:?}");
            }
            if trap.inode(name) != set {
                trap = Trap::set().await;
            }
        }
    }
}

#[tokio::test]
async fn names_that_meet_elsewhere_are_two_files_here_and_stay_apart() {
    let trap = Trap::set().await;
    for (name, text) in [
        ("README", "1"),
        ("readme", "2"),
        ("caf\u{e9}", "3"),
        ("cafe\u{301}", "4"),
    ] {
        trap.call("write_file", &json!({"path": name, "content": text}))
            .await
            .unwrap();
    }
    for (name, text) in [
        ("README", "1"),
        ("readme", "2"),
        ("caf\u{e9}", "3"),
        ("cafe\u{301}", "4"),
    ] {
        let read = trap
            .call("read_text_file", &json!({"path": name}))
            .await
            .unwrap();
        assert_eq!(read["content"], text);
    }
}

#[tokio::test]
async fn a_huge_sparse_file_is_refused_or_paged_at_once() {
    let trap = Trap::set().await;
    let huge = std::fs::File::create(trap.at.join("huge")).unwrap();
    huge.set_len(600 << 20).unwrap();
    let codes = |tool: &'static str, args: Value| {
        let trap = &trap;
        async move {
            trap.call(tool, &args)
                .await
                .map(drop)
                .map_err(|error| error.code)
        }
    };
    let (too_large, invalid) = (Err(Code::TooLarge), Err(Code::InvalidArgument));
    assert_eq!(
        codes("read_text_file", json!({"path": "huge"})).await,
        invalid
    );
    assert_eq!(
        codes("read_media_file", json!({"path": "huge"})).await,
        invalid
    );
    assert_eq!(
        codes("diff_files", json!({"from": "huge", "to": "plain"})).await,
        too_large
    );
    let edit = json!({"path": "huge", "edits": [{"oldText": "a", "newText": "b"}]});
    assert_eq!(codes("edit_file", edit).await, too_large);
    assert_eq!(
        codes(
            "write_file",
            json!({"path": "huge", "content": "x", "mode": "append"})
        )
        .await,
        too_large
    );
    assert_eq!(
        codes(
            "create_archive",
            json!({"paths": ["huge"], "destination": "x.zip"})
        )
        .await,
        too_large
    );
    assert_eq!(
        codes("get_file_info", json!({"path": "huge"})).await,
        Ok(())
    );
    let found = trap
        .call("search_content", &json!({"pattern": "x", "path": "huge"}))
        .await
        .unwrap();
    assert_eq!(found["items"], json!([]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever links an agent's tree is full of and whatever is asked of it: nothing outside is shown or changed.
    #[test]
    fn no_web_of_links_leads_out(
        links in proptest::collection::vec(("[abc]", "(\\.\\./){0,6}([abc]|OUT|plain)?(/[abc]|/secret)?"), 0..6),
        wanted in proptest::collection::vec((0..CALLS.len(), "([abc]|\\.\\.|out|up|\\.)(/[abc]|/secret|/\\.\\.|/out){0,3}"), 12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let trap = Trap::set().await;
            for (name, target) in &links {
                let target = target.replace("OUT", trap.outside.path().to_str().unwrap());
                let target = if target.is_empty() { "..".to_owned() } else { target };
                let _ = symlink(target, trap.at.join(name));
            }
            for (index, path) in &wanted {
                let (tool, call) = CALLS[*index];
                let args = call(path);
                let _ = trap.call(tool, &args).await;
                trap.assert_nothing_got_out(&format!("{tool} {args} {links:?}"));
            }
        });
    }
}
