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
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use support::{
    hub::Hub,
    process::{cpu_us, rss_mib},
};

const FOLDERS: usize = 1_000;
const FILES: usize = 50;
const TIMES: usize = 10;

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
        .map(|command| Peer::start(&command, &tree));
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
        let before = cpu_us(hub.pid());
        let mut largest = 0;
        for args in args.iter().cycle().take(TIMES) {
            largest = largest.max(call(&hub, tool, args.clone()).await.to_string().len());
        }
        let own = (cpu_us(hub.pid()) - before) / 1e3 / TIMES as f64;
        let theirs = ripgrep(&tree, &words);
        let reference = official
            .zip(peer.as_mut())
            .map(|((tool, args), peer)| peer.cost(tool, &args));
        let shown = |ms: Option<f64>| ms.map_or_else(String::new, |ms| format!("{ms:.1}"));
        println!(
            "{name:<34} {own:>8.1} {:>8} {:>10}   reply {} KB",
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

/// The reference filesystem server, on standard input and output.
struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    id: u64,
}

impl Peer {
    fn start(command: &str, tree: &Path) -> Self {
        let mut words = command.split(' ');
        let mut process = Command::new(words.next().unwrap())
            .args(words)
            .arg(tree)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (
            process.stdin.take().unwrap(),
            process.stdout.take().unwrap(),
        );
        let mut peer = Self {
            process,
            input,
            output: BufReader::new(output),
            id: 0,
        };
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}});
        peer.ask("initialize", &hello);
        writeln!(
            peer.input,
            "{}",
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
        )
        .unwrap();
        peer
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.id += 1;
        let sent = json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params});
        writeln!(self.input, "{sent}").unwrap();
        loop {
            let mut line = String::new();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "the reference server went away"
            );
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == self.id {
                return message;
            }
        }
    }

    fn cost(&mut self, tool: &str, args: &[Value]) -> f64 {
        let params: Vec<Value> = args
            .iter()
            .map(|args| json!({"name": tool, "arguments": args}))
            .collect();
        for params in &params {
            let first = self.ask("tools/call", params);
            assert!(
                first["result"]["isError"] != true,
                "{tool}: {}",
                first["result"]["content"]
            );
        }
        let before = cpu_us(self.process.id());
        for params in params.iter().cycle().take(TIMES) {
            self.ask("tools/call", params);
        }
        (cpu_us(self.process.id()) - before) / 1e3 / TIMES as f64
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
