//! What the LLM gateway costs: the hub between a client and a provider that answers at once, beside that provider alone, a proxy
//! that only passes on, and other gateways. `cargo bench --bench llm`; with `-- peers` also LiteLLM and TensorZero, with
//! `-- long` each measurement takes 20 seconds.
//!
//! Everything runs in a process of its own; provider and proxy are this program again. The hub is the real executable with tokens,
//! a budget, limits, audit and the log of requests on.

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

mod gateways;
mod load;
mod proxy;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each bench takes what it needs")]
mod support;
mod upstream;

use tokio::runtime::{Builder, Runtime};

use self::{
    gateways::Gateway,
    load::{Kind, Measured},
    support::process::rss_mib,
};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        // One thread: a provider that takes as little as it can of the processors, on which everything runs.
        ["upstream", port] => one_thread().block_on(upstream::run(port.parse().unwrap())),
        ["proxy", provider, port] => {
            all_threads().block_on(proxy::run(provider.parse().unwrap(), port.parse().unwrap()))
        }
        _ => all_threads().block_on(measure(words.contains(&"peers"), words.contains(&"long"))),
    }
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn all_threads() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}

async fn measure(peers: bool, long: bool) {
    let upstream = Gateway::upstream().await;
    let mut gateways = vec![
        Gateway::proxy(&upstream).await,
        Gateway::hub(&upstream).await,
    ];
    if peers {
        gateways.push(Gateway::litellm(&upstream).await);
    }
    for kind in [Kind::Whole, Kind::Stream] {
        println!("\n## {}", kind.name());
        println!(
            "{:<14} {:>5} {:>10} {:>8} {:>8} {:>9} {:>9} {:>11}",
            "", "conn.", "requests/s", "p50 ms", "p99 ms", "first ms", "CPU ms", "added p50"
        );
        for connections in [1, 16, 64] {
            let direct = load::closed_loop(&upstream, kind, connections, long).await;
            row(&upstream.name, connections, &direct, &direct);
            for gateway in &gateways {
                let measured = load::closed_loop(gateway, kind, connections, long).await;
                row(&gateway.name, connections, &measured, &direct);
            }
        }
    }
    println!("\n## Memory, start");
    for gateway in &gateways {
        println!(
            "{:<14} {:>8.1} MiB after all this; ready {:.2} s after its start",
            gateway.name,
            rss_mib(gateway.pid),
            gateway.start.as_secs_f64()
        );
    }
    if peers {
        gateways::tensorzero(&upstream).await;
    }
}

fn row(name: &str, connections: usize, m: &Measured, direct: &Measured) {
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{name:<14} {connections:>5} {:>10.0} {:>8.2} {:>8.2} {:>9.2} {:>9.3} {:>11.2}",
        m.per_second,
        ms(m.p50),
        ms(m.p99),
        ms(m.first),
        m.cpu_us / 1000.0,
        ms(m.first) - ms(direct.first),
    );
}
