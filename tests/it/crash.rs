//! kill -9 at any moment of what no server's own crash test looks at: issues, administration, runs, what was asked of models, the
//! events of all this, and the audit log.
//!
//! `just crash-hub` runs many cycles against a release build.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{Hub, Settings, run};

/// Cycles, unless the environment says otherwise.
const CYCLES: u64 = 4;
/// Writes down that it ran, so that a second time would show.
const WORKFLOW: &str = "jobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo \"$GITHUB_RUN_ID\" >> \"$RAN\"\n      - run: sleep 0.2\n";

/// What was acknowledged, by kind.
type Told = Arc<Mutex<BTreeMap<&'static str, Vec<String>>>>;

#[derive(Clone)]
struct Caller {
    http: reqwest::Client,
    main: String,
    token: String,
    told: Told,
}

impl Caller {
    /// The answer; nothing when the hub is gone. A living hub refuses nothing.
    async fn post(&self, path: &str, body: Value) -> Option<Value> {
        let request = self.http.post(format!("{}{path}", self.main));
        let sent = request.bearer_auth(&self.token).json(&body).send().await;
        let answer = sent.ok()?;
        let status = answer.status();
        let body: Value = answer.json().await.ok()?;
        assert!(
            status.is_success() || body["code"] == "unavailable",
            "{path}: {status} {body}"
        );
        status.is_success().then_some(body)
    }

    async fn call(&self, server: &str, tool: &str, mut args: Value) -> Option<Value> {
        args["project_id"] = "default".into();
        args["agent_id"] = "default".into();
        let path = format!("/api/v1/servers/{server}/tools/{tool}");
        self.post(&path, args).await
    }

    fn tell(&self, kind: &'static str, what: &Value) {
        let text = what
            .as_str()
            .map_or_else(|| what.to_string(), str::to_owned);
        self.told
            .lock()
            .unwrap()
            .entry(kind)
            .or_default()
            .push(text);
    }

    /// Changes issues until the hub is gone.
    async fn issues(self, cycle: u64) -> Option<()> {
        for n in 0.. {
            let title = format!("{cycle} {n}");
            let made = self
                .call("issues", "create_issue", json!({"title": title}))
                .await?;
            self.tell("issue", &made["number"]);
            let number = made["number"].clone();
            let comment = json!({"number": number, "body": "seen"});
            self.call("issues", "add_issue_comment", comment).await?;
            self.tell("comment", &number);
            let closed = json!({"number": number, "set": {"state": "done"}});
            self.call("issues", "update_issue", closed).await?;
            self.tell("closed", &number);
        }
        None
    }

    /// Makes projects and tokens, and revokes every other token.
    async fn administration(self, cycle: u64) -> Option<()> {
        for n in 0.. {
            let id = format!("p{cycle}-{n}");
            self.post("/api/v1/projects", json!({"id": id})).await?;
            self.tell("project", &json!(id));
            let wanted = json!({"name": "t", "projects": ["default"], "agents": ["default"], "scopes": ["mcp:read"]});
            let made = self.post("/api/v1/tokens", wanted).await?;
            self.tell("token", &made["token"]);
            if n % 2 == 1 {
                let url = format!("{}/api/v1/tokens/{}", self.main, made["id"].as_str()?);
                let gone = self.http.delete(url).bearer_auth(&self.token).send().await;
                gone.ok()?;
                self.tell("revoked", &made["token"]);
            }
        }
        None
    }

    /// Starts runs, each under a key of its own, and asks a second time for each.
    async fn runs(self, cycle: u64) -> Option<()> {
        for n in 0.. {
            let key = format!("{cycle} {n}");
            let args = json!({"inline": WORKFLOW, "idempotency_key": key, "wait_ms": 0});
            let made = self.call("cicd", "run_workflow", args.clone()).await?;
            self.tell("run", &made["run_id"]);
            let again = self.call("cicd", "run_workflow", args).await?;
            assert_eq!(again["run_id"], made["run_id"], "{again}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        None
    }

    /// Asks the built-in model.
    async fn chat(self, _cycle: u64) -> Option<()> {
        loop {
            let args =
                json!({"model": "mock/echo", "messages": [{"role": "user", "content": "hello"}]});
            let said = self.call("llm_gateway", "chat", args).await?;
            self.tell("request", &said["request_id"]);
        }
    }
}

/// All items of a list, or of the events.
async fn all(hub: &Hub, path: &str) -> Vec<Value> {
    let (mut items, mut next) = (Vec::new(), String::new());
    loop {
        let (status, page) = hub
            .admin("GET", &format!("{path}{next}"), Value::Null)
            .await;
        assert_eq!(status, 200, "{page}");
        let found = page["items"].as_array().unwrap().clone();
        next = match (&page["next_cursor"], found.last()) {
            (Value::String(cursor), _) => format!("&cursor={cursor}"),
            (_, Some(last)) if path.contains("/events") => format!("&after={}", last["id"]),
            _ => String::new(),
        };
        items.extend(found);
        if next.is_empty() {
            return items;
        }
    }
}

fn texts(items: &[Value], field: &str) -> BTreeSet<String> {
    let text = |item: &Value| item[field].as_str().unwrap().to_owned();
    items.iter().map(text).collect()
}

/// Looks for everything that was acknowledged since the last look.
async fn check(hub: &Hub, told: &Told, ran: &std::path::Path) {
    let told = std::mem::take(&mut *told.lock().unwrap());
    let of = |kind: &str| told.get(kind).cloned().unwrap_or_default();
    let verified = run(hub.dir(), &["audit", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
    let open = hub.audit("outcome=started").await;
    assert!(open.is_empty(), "calls without an end: {open:?}");

    let events: BTreeSet<(String, String)> = all(hub, "/api/v1/projects/default/events?limit=200")
        .await
        .iter()
        .map(|event| {
            let text = |field: &str| event[field].as_str().unwrap().to_owned();
            (text("action"), text("path"))
        })
        .collect();
    let changes = [
        ("issue", "create_issue"),
        ("comment", "add_issue_comment"),
        ("closed", "update_issue"),
    ];
    for (kind, action) in changes {
        for number in of(kind) {
            let event = (action.to_owned(), format!("issues/{number}"));
            assert!(events.contains(&event), "no event {event:?}");
        }
    }
    let issue = |number: String| async move {
        let args = json!({"project_id": "default", "agent_id": "default", "number": number.parse::<i64>().unwrap()});
        let path = "/api/v1/servers/issues/tools/get_issue";
        let (status, issue) = hub.admin("POST", path, args).await;
        assert_eq!(status, 200, "issue {number}: {issue}");
        issue
    };
    for number in of("issue") {
        issue(number).await;
    }
    for number in of("comment") {
        let text = issue(number).await.to_string();
        assert!(text.contains("\"comment_count\":1"), "{text}");
    }
    for number in of("closed") {
        let text = issue(number).await.to_string();
        assert!(text.contains("\"done\""), "{text}");
    }

    let projects = texts(&all(hub, "/api/v1/projects?limit=200").await, "id");
    for project in of("project") {
        assert!(projects.contains(&project), "{project} is lost");
    }
    let revoked: BTreeSet<String> = of("revoked").into_iter().collect();
    for token in of("token") {
        let path = "/api/v1/issues?project_id=default&agent_id=default&limit=1";
        let (status, _) = hub.request(&token, "GET", path, Value::Null).await;
        // The last one may have been revoked without an answer.
        let fits = match status {
            200 => !revoked.contains(&token),
            401 => revoked.contains(&token) || of("token").last() == Some(&token),
            _ => false,
        };
        assert!(fits, "{status}: {}", revoked.contains(&token));
    }
    for request in of("request") {
        let args = json!({"project_id": "default", "agent_id": "default", "request_id": request});
        let path = "/api/v1/servers/llm_gateway/tools/get_request";
        let (status, found) = hub.admin("POST", path, args).await;
        assert_eq!(status, 200, "{found}");
    }

    let ran = std::fs::read_to_string(ran).unwrap_or_default();
    for id in of("run") {
        let path = format!("/api/v1/cicd/runs/{id}?project_id=default&agent_id=default");
        let (status, found) = hub.admin("GET", &path, Value::Null).await;
        assert_eq!(status, 200, "{found}");
        let times = ran.lines().filter(|line| **line == *id).count();
        match found["status"].as_str().unwrap() {
            "success" => assert_eq!(times, 1, "{found}"),
            "interrupted" => {
                assert!(times <= 1, "{found}");
                let said = found["message"].as_str().unwrap();
                assert!(said.contains("run the workflow again"), "{said}");
            }
            other => panic!("{other}: {found}"),
        }
    }
}

#[tokio::test]
async fn whatever_a_kill_interrupts_what_was_acknowledged_is_there_once_and_on_record() {
    let cycles = std::env::var("CRASH_CYCLES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(CYCLES);
    let dir = tempfile::tempdir().unwrap();
    let ran = dir.path().join("ran");
    let env = format!("env = {{ RAN = \"{}\" }}\n", ran.display());
    let mut hub = Hub::with(Settings::default().server("cicd", &env)).await;
    let (status, made) = hub
        .admin(
            "POST",
            "/api/v1/servers/git/tools/git_init",
            json!({"project_id": "default", "agent_id": "default"}),
        )
        .await;
    assert_eq!(status, 200, "{made}");
    let told = Told::default();
    let mut kinds = BTreeSet::new();
    for cycle in 0..cycles {
        let caller = Caller {
            http: hub.http.clone(),
            main: hub.main.clone(),
            token: hub.admin.clone(),
            told: Arc::clone(&told),
        };
        let writers = [
            tokio::spawn(caller.clone().issues(cycle)),
            tokio::spawn(caller.clone().administration(cycle)),
            tokio::spawn(caller.clone().runs(cycle)),
            tokio::spawn(caller.chat(cycle)),
        ];
        tokio::time::sleep(Duration::from_millis(700 + 137 * cycle % 900)).await;
        hub.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        kinds.extend(told.lock().unwrap().keys().copied());
        hub = hub.again().await;
        check(&hub, &told, &ran).await;
    }
    let all = [
        "closed", "comment", "issue", "project", "request", "revoked", "run", "token",
    ];
    assert_eq!(kinds, BTreeSet::from(all));
}
