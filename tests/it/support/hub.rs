//! The real binary in a temporary directory, on ports of the system's choice.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const SERVERS: [&str; 7] = [
    "llm_gateway",
    "git",
    "knowledge_base",
    "issues",
    "file_system",
    "code_analysis",
    "cicd",
];

/// What differs from a hub of default settings.
#[derive(Default)]
pub struct Settings {
    /// More of config.toml.
    pub extra: String,
    /// More of a server's section.
    pub servers: BTreeMap<&'static str, String>,
}

impl Settings {
    pub fn server(mut self, server: &'static str, lines: &str) -> Self {
        self.servers.insert(server, lines.to_owned());
        self
    }

    pub fn extra(mut self, lines: &str) -> Self {
        self.extra.push_str(lines);
        self
    }

    /// config.toml with every port left to the system.
    pub fn text(&self) -> String {
        let mut text = String::from("[http]\nlisten = \"127.0.0.1:0\"\n");
        text.push_str(&self.extra);
        for server in SERVERS {
            let own = self.servers.get(server).map_or("", String::as_str);
            let listen = if own.contains("listen") {
                ""
            } else {
                "listen = \"127.0.0.1:0\"\n"
            };
            text.push_str(&format!("\n[servers.{server}]\n{listen}{own}\n"));
        }
        text
    }
}

/// A running hub. It is killed when this is dropped.
pub struct Hub {
    process: Child,
    dir: Arc<TempDir>,
    /// `http://127.0.0.1:…` of the main port.
    pub main: String,
    /// The same of each server's own port.
    pub own: BTreeMap<String, String>,
    pub admin: String,
    pub banner: String,
    stderr: Arc<Mutex<String>>,
    pub http: reqwest::Client,
}

pub fn client() -> reqwest::Client {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// The program with these arguments, from its start to its end.
pub fn run(dir: &Path, args: &[&str]) -> Output {
    run_with(dir, args, &[])
}

/// The same with more in its environment.
#[allow(
    clippy::disallowed_methods,
    reason = "tests run the program as its user does"
)]
pub fn run_with(dir: &Path, args: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_syndarix"))
        .args(args)
        .current_dir(dir)
        .env_remove("SYX_TOKEN")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

impl Hub {
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::with_env(settings, &[]).await
    }

    /// The same with more in its environment.
    pub async fn with_env(settings: Settings, environment: &[(&str, &str)]) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        std::fs::write(dir.path().join("config.toml"), settings.text()).unwrap();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(own).collect();
        tokio::task::spawn_blocking(move || Self::spawn(dir, environment))
            .await
            .unwrap()
    }

    /// Starts a second hub with the settings, token and key of this one, beside it: on the same database, if that is PostgreSQL.
    pub async fn beside(&self) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        std::fs::create_dir(dir.path().join("data")).unwrap();
        for file in ["config.toml", "data/token.key", "data/admin.token"] {
            std::fs::copy(self.dir().join(file), dir.path().join(file)).unwrap();
        }
        Self::in_dir(dir).await
    }

    /// Starts a hub over what an earlier one left.
    pub async fn again(mut self) -> Self {
        self.kill();
        Self::in_dir(Arc::clone(&self.dir)).await
    }

    /// Starts a hub in a directory with a config.toml.
    pub async fn in_dir(dir: Arc<TempDir>) -> Self {
        tokio::task::spawn_blocking(move || Self::spawn(dir, Vec::new()))
            .await
            .unwrap()
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "tests run the program as its user does"
    )]
    fn spawn(dir: Arc<TempDir>, environment: Vec<(String, String)>) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_syndarix"))
            .current_dir(dir.path())
            .envs(environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = process.stderr.take().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&stderr);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut chunk) {
                log.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&chunk[..n]));
            }
        });
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (mut banner, mut main, mut own) = (String::new(), String::new(), BTreeMap::new());
        loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("the hub did not start: {}", stderr.lock().unwrap());
            };
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("REST"), Some(url)) => main = url.trim_end_matches("/api/v1").to_owned(),
                (Some(server), Some(url)) if SERVERS.contains(&server) => {
                    own.insert(server.to_owned(), url.trim_end_matches("/mcp").to_owned());
                }
                _ => {}
            }
            banner.push_str(&line);
            banner.push('\n');
            if line.contains("syndarix call") {
                break;
            }
        }
        let admin = std::fs::read_to_string(dir.path().join("data/admin.token"))
            .unwrap()
            .trim()
            .to_owned();
        Self {
            process,
            dir,
            main,
            own,
            admin,
            banner,
            stderr,
            http: client(),
        }
    }

    pub fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What the hub has logged so far.
    pub fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let _gone = self.process.kill();
        self.process.wait().unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Writes another config.toml for the running hub.
    pub fn configure(&self, settings: &Settings) {
        std::fs::write(self.dir().join("config.toml"), settings.text()).unwrap();
    }

    /// SIGTERM; how long the hub took to end, and whether it ended well.
    pub async fn terminate(&mut self) -> (Duration, bool) {
        let started = Instant::now();
        self.signal(Signal::TERM);
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return (started.elapsed(), status.success());
            }
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "the hub does not stop"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// An administrative request.
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.request(&self.admin, method, path, body).await
    }

    pub async fn request(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.main))
            .bearer_auth(token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (
            response.status().as_u16(),
            response.json().await.unwrap_or(Value::Null),
        )
    }

    /// Makes a project with agents.
    pub async fn project(&self, project: &str, agents: &[&str]) {
        assert_eq!(
            self.admin("POST", "/api/v1/projects", json!({"id": project}))
                .await
                .0,
            201
        );
        for agent in agents {
            self.admin("POST", "/api/v1/agents", json!({"id": agent}))
                .await;
            let path = format!("/api/v1/projects/{project}/members/{agent}");
            assert_eq!(self.admin("PUT", &path, Value::Null).await.0, 200);
        }
    }

    /// A new token: its text and its id.
    pub async fn token(
        &self,
        projects: &[&str],
        agents: &[&str],
        scopes: &[&str],
    ) -> (String, String) {
        let wanted =
            json!({"name": "test", "projects": projects, "agents": agents, "scopes": scopes});
        let (status, made) = self.admin("POST", "/api/v1/tokens", wanted).await;
        assert_eq!(status, 201, "{made}");
        (
            made["token"].as_str().unwrap().to_owned(),
            made["id"].as_str().unwrap().to_owned(),
        )
    }

    /// The audit log's newest entries that `query` finds.
    pub async fn audit(&self, query: &str) -> Vec<Value> {
        let (status, found) = self
            .admin(
                "GET",
                &format!("/api/v1/audit?limit=200&{query}"),
                Value::Null,
            )
            .await;
        assert_eq!(status, 200, "{found}");
        found["items"].as_array().unwrap().clone()
    }

    /// Every tool: server and name.
    pub async fn tools(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for server in self.own.keys() {
            let (_, list) = self
                .admin(
                    "GET",
                    &format!("/api/v1/servers/{server}/tools"),
                    Value::Null,
                )
                .await;
            for tool in list["items"].as_array().unwrap() {
                out.push((server.clone(), tool["name"].as_str().unwrap().to_owned()));
            }
        }
        out
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the hub's log ---\n{}", self.log());
        }
    }
}
