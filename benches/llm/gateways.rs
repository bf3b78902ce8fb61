//! What is measured, each in a process of its own.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;

use super::support::hub::{Hub, Settings};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/llm_peers.py");

/// A process that answers chat completions.
pub struct Gateway {
    pub name: String,
    pub address: SocketAddr,
    pub pid: u32,
    pub token: Option<String>,
    pub model: String,
    /// From its start until it was ready.
    pub start: Duration,
    _process: Process,
}

#[allow(dead_code, reason = "they are held until they are dropped")]
enum Process {
    Hub(Box<Hub>, NamedTempFile),
    Other(Killed),
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Gateway {
    pub async fn upstream() -> Self {
        Self::start("no gateway", &this(), &["upstream"]).await
    }

    pub async fn proxy(upstream: &Self) -> Self {
        let provider = upstream.address.to_string();
        Self::start("bare proxy", &this(), &["proxy", &provider]).await
    }

    pub async fn litellm(upstream: &Self) -> Self {
        let provider = upstream.address.to_string();
        let mut peer = Self::start("LiteLLM", &python(), &[SCRIPT, "litellm", &provider]).await;
        peer.token = Some("sk-bench".to_owned());
        peer
    }

    pub async fn hub(upstream: &Self) -> Self {
        let key = NamedTempFile::new().unwrap();
        std::fs::write(key.path(), "sk-of-the-provider").unwrap();
        let lines = format!(
            r#"
[servers.llm_gateway.providers.up]
kind = "openai"
base_url = "http://{}/v1"
api_key_file = "{}"
[servers.llm_gateway.models.bench]
provider = "up"
model = "up"
input_usd_per_million = 2.5
output_usd_per_million = 10.0
[[servers.llm_gateway.budgets]]
name = "agents a day"
scope = {{ agent = "*" }}
usd = 1000000.0
period = "day"
[[servers.llm_gateway.limits]]
token = "*"
rpm = 100000000
tpm = 100000000000
max_concurrency = 1000
"#,
            upstream.address,
            key.path().display()
        );
        let started = Instant::now();
        let hub = Hub::with(Settings::default().server("llm_gateway", &lines)).await;
        while !hub
            .http
            .get(format!("{}/readyz", hub.main))
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let start = started.elapsed();
        let (token, _) = hub
            .token(&["default"], &["default"], &["llm_gateway:write"])
            .await;
        let address = hub.own["llm_gateway"].trim_start_matches("http://");
        Self {
            name: "Syndarix".to_owned(),
            address: address.parse().unwrap(),
            pid: hub.pid(),
            token: Some(token),
            model: "bench".to_owned(),
            start,
            _process: Process::Hub(Box::new(hub), key),
        }
    }

    /// Starts `program`, which listens on the port that is its last argument.
    #[allow(clippy::disallowed_methods, reason = "a bench starts what it measures")]
    async fn start(name: &str, program: &Path, first: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let started = Instant::now();
        let process = Command::new(program)
            .args(first)
            .arg(address.port().to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}: use just bench-llm", program.display()));
        let process = Killed(process);
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(120), "no answer");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self {
            name: name.to_owned(),
            address,
            pid: process.0.id(),
            token: None,
            model: "up".to_owned(),
            start: started.elapsed(),
            _process: Process::Other(process),
        }
    }
}

/// TensorZero's wheel has its gateway as a library: the script calls it in its own process, and says what that costs.
#[allow(clippy::disallowed_methods, reason = "a bench starts what it measures")]
pub async fn tensorzero(upstream: &Gateway) {
    let provider = upstream.address.to_string();
    let mut script = Command::new(python());
    script.args([SCRIPT, "tensorzero", &provider]);
    let done = tokio::task::spawn_blocking(move || script.status()).await;
    assert!(done.unwrap().unwrap().success());
}

fn this() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}

fn python() -> std::path::PathBuf {
    std::env::var("LLM_PEERS_PYTHON")
        .unwrap_or("python3".into())
        .into()
}
