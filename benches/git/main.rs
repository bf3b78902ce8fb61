//! What git-mcp costs on a large repository, in CPU of the hub and of all that it starts, beside the git program doing the
//! same and, where the environment names its command as `GIT_SERVER`, the reference git server. `cargo bench --bench git --
//! <a bare clone>`; the bars in the specification are for rust-lang/cargo.

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
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    hub::Hub,
    peer::Peer,
    process::{family_cpu_us, rss_mib},
};

/// Times that each call is made.
const TIMES: u32 = 10;
/// Agents that get a tree.
const TREES: [&str; 3] = ["ann", "bob", "eve"];

#[tokio::main]
async fn main() {
    let named = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let Some(source) = named.map(PathBuf::from) else {
        println!("name a bare clone: cargo bench --bench git -- <path>");
        return;
    };
    let hub = Hub::start().await;
    let room = Room { hub };
    room.call("git_init", json!({})).await;
    let bare = room.hub.data().join("projects/default/repos/main.git");
    adopt(&source, &bare);
    room.call("git_worktree", json!({"action": "add"})).await;
    room.call("git_status", json!({})).await;
    room.indexed(&bare).await;
    println!("{:<34} {:>10} {:>10}   wall, ms", "CPU, ms", "hub", "git");
    let tree = room
        .hub
        .data()
        .join("projects/default/workspaces/default/main");
    let path = busiest(&bare);
    let cases: Vec<(&str, &str, Value, Vec<String>)> = vec![
        (
            "status",
            "git_status",
            json!({}),
            words("status --porcelain -uall"),
        ),
        (
            "log, 200 commits",
            "git_log",
            json!({"max_count": 200}),
            words("log -200"),
        ),
        (
            "log of a path",
            "git_log",
            json!({"paths": [path]}),
            [words("log -20 --"), vec![path.clone()]].concat(),
        ),
        (
            "diff of 200 commits, first page",
            "git_diff",
            json!({"mode": "range", "from": "HEAD~200", "to": "HEAD"}),
            words("diff HEAD~200 HEAD"),
        ),
        (
            "diff of 200 commits, names",
            "git_diff",
            json!({"mode": "range", "from": "HEAD~200", "to": "HEAD", "format": "name_status"}),
            words("diff --name-status HEAD~200 HEAD"),
        ),
        (
            "blame, 1000 lines",
            "git_blame",
            json!({"path": path, "limit": 1000}),
            [words("blame -L1,1000 HEAD --"), vec![path.clone()]].concat(),
        ),
        (
            "compare with 200 commits ago",
            "git_compare",
            json!({"base": "HEAD~200"}),
            words("rev-list --count --left-right HEAD~200...HEAD"),
        ),
        (
            "grep",
            "git_grep",
            json!({"pattern": "fn main"}),
            words("grep -n -m1 main HEAD"),
        ),
    ];
    for (name, tool, args, words) in cases {
        let before = room.cpu();
        let started = Instant::now();
        for _ in 0..TIMES {
            room.call(tool, args.clone()).await;
        }
        let wall = started.elapsed();
        room.row(name, before, TIMES, wall, program(&bare, &tree, &words));
    }
    let (before, started) = (room.cpu(), Instant::now());
    for n in 0..TIMES {
        room.call("git_create_branch", json!({"name": format!("bench/{n}")}))
            .await;
    }
    room.row("branch created", before, TIMES, started.elapsed(), None);
    let (before, started) = (room.cpu(), Instant::now());
    for n in 0..TIMES {
        std::fs::write(tree.join("bench.txt"), format!("{n}\n")).unwrap();
        room.call("git_add", json!({"paths": ["bench.txt"]})).await;
        room.call("git_commit", json!({"message": "bench"})).await;
    }
    room.row("add and commit", before, TIMES, started.elapsed(), None);
    // Trees of other agents: where files were just removed, the file system takes long to make new ones.
    for agent in TREES {
        room.join(agent).await;
    }
    let (before, started) = (room.cpu(), Instant::now());
    for agent in TREES {
        let args = json!({"action": "add", "agent_id": agent});
        room.call("git_worktree", args).await;
    }
    let wall = started.elapsed();
    let before_git = cpu_ms("self", false);
    for agent in TREES {
        let beside = room.hub.data().join("beside").join(agent);
        let done = Command::new("git")
            .arg("--git-dir")
            .arg(&bare)
            .args(["worktree", "add", "--quiet", "--detach"])
            .arg(beside)
            .arg("main")
            .status();
        assert!(done.unwrap().success());
    }
    let git = (cpu_ms("self", false) - before_git) / TREES.len() as f64;
    let times = u32::try_from(TREES.len()).unwrap();
    room.row("worktree added", before, times, wall, Some(git));
    println!(
        "resident memory of the hub: {:.0} MiB",
        rss_mib(room.hub.pid())
    );
    if let Ok(command) = std::env::var("GIT_SERVER") {
        reference(&command, &room.hub.data().join("beside").join(TREES[0]));
    }
}

/// What the reference git server takes for the same in `tree`.
fn reference(command: &str, tree: &Path) {
    let mut peer = Peer::start(command);
    let path = tree.display().to_string();
    let with = |mut args: Value| {
        args["repo_path"] = json!(path);
        vec![args]
    };
    let cases = [
        ("status", "git_status", json!({})),
        ("log, 200 commits", "git_log", json!({"max_count": 200})),
        (
            "diff of 200 commits, all",
            "git_diff",
            json!({"target": "HEAD~200"}),
        ),
    ];
    println!("{:<34} {:>10}", "CPU, ms", "reference");
    for (name, tool, args) in cases {
        println!("{name:<34} {:>10.1}", peer.cost(tool, &with(args)));
    }
    let before = family_cpu_us(peer.pid());
    for n in 0..TIMES {
        let branch = json!({"branch_name": format!("reference/{n}"), "base_branch": "main"});
        peer.call("git_create_branch", &with(branch)[0]);
    }
    let each = 1e3 * f64::from(TIMES);
    let took = (family_cpu_us(peer.pid()) - before) / each;
    println!("{:<34} {took:>10.1}", "branch created");
    let (before, started) = (family_cpu_us(peer.pid()), Instant::now());
    for n in 0..TIMES {
        std::fs::write(tree.join("bench.txt"), format!("{n}\n")).unwrap();
        peer.call("git_add", &with(json!({"files": ["bench.txt"]}))[0]);
        peer.call("git_commit", &with(json!({"message": "bench"}))[0]);
    }
    let took = (family_cpu_us(peer.pid()) - before) / each;
    let wall = started.elapsed().as_secs_f64() * 1e3 / f64::from(TIMES);
    println!(
        "{:<34} {took:>10.1} {:>10}   {wall:.1}",
        "add and commit", ""
    );
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(ToOwned::to_owned).collect()
}

struct Room {
    hub: Hub,
}

impl Room {
    async fn call(&self, tool: &str, mut args: Value) -> Value {
        args["project_id"] = "default".into();
        if args.get("agent_id").is_none() {
            args["agent_id"] = "default".into();
        }
        let path = format!("/api/v1/servers/git/tools/{tool}");
        let (status, body) = self.hub.admin("POST", &path, args).await;
        assert!(status < 300, "{tool}: {body}");
        body
    }

    /// Makes an agent and a member of the project.
    async fn join(&self, agent: &str) {
        let new = json!({"id": agent});
        let (status, body) = self.hub.admin("POST", "/api/v1/agents", new).await;
        assert!(status < 300, "{body}");
        let member = format!("/api/v1/projects/default/members/{agent}");
        let (status, body) = self.hub.admin("PUT", &member, Value::Null).await;
        assert!(status < 300, "{body}");
    }

    /// Waits until the hub has indexed the commits, as it does some time after a repository's first use.
    async fn indexed(&self, bare: &Path) {
        let started = Instant::now();
        while !bare
            .join("objects/info/commit-graphs/commit-graph-chain")
            .exists()
        {
            assert!(started.elapsed() < Duration::from_secs(300), "no upkeep");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn cpu(&self) -> f64 {
        cpu_ms(&self.hub.pid().to_string(), true)
    }

    fn row(&self, name: &str, before: f64, times: u32, wall: Duration, git: Option<f64>) {
        let each = f64::from(times);
        let git = git.map_or_else(String::new, |ms| format!("{ms:.1}"));
        println!(
            "{name:<34} {:>10.1} {git:>10}   {:.1}",
            (self.cpu() - before) / each,
            wall.as_secs_f64() * 1000.0 / each
        );
    }
}

/// User and system time of a process in milliseconds, with that of its children that have ended; or of these alone.
fn cpu_ms(pid: &str, own: bool) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    let own = if own { ticks(11) + ticks(12) } else { 0.0 };
    (own + ticks(13) + ticks(14)) * 10.0
}

/// What the git program takes for the same, in milliseconds of CPU.
fn program(bare: &Path, tree: &Path, words: &[String]) -> Option<f64> {
    let before = cpu_ms("self", false);
    for _ in 0..TIMES {
        let done = Command::new("git")
            .args(words)
            .env("GIT_DIR", bare.join("worktrees/default"))
            .env("GIT_WORK_TREE", tree)
            .env("GIT_PAGER", "cat")
            .current_dir(tree)
            .stdout(Stdio::null())
            .status();
        done.ok()?;
    }
    Some((cpu_ms("self", false) - before) / f64::from(TIMES))
}

/// Gives the repository at `bare` the objects of `source`, and its HEAD as `main`.
fn adopt(source: &Path, bare: &Path) {
    let from = source.join("objects/pack");
    std::fs::create_dir_all(bare.join("objects/pack")).unwrap();
    for entry in std::fs::read_dir(&from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(
            entry.path(),
            bare.join("objects/pack").join(entry.file_name()),
        )
        .unwrap();
    }
    let head = git2::Repository::open_bare(source).unwrap();
    let head = head.head().unwrap().target().unwrap();
    let repository = git2::Repository::open_bare(bare).unwrap();
    repository
        .reference("refs/heads/main", head, true, "bench")
        .unwrap();
}

/// The largest file that is text and has lived long: the one with most lines at the top of HEAD's source.
fn busiest(bare: &Path) -> String {
    let repository = git2::Repository::open_bare(bare).unwrap();
    let tree = repository
        .find_reference("refs/heads/main")
        .unwrap()
        .peel_to_tree()
        .unwrap();
    let mut best = (0, String::new());
    tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
        let name = entry.name().unwrap_or_default();
        if name.ends_with(".rs")
            && folder.starts_with("src/")
            && let Ok(blob) = repository.find_blob(entry.id())
            && blob.size() > best.0
        {
            best = (blob.size(), format!("{folder}{name}"));
        }
        git2::TreeWalkResult::Ok
    })
    .unwrap();
    best.1
}
