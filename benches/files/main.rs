//! What file_system costs in a workspace of 50,000 files, in CPU of the hub, beside ripgrep and, where the environment names its
//! command as `FILESYSTEM_SERVER` (such as `node …/dist/index.js`), the reference filesystem server. `cargo bench --bench files`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::pedantic,
    reason = "a test or a bench may fail loudly"
)]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each bench takes what it needs")]
mod support;

use std::{
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::{Value, json};
use support::{
    hub::Hub,
    peer::{LONG, Peer, TIMES},
    process::{cpu_us, rss_mib},
};

const FOLDERS: usize = 1_000;
const FILES: usize = 50;

/// What is measured: its name, the tool and the calls of it in turn, ripgrep's words for it, the reference server's tool and calls.
type Case = (
    &'static str,
    &'static str,
    Vec<Value>,
    Vec<&'static str>,
    Option<(&'static str, Vec<Value>)>,
);

#[tokio::main]
async fn main() {
    let hub = Hub::start().await;
    call(&hub, "list_directory", json!({})).await;
    let tree = hub.data().join("projects/default/workspaces/default/main");
    plant(&tree);
    let mut peer = std::env::var("FILESYSTEM_SERVER")
        .ok()
        .map(|command| Peer::start(&format!("{command} {}", tree.display())));
    println!(
        "{} files in {FOLDERS} folders; CPU, ms a call",
        FOLDERS * FILES
    );
    println!(
        "{:<34} {:>8} {:>8} {:>10}",
        "", "hub", "ripgrep", "reference"
    );
    let at = |path: &str| tree.join(path).display().to_string();
    // There and back again, so that each call changes something.
    let edits = |path: String| {
        let edit = |from: &str, to: &str| json!({"path": path, "edits": [{"oldText": from, "newText": to}]});
        vec![
            edit("line 500 of", "LINE 500 of"),
            edit("LINE 500 of", "line 500 of"),
        ]
    };
    let cases: Vec<Case> = vec![
        (
            "read of 1,000 lines",
            "read_text_file",
            vec![json!({"path": "long.txt"})],
            vec![],
            Some(("read_text_file", vec![json!({"path": at("long.txt")})])),
        ),
        (
            "edit of a line in 1,000",
            "edit_file",
            edits("long.txt".to_owned()),
            vec![],
            Some(("edit_file", edits(at("long.txt")))),
        ),
        (
            "glob of 50 files",
            "glob",
            vec![json!({"pattern": "**/file7.md"})],
            vec!["--files", "-g", "**/file7.md"],
            Some((
                "search_files",
                vec![json!({"path": at(""), "pattern": "**/file7.md"})],
            )),
        ),
        (
            "search of a word in 1 file",
            "search_content",
            vec![json!({"pattern": "needle[0-9]+"})],
            vec!["-n", "needle[0-9]+"],
            None,
        ),
        (
            "search of a word in all",
            "search_content",
            vec![json!({"pattern": "says", "output": "count"})],
            vec!["-c", "says"],
            None,
        ),
        (
            "first page of the tree",
            "directory_tree",
            vec![json!({"depth": 2})],
            vec![],
            Some(("directory_tree", vec![json!({"path": at("")})])),
        ),
    ];
    for (name, tool, args, words, official) in cases {
        for args in &args {
            call(&hub, tool, args.clone()).await;
        }
        let (before, started) = (cpu_us(hub.pid()), Instant::now());
        let (mut largest, mut times) = (0, 0);
        // An even number, so that what was edited is as it was.
        while times < TIMES || started.elapsed() < LONG || times % 2 == 1 {
            let args = args[times % args.len()].clone();
            largest = largest.max(call(&hub, tool, args).await.to_string().len());
            times += 1;
        }
        let own = (cpu_us(hub.pid()) - before) / 1e3 / times as f64;
        let theirs = ripgrep(&tree, &words);
        let reference = official
            .zip(peer.as_mut())
            .map(|((tool, args), peer)| peer.cost(tool, &args));
        let shown = |ms: Option<f64>| ms.map_or_else(String::new, |ms| format!("{ms:.2}"));
        println!(
            "{name:<34} {own:>8.2} {:>8} {:>10}   reply {} KB",
            shown(theirs),
            shown(reference),
            largest / 1024
        );
    }
    println!("resident memory of the hub: {:.0} MiB", rss_mib(hub.pid()));
}

async fn call(hub: &Hub, tool: &str, mut args: Value) -> Value {
    args["project_id"] = "default".into();
    args["agent_id"] = "default".into();
    let path = format!("/api/v1/servers/file_system/tools/{tool}");
    let (status, body) = hub.admin("POST", &path, args).await;
    assert!(status < 300, "{tool}: {body}");
    body
}

fn plant(tree: &Path) {
    for folder in 0..FOLDERS {
        let at = tree.join(format!("part{}/folder{folder}", folder % 20));
        std::fs::create_dir_all(&at).unwrap();
        for file in 0..FILES {
            let mut text = String::new();
            for line in 0..20 {
                writeln!(text, "file {file} of folder {folder} says its line {line}").unwrap();
            }
            let ending = ["md", "rs", "txt", "py"][file % 4];
            let name = if file == 7 {
                "file7.md".to_owned()
            } else {
                format!("file{file}.{ending}")
            };
            std::fs::write(at.join(name), text).unwrap();
        }
    }
    std::fs::write(tree.join("part3/folder3/needle.txt"), "a needle42 in it\n").unwrap();
    let long: String = (0..1_000)
        .map(|n| format!("line {n} of a thousand, of a usual length for text\n"))
        .collect();
    std::fs::write(tree.join("long.txt"), long).unwrap();
}

/// What ripgrep takes for the same, where it is installed.
fn ripgrep(tree: &Path, words: &[&str]) -> Option<f64> {
    if words.is_empty() {
        return None;
    }
    let before = children_ms();
    for _ in 0..TIMES {
        let run = Command::new("rg")
            .args(words)
            .current_dir(tree)
            .stdout(Stdio::null())
            .status();
        run.ok()?;
    }
    Some((children_ms() - before) / TIMES as f64)
}

/// User and system time of this process's ended children, in milliseconds.
fn children_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(13) + ticks(14)) * 10.0
}
