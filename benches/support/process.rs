//! What the system says of a process.

fn read(pid: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap()
}

/// User and system time so far, in microseconds. The system counts in steps of 10 ms.
pub fn cpu_us(pid: u32) -> f64 {
    ticks_us(pid, 11..13)
}

/// The same, with that of its children that have ended.
pub fn family_cpu_us(pid: u32) -> f64 {
    ticks_us(pid, 11..15)
}

fn ticks_us(pid: u32, fields: std::ops::Range<usize>) -> f64 {
    let stat = read(pid, "stat");
    let after = stat.rsplit(')').next().unwrap();
    let all: Vec<&str> = after.split_whitespace().collect();
    let ticks = all[fields].iter().map(|n| n.parse::<f64>().unwrap());
    ticks.sum::<f64>() * 10_000.0
}

/// Resident memory, in MiB.
pub fn rss_mib(pid: u32) -> f64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib: f64 = line.unwrap().trim_end_matches("kB").trim().parse().unwrap();
    kib / 1024.0
}

/// Open file descriptors.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}
