//! The machine: how many files a process may open, and what time it is.

use std::os::unix::fs::MetadataExt;

use rustix::process::{Resource, getrlimit};

use super::{Finding, Patient};
use crate::{
    base::clock::{Clock, Millis, rfc3339},
    db,
};

const FILES: &str = "open files";
const CLOCK: &str = "clock";
/// What the hub opens beside connections.
const OWN: u64 = 512;
/// How far the clock may seem to be behind.
const SLACK: Millis = 60_000;
/// This program was not there before: 2026-01-01.
const BEFORE: Millis = 1_767_225_600_000;

pub fn check(patient: &Patient) -> Vec<Finding> {
    let soft = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let connections = patient.settings.http.max_connections as u64;
    let file = std::fs::metadata(patient.data.join(db::FILE));
    let written = file.ok().map(|meta| meta.mtime() * 1000);
    vec![
        files(soft, connections),
        clock(Clock::System.now(), written),
    ]
}

fn files(soft: u64, connections: u64) -> Finding {
    let needed = connections + OWN;
    if soft >= needed {
        return Finding::ok(FILES, format!("{soft} at the same time"));
    }
    let found = format!("{soft} at the same time, fewer than {connections} connections need");
    let next = format!(
        "raise it (ulimit -n {needed}; LimitNOFILE={needed} for systemd), or lower http.max_connections"
    );
    Finding::warning(FILES, found, next)
}

/// Judges the time `now` by when the database was `written`.
fn clock(now: Millis, written: Option<Millis>) -> Finding {
    let next = "set the clock (timedatectl set-ntp true): tokens expire and leases end by it";
    if now < BEFORE {
        return Finding::error(CLOCK, format!("it is {}?", rfc3339(now)), next);
    }
    match written.filter(|written| *written > now + SLACK) {
        Some(written) => {
            let (now, written) = (rfc3339(now), rfc3339(written));
            let found = format!("it is {now}, but the database was written at {written}");
            Finding::error(CLOCK, found, next)
        }
        None => Finding::ok(CLOCK, rfc3339(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    #[test]
    fn a_clock_that_went_back_and_few_files_are_found() {
        let now = BEFORE + 1_000_000;
        assert_eq!(clock(now, Some(now + 1000)).level, Level::Ok);
        assert_eq!(clock(now, None).level, Level::Ok);
        assert_eq!(clock(now, Some(now + 3_600_000)).level, Level::Error);
        assert_eq!(clock(0, None).level, Level::Error);
        assert_eq!(files(1024, 4096).level, Level::Warning);
        assert_eq!(files(8192, 4096).level, Level::Ok);
    }
}
