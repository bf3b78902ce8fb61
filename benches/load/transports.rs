//! Calls a second, latency, CPU and memory over each transport.

use std::time::{Duration, Instant};

use super::support::{
    client::{Client, Outcome, Target, Transport},
    hub::Hub,
    measure::percentile,
    process::{cpu_us, rss_mib},
};

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(4);
/// Warming up, before it.
const WARM: Duration = Duration::from_millis(500);

/// What was measured.
pub struct Measured {
    pub per_second: f64,
    pub cpu_us: f64,
    pub p50: Duration,
    pub p99: Duration,
}

pub async fn run() {
    let hub = Hub::start().await;
    let target = Target::of(&hub, "llm_gateway", "list_models");
    println!("\n## Transports: {}", target.tool);
    heading();
    for transport in Transport::ALL {
        for connections in [1, 16, 64] {
            let measured = closed_loop(transport, &target, connections, hub.pid()).await;
            row(transport.name(), connections, &measured, hub.pid());
        }
    }
}

pub fn heading() {
    println!(
        "{:<36} {:>5} {:>9} {:>9} {:>9} {:>12} {:>8}",
        "", "conn.", "calls/s", "p50 ms", "p99 ms", "CPU us/call", "RSS MiB"
    );
}

pub fn row(name: &str, connections: usize, m: &Measured, pid: u32) {
    println!(
        "{name:<36} {connections:>5} {:>9.0} {:>9.2} {:>9.2} {:>12.1} {:>8.1}",
        m.per_second,
        ms(m.p50),
        ms(m.p99),
        m.cpu_us,
        rss_mib(pid)
    );
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// `connections` clients that each call again as soon as they have their answer. `pid` serves them.
pub async fn closed_loop(
    transport: Transport,
    target: &Target,
    connections: usize,
    pid: u32,
) -> Measured {
    let clients = (0..connections).map(|_| Client::open(transport, target));
    let clients = futures::future::join_all(clients).await;
    let started = Instant::now();
    let (from, until) = (started + WARM, started + WARM + TIME);
    let running: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let sent = Instant::now();
                    if sent >= until {
                        return latencies;
                    }
                    assert_eq!(client.call().await, Outcome::Served);
                    if sent >= from {
                        latencies.push(sent.elapsed());
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep_until(from.into()).await;
    let before = cpu_us(pid);
    tokio::time::sleep_until(until.into()).await;
    let cpu = cpu_us(pid) - before;
    let mut latencies = Vec::new();
    for client in running {
        latencies.extend(client.await.unwrap());
    }
    latencies.sort();
    Measured {
        per_second: latencies.len() as f64 / TIME.as_secs_f64(),
        cpu_us: cpu / latencies.len() as f64,
        p50: percentile(&latencies, 0.5),
        p99: percentile(&latencies, 0.99),
    }
}
