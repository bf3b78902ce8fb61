//! Finding and killing every process below another, by `/proc`.
//!
//! Process groups and sessions are left by `setsid`, and parents by a double fork. What a process cannot leave is
//! its nearest subreaper: orphans become the subreaper's children, so a walk down from it finds them all.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::Path,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// One live process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    /// Start time in clock ticks since boot: with the pid, it names a process for good.
    pub started: u64,
}

/// All processes that are not zombies.
pub fn all() -> io::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        found.extend(read(pid));
    }
    Ok(found)
}

/// Every process below `root`, itself not among them.
pub fn descendants(root: i32, all: &[Process]) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(*process);
    }
    let (mut found, mut seen, mut open) = (Vec::new(), HashSet::from([root]), vec![root]);
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if seen.insert(child.pid) {
                found.push(*child);
                open.push(child.pid);
            }
        }
    }
    found
}

/// Processes whose environment held `name=value` when they started.
///
/// The second line of defence, for when the supervisor itself was killed: a process can shed its parents, but its
/// first environment stays readable unless it overwrites it.
pub fn marked(name: &str, value: &str) -> io::Result<Vec<Process>> {
    let wanted = format!("{name}={value}");
    let holds = |process: &Process| {
        fs::read(
            Path::new("/proc")
                .join(process.pid.to_string())
                .join("environ"),
        )
        .is_ok_and(|environment| {
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == wanted.as_bytes())
        })
    };
    Ok(all()?.into_iter().filter(holds).collect())
}

/// Sends SIGKILL, and never to another process that got the same pid meanwhile.
pub fn kill(process: Process) {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return;
    };
    // The descriptor pins the process; only then is its identity compared.
    if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
        && read(process.pid).is_some_and(|now| now.started == process.started)
    {
        let _ = pidfd_send_signal(&handle, Signal::KILL);
    }
}

fn read(pid: i32) -> Option<Process> {
    parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `pid (name) state ppid …`; the name may hold spaces and parentheses, so fields are counted after the last one.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        started,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let stat = "7 (a) b (c)) S 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1";
        assert_eq!(
            parse(7, stat),
            Some(Process {
                pid: 7,
                parent: 3,
                started: 4242
            })
        );
        assert_eq!(parse(7, &stat.replace(") S", ") Z")), None);
        assert_eq!(parse(7, "garbage"), None);
    }

    #[test]
    fn finds_grandchildren_and_no_neighbours() {
        let process = |pid, parent| Process {
            pid,
            parent,
            started: 1,
        };
        let all = [
            process(2, 1),
            process(3, 2),
            process(4, 3),
            process(5, 1),
            process(1, 1),
        ];
        let pids: HashSet<i32> = descendants(2, &all)
            .iter()
            .map(|process| process.pid)
            .collect();
        assert_eq!(pids, HashSet::from([3, 4]));
    }

    #[test]
    fn this_process_is_found() {
        let own = std::process::id() as i32;
        assert!(all().unwrap().iter().any(|process| process.pid == own));
    }
}
