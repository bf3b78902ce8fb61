//! Many HTTP+SSE streams: at the same time, one after another, and one that nobody reads.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::{
    support::{
        client::{Client, Outcome, Target, Transport},
        hub::{Hub, Settings},
        measure::percentile,
        process::{descriptors, rss_mib},
        wire::Events,
    },
    transports::ms,
};

const STREAMS: usize = 1000;

/// Opens so many streams at the same time, initializes and calls on each, and closes them.
pub async fn many() {
    let hub = Hub::start().await;
    let target = Target::of(&hub, "llm_gateway", "list_models");
    warm(&target).await;
    let (descriptors_before, memory_before) = (descriptors(hub.pid()), rss_mib(hub.pid()));
    let first = join_all((0..STREAMS).map(|_| async {
        let started = Instant::now();
        let token = target.token.as_deref();
        let mut events = Events::open(target.mcp, "/sse", token).await.unwrap();
        events.next().await.unwrap();
        (started.elapsed(), events)
    }));
    let (mut latencies, silent): (Vec<_>, Vec<_>) = first.await.into_iter().unzip();
    latencies.sort();
    println!("\n## {STREAMS} streams at the same time");
    println!(
        "first event: p50 {:.0} ms, p99 {:.0} ms",
        ms(percentile(&latencies, 0.5)),
        ms(percentile(&latencies, 0.99))
    );
    drop(silent);
    settle(&hub, descriptors_before).await;

    let clients = join_all((0..STREAMS).map(|_| Client::stream(&target))).await;
    let mut clients: Vec<Client> = clients.into_iter().map(|c| c.unwrap()).collect();
    let called = join_all(clients.iter_mut().map(Client::call)).await;
    // Beyond what one token may run at the same time, calls are turned away.
    let served = called.iter().filter(|o| **o == Outcome::Served).count();
    println!(
        "initialized, {served} calls at once served: {:.1} MiB more memory, {} descriptors",
        rss_mib(hub.pid()) - memory_before,
        descriptors(hub.pid())
    );
    drop(clients);
    settle(&hub, descriptors_before).await;
}

/// Opens, initializes and closes so many streams, twice: the second time costs no memory, and no place is left taken.
pub async fn cycles() {
    // No more places than a batch needs: one that stayed taken would be missed.
    let settings =
        Settings::default().extra("[mcp]\nmax_sessions = 100\nmax_sessions_per_token = 100\n");
    let hub = Hub::with(settings).await;
    let target = Target::of(&hub, "llm_gateway", "list_models");
    warm(&target).await;
    println!("\n## {STREAMS} streams opened and closed, twice");
    let descriptors_before = descriptors(hub.pid());
    for _ in 0..2 {
        let (mut opened, started) = (0, Instant::now());
        while opened < STREAMS {
            // Places are free again when the hub has seen the connections end.
            let batch = join_all((0..25).map(|_| Client::stream(&target))).await;
            opened += batch.iter().filter(|c| c.is_ok()).count();
        }
        println!(
            "{:.0} a second, {:.1} MiB",
            opened as f64 / started.elapsed().as_secs_f64(),
            rss_mib(hub.pid())
        );
    }
    settle(&hub, descriptors_before).await;
    let all = join_all((0..100).map(|_| Client::stream(&target))).await;
    assert!(all.iter().all(Result::is_ok), "a place is still taken");
    println!("all 100 places are free again");
}

/// Has the hub open what it opens when it is needed, as connections to the database.
async fn warm(target: &Target) {
    for _ in 0..5 {
        let mut clients = join_all((0..50).map(|_| Client::open(Transport::Sse, target))).await;
        join_all(clients.iter_mut().map(Client::call)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// Waits until the hub has no more descriptors than before.
async fn settle(hub: &Hub, before: usize) {
    let started = Instant::now();
    while descriptors(hub.pid()) > before && started.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!(
        "closed: {before} descriptors before, {} after {:.0} ms; {:.1} MiB",
        descriptors(hub.pid()),
        ms(started.elapsed()),
        rss_mib(hub.pid())
    );
}

/// One client calls and does not read its stream; another calls all the while.
pub async fn stall() {
    let hub = Hub::with(Settings::default().extra("[mcp]\nstall_timeout_s = 2\n")).await;
    let target = Target::of(&hub, "llm_gateway", "list_models");
    let (token, _) = hub.token(&["default"], &["default"], &["mcp:read"]).await;
    let others = Target {
        token: Some(token),
        ..target.clone()
    };
    let mut other = Client::open(Transport::Sse, &others).await;
    warm(&others).await;
    let descriptors_before = descriptors(hub.pid());
    let mut stalled = Client::stream(&target).await.unwrap();
    let sending = tokio::spawn(async move {
        let (mut sent, started) = (0_u32, Instant::now());
        while matches!(stalled.send().await, 202 | 503) {
            sent += 1;
        }
        (sent, started.elapsed(), stalled)
    });
    let mut latencies = Vec::new();
    while !sending.is_finished() {
        let sent = Instant::now();
        assert_eq!(other.call().await, Outcome::Served);
        latencies.push(sent.elapsed());
    }
    latencies.sort();
    let (sent, after, stalled) = sending.await.unwrap();
    println!("\n## A stalled reader");
    println!(
        "cut off after {sent} calls and {:.1} s; the other's calls: p99 {:.2} ms; {:.1} MiB",
        after.as_secs_f64(),
        ms(percentile(&latencies, 0.99)),
        rss_mib(hub.pid())
    );
    drop(stalled);
    settle(&hub, descriptors_before).await;
}
