//! kill -9 at any moment: commits and merges that were acknowledged are there, the repository is sound, and nobody is kept
//! out by what the dead hub held.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use syndarix::servers::git::cli::{Place, Program};

use crate::support::Hub;

/// Cycles, unless the environment says otherwise.
const CYCLES: u64 = 6;
const AGENTS: [&str; 2] = ["ann", "bea"];

/// Commits that an agent was told of.
type Told = Arc<Mutex<Vec<(&'static str, String)>>>;

#[derive(Clone)]
struct Caller {
    http: reqwest::Client,
    main: String,
    token: String,
    agent: &'static str,
}

impl Caller {
    fn new(hub: &Hub, agent: &'static str) -> Self {
        Self {
            http: hub.http.clone(),
            main: hub.main.clone(),
            token: hub.admin.clone(),
            agent,
        }
    }

    /// The answer, or the problem; nothing when the hub is gone.
    async fn call(
        &self,
        server: &str,
        tool: &str,
        mut args: Value,
    ) -> Option<Result<Value, Value>> {
        args["project_id"] = "demo".into();
        args["agent_id"] = self.agent.into();
        let url = format!("{}/api/v1/servers/{server}/tools/{tool}", self.main);
        let sent = self
            .http
            .post(url)
            .bearer_auth(&self.token)
            .json(&args)
            .send()
            .await
            .ok()?;
        let ok = sent.status().is_success();
        let body = sent.json().await.ok()?;
        Some(if ok { Ok(body) } else { Err(body) })
    }

    async fn git(&self, tool: &str, args: Value) -> Option<Result<Value, Value>> {
        self.call("git", tool, args).await
    }

    async fn told(&self, tool: &str, args: Value) -> Value {
        self.git(tool, args)
            .await
            .expect("the hub is there")
            .unwrap()
    }
}

/// Commits to one's own branch and merges the other's, until the hub is gone.
async fn work(caller: Caller, told: Told, stop: Arc<AtomicBool>, cycle: u64) -> Option<()> {
    let other = AGENTS.into_iter().find(|agent| *agent != caller.agent)?;
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let content = format!("{} {cycle} {n}\n", caller.agent);
        for path in [format!("{}/{n}", caller.agent), "shared".to_owned()] {
            let args = json!({"path": path, "content": content, "create_parents": true, "mode": "overwrite"});
            let _ = caller.call("file_system", "write_file", args).await?;
        }
        caller.git("git_add", json!({"paths": ["."]})).await?.ok();
        if let Ok(done) = caller
            .git("git_commit", json!({"message": content}))
            .await?
        {
            told.lock()
                .unwrap()
                .push((caller.agent, done["commit"].as_str()?.to_owned()));
        }
        if n % 3 != 0 {
            continue;
        }
        let args = json!({"revision": format!("agent/{other}/work")});
        let Ok(mut done) = caller.git("git_merge", args).await? else {
            continue;
        };
        if done["status"] == "conflicted" {
            let args = json!({"path": "shared", "side": "theirs"});
            caller.git("git_resolve_conflict", args).await?.ok();
            match caller
                .git("git_merge", json!({"action": "continue"}))
                .await?
            {
                Ok(next) => done = next,
                Err(_) => continue,
            }
        }
        if let Some(head) = done["head"].as_str() {
            told.lock().unwrap().push((caller.agent, head.to_owned()));
        }
    }
    Some(())
}

/// All that was told is on its branch, and everybody can go on.
async fn check(hub: &Hub, told: &Told) {
    for agent in AGENTS {
        let caller = Caller::new(hub, agent);
        let status = caller.told("git_status", json!({})).await;
        if status["in_progress"].is_string() {
            caller.told("git_merge", json!({"action": "abort"})).await;
        }
        let commits: Vec<String> = {
            let told = told.lock().unwrap();
            told.iter()
                .filter(|(who, _)| *who == agent)
                .map(|(_, id)| id.clone())
                .collect()
        };
        for commit in commits.iter().rev().take(20) {
            let args = json!({"base": commit, "head": format!("agent/{agent}/work")});
            let compared = caller.told("git_compare", args).await;
            assert_eq!(
                compared["behind"], 0,
                "{agent} was told of {commit}: {compared}"
            );
        }
        let args = json!({"message": "on with it", "allow_empty": true});
        caller.told("git_reset", json!({})).await;
        caller.told("git_commit", args).await;
    }
    if let Ok(git) = Program::find("git") {
        let place = Place::of(&hub.data().join("projects/demo/repos/main.git")).unwrap();
        let run = git
            .command(place, "fsck")
            .flag("--strict")
            .flag("--no-dangling")
            .flag("--no-progress");
        let said = tokio::task::spawn_blocking(move || run.output(&|| false))
            .await
            .unwrap();
        assert!(said.is_ok(), "{said:?}");
    }
}

#[tokio::test]
async fn whatever_a_kill_interrupts_acknowledged_commits_and_merges_stay() {
    let cycles = std::env::var("CRASH_CYCLES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(CYCLES);
    let mut hub = Hub::start().await;
    hub.project("demo", &AGENTS).await;
    let ann = Caller::new(&hub, "ann");
    ann.told("git_init", json!({})).await;
    ann.told(
        "git_commit",
        json!({"message": "start", "allow_empty": true}),
    )
    .await;
    Caller::new(&hub, "bea").told("git_status", json!({})).await;
    let told = Told::default();
    for cycle in 0..cycles {
        let stop = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = AGENTS
            .into_iter()
            .map(|agent| {
                let caller = Caller::new(&hub, agent);
                tokio::spawn(work(caller, Arc::clone(&told), Arc::clone(&stop), cycle))
            })
            .collect();
        // Primes, so that no two cycles are cut at the same step.
        tokio::time::sleep(Duration::from_millis(150 + cycle * 97 % 700)).await;
        hub.kill();
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.await.unwrap();
        }
        hub = hub.again().await;
        check(&hub, &told).await;
    }
    assert!(
        told.lock().unwrap().len() as u64 > cycles,
        "something was told"
    );
}
