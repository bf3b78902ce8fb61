use std::{fs, io::Write as _, path::Path};

use serde_json::{Value, json};

use super::{call, root};
use crate::support::{Hub, Settings};

/// A line of `/proc/<pid>/status`, in KiB.
fn memory(hub: &Hub, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", hub.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with(line)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Linux forgets the highest mark it has seen of a process (proc(5), clear_refs).
fn forget_peak(hub: &Hub) {
    fs::write(format!("/proc/{}/clear_refs", hub.pid()), "5").unwrap();
}

/// Directories of 500 files each.
fn plant(at: &Path, directories: usize) {
    for directory in 0..directories {
        let directory = at.join(format!("directory-{directory}"));
        fs::create_dir_all(&directory).unwrap();
        for file in 0..500 {
            fs::write(
                directory.join(format!("file-{file}.rs")),
                format!("{}", file % 7),
            )
            .unwrap();
        }
    }
}

/// 1,000,000 lines, 80 MB.
fn write_text(at: &Path) {
    let mut text = std::io::BufWriter::new(fs::File::create(at).unwrap());
    for line in 0..1_000_000 {
        writeln!(
            text,
            "line {line} of a text that goes on and on and on, longer than memory ought to"
        )
        .unwrap();
    }
    text.flush().unwrap();
}

/// Calls the tool and checks that it takes little memory and answers briefly.
async fn frugal(hub: &Hub, tool: &str, args: Value, status: u16) -> Value {
    forget_peak(hub);
    let before = memory(hub, "VmRSS:");
    let (said, answer) = call(hub, tool, args.clone()).await;
    let grown = memory(hub, "VmHWM:").saturating_sub(before);
    assert_eq!(said, status, "{tool} {args}: {answer}");
    assert!(grown <= 64 * 1024, "{tool} {args} took {grown} KiB");
    let length = answer.to_string().len();
    assert!(length <= 48 * 1024, "{tool} {args} answers {length} bytes");
    answer
}

#[tokio::test]
async fn what_is_done_to_a_large_tree_as_a_whole_costs_little_memory() {
    let hub = Hub::with(Settings::default().server("file_system", "fsync = false")).await;
    let at = root(&hub).await;
    let place = at.join("tree");
    tokio::task::spawn_blocking(move || plant(&place, 40))
        .await
        .unwrap();
    let first = frugal(&hub, "create_snapshot", json!({}), 200).await;
    assert_eq!(first["files"], 20_000);
    frugal(&hub, "create_snapshot", json!({}), 200).await;
    fs::write(at.join("tree/directory-5/file-5.rs"), "changed").unwrap();
    let id = &first["snapshot_id"];
    let diff = frugal(&hub, "diff_snapshot", json!({"snapshot_id": id}), 200).await;
    assert_eq!(diff["total"], 1);
    let gone = json!({"path": "tree", "recursive": true});
    frugal(&hub, "delete_file", gone, 200).await;
    let back = frugal(&hub, "restore_snapshot", json!({"snapshot_id": id}), 200).await;
    assert_eq!(back["restored"], 20_041, "files and directories");
    let pack = json!({"paths": ["tree"], "destination": "tree.zip"});
    frugal(&hub, "create_archive", pack, 413).await;
    let copy = json!({"source": "tree/directory-1", "destination": "copy"});
    frugal(&hub, "copy_file", copy, 200).await;
}

#[tokio::test]
async fn huge_files_and_trees_cost_little_memory_and_short_replies() {
    let hub = Hub::start().await;
    let at = root(&hub).await;
    let place = at.clone();
    // Aside, so that the client sees its idle connection being closed meanwhile.
    tokio::task::spawn_blocking(move || {
        let sparse = fs::File::create(place.join("sparse")).unwrap();
        sparse.set_len(600 << 20).unwrap();
        write_text(&place.join("text"));
        plant(&place.join("tree"), 100);
    })
    .await
    .unwrap();
    let edit = json!([{"oldText": "line 1\n", "newText": "line one\n"}]);
    for (tool, args, status) in [
        ("read_text_file", json!({"path": "sparse"}), 422),
        ("read_media_file", json!({"path": "sparse"}), 422),
        ("edit_file", json!({"path": "sparse", "edits": edit}), 413),
        ("diff_files", json!({"from": "sparse", "to": "text"}), 413),
        (
            "create_archive",
            json!({"paths": ["sparse"], "destination": "x.zip"}),
            413,
        ),
        (
            "search_content",
            json!({"pattern": "line", "path": "sparse"}),
            200,
        ),
        (
            "copy_file",
            json!({"source": "sparse", "destination": "copy"}),
            200,
        ),
        ("read_text_file", json!({"path": "text"}), 200),
        ("read_text_file", json!({"path": "text", "tail": 3}), 200),
        ("edit_file", json!({"path": "text", "edits": edit}), 413),
        (
            "search_content",
            json!({"pattern": "line 99999[0-9] ", "path": "text"}),
            200,
        ),
        ("directory_tree", json!({"depth": 9, "limit": 1000}), 200),
        (
            "list_directory",
            json!({"path": "tree/directory-7", "limit": 200}),
            200,
        ),
        ("glob", json!({"pattern": "**/*.rs", "limit": 1000}), 200),
        ("search_files", json!({"pattern": "file-499"}), 200),
        (
            "search_content",
            json!({"pattern": "nowhere", "path": "tree"}),
            200,
        ),
    ] {
        frugal(&hub, tool, args, status).await;
    }
    let (_, found) = call(
        &hub,
        "search_content",
        json!({"pattern": "line 999999 ", "path": "text"}),
    )
    .await;
    assert_eq!(
        found["items"][0]["line"], 1_000_000,
        "the whole of it was searched"
    );
    let (_, tail) = call(&hub, "read_text_file", json!({"path": "text", "tail": 1})).await;
    assert_eq!(tail["total_lines"], Value::from(1_000_000));
}
