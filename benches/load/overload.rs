//! Ten times what the hub will serve: how long the admitted wait, and what the others are told.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    support::{
        client::{Client, Outcome, Target, Transport},
        hub::{Hub, Settings},
        measure::percentile,
    },
    transports::ms,
};

/// Requests that the hub works on at the same time.
const PLACES: u32 = 64;
/// What one call takes, waiting for a model.
const CALL: Duration = Duration::from_millis(100);
const TIME: Duration = Duration::from_secs(5);
/// Arrivals come in batches of this length.
const TICK: Duration = Duration::from_millis(5);

pub async fn run() {
    let extra = format!("max_concurrent_requests = {PLACES}\n");
    let hub = Hub::with(Settings::default().extra(&extra)).await;
    let mut target = Target::of(&hub, "llm_gateway", "chat");
    target.arguments["model"] = "mock/echo".into();
    let text = format!("mock:ttft={} hello", CALL.as_millis());
    target.arguments["messages"] = json!([{"role": "user", "content": text}]);
    let capacity = f64::from(PLACES) / CALL.as_secs_f64();
    println!(
        "\n## Overload: a capacity of {capacity:.0} calls a second, offered {:.0}",
        capacity * 10.0
    );
    for transport in Transport::ALL {
        let (mut admitted, mut shed) = offer(transport, &target, capacity * 10.0).await;
        admitted.sort();
        shed.sort();
        println!(
            "{:<28} {:>6.0}/s admitted, p50 {:.0} ms, p99 {:.0} ms; {:>6.0}/s shed with Retry-After, p99 {:.0} ms",
            transport.name(),
            admitted.len() as f64 / TIME.as_secs_f64(),
            ms(percentile(&admitted, 0.5)),
            ms(percentile(&admitted, 0.99)),
            shed.len() as f64 / TIME.as_secs_f64(),
            ms(percentile(&shed, 0.99)),
        );
    }
}

/// Offers `per_second` calls, whether earlier ones are answered or not. Latencies of the admitted and of the others.
async fn offer(
    transport: Transport,
    target: &Target,
    per_second: f64,
) -> (Vec<Duration>, Vec<Duration>) {
    // Connecting is not part of the load, and one after another never too much.
    let mut clients = Vec::new();
    for _ in 0..4 * PLACES {
        clients.push(Client::open(transport, target).await);
    }
    let idle = Arc::new(Mutex::new(clients));
    let done: Arc<Mutex<(Vec<Duration>, Vec<Duration>)>> = Arc::default();
    let started = Instant::now();
    let mut offered = 0.0;
    let (mut calls, mut without_client) = (Vec::new(), 0_u32);
    let mut ticks = tokio::time::interval(TICK);
    while started.elapsed() < TIME {
        ticks.tick().await;
        while offered < started.elapsed().as_secs_f64() * per_second {
            offered += 1.0;
            let Some(mut client) = idle.lock().unwrap().pop() else {
                without_client += 1;
                continue;
            };
            let (idle, done) = (Arc::clone(&idle), Arc::clone(&done));
            calls.push(tokio::spawn(async move {
                let sent = Instant::now();
                let outcome = client.call().await;
                idle.lock().unwrap().push(client);
                let mut done = done.lock().unwrap();
                match outcome {
                    Outcome::Served => done.0.push(sent.elapsed()),
                    Outcome::Shed => done.1.push(sent.elapsed()),
                }
            }));
        }
    }
    futures::future::join_all(calls).await;
    if without_client > 0 {
        println!("({without_client} of {offered} calls found no idle client and were not offered)");
    }
    let mut done = done.lock().unwrap();
    std::mem::take(&mut *done)
}
