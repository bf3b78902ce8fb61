//! The hub beside a bare rmcp server and FastMCP, which serve the same tool without authentication, scope and audit.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use super::{
    support::{
        client::{Target, Transport},
        hub::Hub,
    },
    transports::{Measured, closed_loop, heading, row},
};

/// A server in a process of its own. It is killed when this is dropped.
struct Peer {
    process: Child,
    address: SocketAddr,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _ended = self.process.wait();
    }
}

impl Peer {
    /// Starts `program`, which listens on the port that is its last argument.
    #[allow(clippy::disallowed_methods, reason = "a bench starts what it measures")]
    async fn start(program: &Path, first: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let process = Command::new(program)
            .args(first)
            .arg(address.port().to_string())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}: use just bench-peers", program.display()));
        let peer = Self { process, address };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "no answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        peer
    }
}

pub async fn run() {
    let hub = Hub::start().await;
    let ours = Target::of(&hub, "llm_gateway", "list_models");
    let bare = Peer::start(&example("bare_rmcp"), &[]).await;
    let python = std::env::var("FASTMCP_PYTHON").unwrap_or("python3".into());
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/benches/peers/fastmcp_server.py"
    );
    let fastmcp = Peer::start(Path::new(&python), &[script]).await;
    let at = |address| Target {
        mcp: address,
        token: None,
        ..ours.clone()
    };
    let servers = [
        ("Syndarix", hub.pid(), ours.clone()),
        ("bare rmcp", bare.process.id(), at(bare.address)),
        ("FastMCP", fastmcp.process.id(), at(fastmcp.address)),
    ];
    println!("\n## Peers: {}", ours.tool);
    for transport in Transport::STREAMABLE {
        println!("\n{}", transport.name());
        heading();
        for connections in [1, 16, 64] {
            let mut all = Vec::new();
            for (name, pid, target) in &servers {
                let measured = closed_loop(transport, target, connections, *pid).await;
                row(name, connections, &measured, *pid);
                all.push(measured);
            }
            let cpu = |m: &Measured| m.cpu_us / all[0].cpu_us;
            let speed = |m: &Measured| all[0].per_second / m.per_second;
            println!(
                "  CPU: {:.2} x bare rmcp, {:.1} x less than FastMCP; calls a second: {:.2} x bare rmcp, {:.1} x FastMCP",
                1.0 / cpu(&all[1]),
                cpu(&all[2]),
                speed(&all[1]),
                speed(&all[2])
            );
        }
    }
}

/// An example of this package, built beside the hub.
fn example(name: &str) -> PathBuf {
    let hub = Path::new(env!("CARGO_BIN_EXE_syndarix"));
    hub.parent().unwrap().join("examples").join(name)
}
