use std::{fs, io::Write as _};

use serde_json::{Value, json};

use super::{call, root};
use crate::support::Hub;

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

#[tokio::test]
async fn huge_files_and_trees_cost_little_memory_and_short_replies() {
    let hub = Hub::start().await;
    let at = root(&hub).await;
    let sparse = fs::File::create(at.join("sparse")).unwrap();
    sparse.set_len(600 << 20).unwrap();
    let mut text = std::io::BufWriter::new(fs::File::create(at.join("text")).unwrap());
    for line in 0..1_500_000 {
        writeln!(
            text,
            "line {line} of a text that goes on and on and on, longer than memory ought to"
        )
        .unwrap();
    }
    text.flush().unwrap();
    for directory in 0..100 {
        let directory = at.join(format!("tree/directory-{directory}"));
        fs::create_dir_all(&directory).unwrap();
        for file in 0..500 {
            fs::File::create(directory.join(format!("file-{file}.rs"))).unwrap();
        }
    }
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
            json!({"pattern": "line 149999[0-9]", "path": "text"}),
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
        forget_peak(&hub);
        let before = memory(&hub, "VmRSS:");
        let (said, answer) = call(&hub, tool, args.clone()).await;
        let grown = memory(&hub, "VmHWM:").saturating_sub(before);
        assert_eq!(said, status, "{tool} {args}: {answer}");
        assert!(grown <= 64 * 1024, "{tool} {args} took {grown} KiB");
        let length = answer.to_string().len();
        assert!(length <= 48 * 1024, "{tool} {args} answers {length} bytes");
    }
    let (_, found) = call(
        &hub,
        "search_content",
        json!({"pattern": "line 1499999 ", "path": "text"}),
    )
    .await;
    assert_eq!(
        found["items"][0]["line"], 1_500_000,
        "the whole of it was searched"
    );
    let (_, tail) = call(&hub, "read_text_file", json!({"path": "text", "tail": 1})).await;
    assert_eq!(tail["total_lines"], Value::from(1_500_000));
}
