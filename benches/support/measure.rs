//! One measurement with criterion, and what it does not say: percentiles and CPU.

use std::time::{Duration, Instant};

use criterion::Criterion;
use tokio::runtime::Runtime;

use super::process::cpu_us;

/// The value below which `share` of the sorted `values` lies.
pub fn percentile(values: &[Duration], share: f64) -> Duration {
    let at = (values.len() as f64 * share) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

/// Runs `once` many times for the percentiles and the CPU of the process that serves it, then under criterion.
pub fn measure<F: AsyncFnMut()>(
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
        println!(
            "{name}: {:.1} us CPU a call, p50 {:?}, p99 {:?}",
            (cpu_us(pid) - before) / f64::from(times),
            percentile(&latencies, 0.5),
            percentile(&latencies, 0.99)
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
