//! Clients that each ask again as soon as they have their answer.

use std::time::{Duration, Instant};

use super::{
    gateways::Gateway,
    support::{measure::percentile, process::cpu_us, wire::Wire},
};

/// Warming up, before each measurement.
const WARM: Duration = Duration::from_millis(500);

/// How an answer comes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Whole,
    Stream,
}

/// What was measured.
pub struct Measured {
    pub per_second: f64,
    pub cpu_us: f64,
    /// Until the answer was there.
    pub p50: Duration,
    pub p99: Duration,
    /// Until its first byte was there, in the middle.
    pub first: Duration,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "Chat completions, whole",
            Self::Stream => "Chat completions, a stream of 32 pieces",
        }
    }

    fn body(self, model: &str) -> String {
        let stream = matches!(self, Self::Stream);
        format!(
            r#"{{"model":"{model}","stream":{stream},"max_tokens":64,"temperature":0.2,"messages":[{{"role":"system","content":"You are a helpful assistant who answers in one short sentence."}},{{"role":"user","content":"What does the quick brown fox jump over, and how does the lazy dog take it? Answer briefly."}}]}}"#
        )
    }
}

pub async fn closed_loop(
    gateway: &Gateway,
    kind: Kind,
    connections: usize,
    long: bool,
) -> Measured {
    let time = Duration::from_secs(if long { 20 } else { 4 });
    let mut wires = Vec::new();
    for _ in 0..connections {
        let token = gateway.token.as_deref();
        wires.push(Wire::connect(gateway.address, "/v1/chat/completions", token, "").await);
    }
    let body = kind.body(&gateway.model);
    let started = Instant::now();
    let (from, until) = (started + WARM, started + WARM + time);
    let running: Vec<_> = wires
        .into_iter()
        .map(|mut wire| {
            let body = body.clone();
            tokio::spawn(async move {
                let (mut all, mut first) = (Vec::new(), Vec::new());
                loop {
                    let sent = Instant::now();
                    if sent >= until {
                        return (all, first);
                    }
                    let answer = wire.post(&body).await;
                    assert_eq!(answer.status, 200, "{}{}", answer.head, answer.body);
                    let whole = matches!(kind, Kind::Whole) || answer.body.contains("[DONE]");
                    assert!(whole, "{}", answer.body);
                    if sent >= from {
                        all.push(sent.elapsed());
                        first.push(answer.began - sent);
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep_until(from.into()).await;
    let before = cpu_us(gateway.pid);
    tokio::time::sleep_until(until.into()).await;
    let cpu = cpu_us(gateway.pid) - before;
    let (mut all, mut first) = (Vec::new(), Vec::new());
    for client in running {
        let (its_all, its_first) = client.await.unwrap();
        all.extend(its_all);
        first.extend(its_first);
    }
    all.sort();
    first.sort();
    Measured {
        per_second: all.len() as f64 / time.as_secs_f64(),
        cpu_us: cpu / all.len() as f64,
        p50: percentile(&all, 0.5),
        p99: percentile(&all, 0.99),
        first: percentile(&first, 0.5),
    }
}
