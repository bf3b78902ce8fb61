//! What one call costs, with authentication, scope and audit on: typed in-process, JSON in-process, REST, streamable HTTP
//! without and with a session, HTTP+SSE. The HTTP faces are served by a hub in a process of its own, so that its CPU can be
//! told from the client's. Prints CPU and latency beside criterion's wall time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::pedantic,
    reason = "a test or a bench may fail loudly"
)]

use std::{sync::Arc, time::Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures::StreamExt;
use serde_json::{Value, json};
use syndarix::{
    access::Principal,
    app::App,
    base::ids::{AgentId, ProjectId},
    config::Settings,
    project::Scope,
    servers::llm_gateway::tools::list_models::{Args, ListModels},
    tool::{Caller, Registry},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    runtime::Runtime,
};

const TOOL: &str = "list_models";

#[path = "../tests/it/support/hub.rs"]
#[allow(dead_code, reason = "shared with the integration tests")]
mod hub;

struct Local {
    registry: Arc<Registry>,
    principal: Arc<Principal>,
    _dir: tempfile::TempDir,
}

async fn local() -> Local {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("[storage]\ndata = {:?}\n", dir.path().join("data"));
    let app = App::open(Settings::parse(&text, "bench", false).unwrap())
        .await
        .unwrap();
    let token = app.first_token.as_ref().unwrap().reveal().to_owned();
    let principal = app.authority().authenticate(&token).await.unwrap();
    let registry = Arc::clone(app.registry());
    // Lives as long as the bench.
    std::mem::forget(app);
    Local {
        registry,
        principal,
        _dir: dir,
    }
}

/// A keep-alive connection that speaks just enough HTTP/1.1, so that the client costs little.
struct Wire {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Wire {
    async fn connect(address: std::net::SocketAddr, path: &str, token: &str, extra: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n{extra}"
        );
        Self {
            stream: BufReader::new(stream),
            head,
        }
    }

    /// Sends `body`; the answer's head and body.
    async fn post(&mut self, body: &str) -> (String, String) {
        let request = format!("{}Content-Length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .await
            .unwrap();
        let head = self.head_of_answer().await;
        let lower = head.to_ascii_lowercase();
        if let Some(length) = lower
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "))
        {
            let mut body = vec![0; length.trim().parse().unwrap()];
            self.stream.read_exact(&mut body).await.unwrap();
            return (head, String::from_utf8(body).unwrap());
        }
        let mut out = String::new();
        loop {
            let mut size = String::new();
            self.stream.read_line(&mut size).await.unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).await.unwrap();
            if size == 0 {
                return (head, out);
            }
            out.push_str(std::str::from_utf8(&chunk[..size]).unwrap());
        }
    }

    async fn head_of_answer(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(
                self.stream.read_line(&mut head).await.unwrap() > 0,
                "closed: {head}"
            );
        }
        head
    }
}

fn args() -> Value {
    json!({"project_id": "default", "agent_id": "default"})
}

fn call(id: u64) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": TOOL, "arguments": args()}}).to_string()
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const ACCEPT: &str = "Accept: application/json, text/event-stream\r\n";

/// User and system time of a process, in microseconds.
fn cpu_us(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

/// Runs `once` many times for the percentiles and the CPU of the process that serves it, then under criterion.
fn measure<F: AsyncFnMut()>(
    c: &mut Criterion,
    runtime: &Runtime,
    name: &str,
    (pid, times): (u32, u32),
    mut once: F,
) {
    let mut latencies = Vec::with_capacity(times as usize);
    runtime.block_on(async {
        for _ in 0..200 {
            once().await;
        }
        let before = cpu_us(pid);
        for _ in 0..times {
            let started = Instant::now();
            once().await;
            latencies.push(started.elapsed());
        }
        latencies.sort();
        let at =
            |share: f64| latencies[((f64::from(times) * share) as usize).min(latencies.len() - 1)];
        println!(
            "{name}: {:.1} us CPU a call, p50 {:?}, p99 {:?}",
            (cpu_us(pid) - before) / f64::from(times),
            at(0.5),
            at(0.99)
        );
    });
    c.bench_function(name, |b| {
        b.iter_custom(|n| {
            runtime.block_on(async {
                let started = Instant::now();
                for _ in 0..n {
                    once().await;
                }
                started.elapsed()
            })
        });
    });
}

fn benches(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let here = runtime.block_on(local());
    let hub = runtime.block_on(hub::Hub::start());
    let (own_pid, hub_pid) = (std::process::id(), hub.pid());
    let address = |url: &str| {
        url.trim_start_matches("http://")
            .parse::<std::net::SocketAddr>()
            .unwrap()
    };
    let scope = Scope {
        project: ProjectId::new("default").unwrap(),
        agent: AgentId::new("default").unwrap(),
    };

    measure(
        c,
        &runtime,
        "typed in-process",
        (own_pid, 50_000),
        async || {
            let caller = Caller::embedded(Arc::clone(&here.principal));
            here.registry
                .call::<ListModels>(
                    caller,
                    &scope,
                    Args {
                        limit: 50,
                        cursor: None,
                    },
                )
                .await
                .unwrap();
        },
    );

    let tool = Arc::clone(here.registry.find_any(TOOL).unwrap());
    measure(
        c,
        &runtime,
        "JSON in-process",
        (own_pid, 50_000),
        async || {
            let caller = Caller::embedded(Arc::clone(&here.principal));
            let args = args().as_object().unwrap().clone();
            here.registry
                .call_json(tool.as_ref(), caller, args)
                .await
                .unwrap();
        },
    );

    let path = format!("/api/v1/servers/llm_gateway/tools/{TOOL}");
    let mut rest = runtime.block_on(Wire::connect(address(&hub.main), &path, &hub.admin, ""));
    measure(c, &runtime, "REST", (hub_pid, 10_000), async || {
        let (head, _) = rest.post(&args().to_string()).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    });

    let own = address(&hub.own["llm_gateway"]);
    let modern = format!(
        "{ACCEPT}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {TOOL}\r\n"
    );
    let mut stateless = runtime.block_on(Wire::connect(own, "/mcp", &hub.admin, &modern));
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                      "io.modelcontextprotocol/clientCapabilities": {},
                      "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"}});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                         "params": {"name": TOOL, "arguments": args(), "_meta": meta}})
    .to_string();
    measure(
        c,
        &runtime,
        "streamable HTTP, stateless",
        (hub_pid, 10_000),
        async || {
            let (head, body) = stateless.post(&message).await;
            assert!(
                head.starts_with("HTTP/1.1 200") && body.contains("structuredContent"),
                "{head}{body}"
            );
        },
    );

    let mut session = runtime.block_on(async {
        let mut wire = Wire::connect(own, "/mcp", &hub.admin, ACCEPT).await;
        let (head, _) = wire.post(INITIALIZE).await;
        let id = head
            .lines()
            .find_map(|l| l.strip_prefix("mcp-session-id: "))
            .unwrap()
            .to_owned();
        wire.head.push_str(&format!("Mcp-Session-Id: {id}\r\n"));
        wire.post(INITIALIZED).await;
        wire
    });
    let mut id = 0;
    measure(
        c,
        &runtime,
        "streamable HTTP, session",
        (hub_pid, 10_000),
        async || {
            id += 1;
            let (_, body) = session.post(&call(id)).await;
            assert!(body.contains("structuredContent"), "{body}");
        },
    );

    let (mut post, mut events) = runtime.block_on(async {
        let http = reqwest_client();
        let stream = http
            .get(format!("http://{own}/sse"))
            .bearer_auth(&hub.admin)
            .send()
            .await
            .unwrap();
        let mut events = Box::pin(stream.bytes_stream());
        let first = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
        let path = first
            .lines()
            .find_map(|l| l.strip_prefix("data: "))
            .unwrap()
            .to_owned();
        let mut post = Wire::connect(own, &path, &hub.admin, "").await;
        post.post(INITIALIZE).await;
        events.next().await.unwrap().unwrap();
        post.post(INITIALIZED).await;
        (post, events)
    });
    let mut id = 0;
    measure(c, &runtime, "HTTP+SSE", (hub_pid, 10_000), async || {
        id += 1;
        post.post(&call(id)).await;
        let event = events.next().await.unwrap().unwrap();
        assert!(event.starts_with(b"event: message"), "{event:?}");
    });
}

fn reqwest_client() -> reqwest::Client {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

criterion_group!(calls, benches);
criterion_main!(calls);
