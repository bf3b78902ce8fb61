//! What one call costs over each transport, with authentication, scope and audit on. A hub in a process of its own serves them,
//! so that its CPU can be told from the client's. Prints CPU and latency beside criterion's wall time.

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

#[allow(dead_code, reason = "each bench takes what it needs")]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

use support::{
    client::{Client, Outcome, Target, Transport},
    hub::Hub,
    measure::measure,
};

fn benches(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let hub = runtime.block_on(Hub::start());
    let target = Target::of(&hub, "llm_gateway", "list_models");
    for transport in Transport::ALL {
        let mut client = runtime.block_on(Client::open(transport, &target));
        let name = transport.name();
        measure(c, &runtime, name, (hub.pid(), 10_000), async || {
            assert_eq!(client.call().await, Outcome::Served);
        });
    }
}

criterion_group!(transports, benches);
criterion_main!(transports);
