//! The hub under load, and beside other MCP servers. `cargo bench --bench load` measures the hub; name parts to measure only them:
//! `cargo bench --bench load -- transports streams overload`. The hub is the real executable in a process of its own, with
//! authentication, scope and audit on.

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

mod overload;
mod peers;
mod streams;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each bench takes what it needs")]
mod support;
mod transports;

#[tokio::main]
async fn main() {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|n| n == part);
    if wanted("transports") {
        transports::run().await;
    }
    if wanted("streams") {
        streams::many().await;
    }
    if wanted("cycles") {
        streams::cycles().await;
    }
    if wanted("stall") {
        streams::stall().await;
    }
    if wanted("overload") {
        overload::run().await;
    }
    // They have to be installed and built first: `just bench-peers`.
    if named.iter().any(|n| n == "peers") {
        peers::run().await;
    }
}
