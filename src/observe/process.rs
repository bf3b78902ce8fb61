//! What the hub's process takes of the machine, under the names that Prometheus' own clients use.

use std::fs;

use metrics::{counter, gauge};
use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// Measures it. Reads `/proc`, which is memory: it does not wait for a disk.
pub fn sample() {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| field(&status, name);
    if let Some(kilobytes) = field("VmRSS:") {
        gauge!("process_resident_memory_bytes").set(kilobytes as f64 * 1024.0);
    }
    if let Some(kilobytes) = field("VmSize:") {
        gauge!("process_virtual_memory_bytes").set(kilobytes as f64 * 1024.0);
    }
    if let Some(threads) = field("Threads:") {
        gauge!("process_threads").set(threads as f64);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is this listing.
        gauge!("process_open_fds").set(open.count().saturating_sub(1) as f64);
    }
    let most = getrlimit(Resource::Nofile).current;
    gauge!("process_max_fds").set(most.map_or(f64::INFINITY, |most| most as f64));
    let used = clock_gettime(ClockId::ProcessCPUTime);
    counter!("process_cpu_seconds_total").absolute(used.tv_sec.unsigned_abs());
}

/// The number after `name` in the text of `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_their_names() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), Some(1234));
        assert_eq!(field(status, "Threads:"), Some(7));
        assert_eq!(field(status, "VmSize:"), None);
    }
}
