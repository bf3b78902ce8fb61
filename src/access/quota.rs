//! One principal's share of the hub: calls a minute, and calls at the same time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::LimitsConfig;

/// Why a call has to wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// Too many calls a minute; try again after this long.
    Rate(Duration),
    /// Too many calls at the same time.
    Concurrency(u32),
}

/// The state behind one principal's limits.
#[derive(Debug)]
pub struct Quota {
    epoch: Instant,
    /// Nanoseconds between calls at the full rate; 0 for no limit.
    interval: AtomicU64,
    /// GCRA's theoretical arrival time, in nanoseconds since `epoch`.
    arrival: AtomicU64,
    max_concurrent: AtomicU32,
    running: AtomicU32,
}

/// One running call. Dropping it gives the place back.
#[derive(Debug)]
pub struct Permit(Arc<Quota>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Quota {
    /// A full quota.
    pub fn new(limits: &LimitsConfig) -> Self {
        let quota = Self {
            epoch: Instant::now(),
            interval: AtomicU64::new(0),
            arrival: AtomicU64::new(0),
            max_concurrent: AtomicU32::new(0),
            running: AtomicU32::new(0),
        };
        quota.set(limits);
        quota
    }

    /// Holds calls to `limits` from now on; those that run count.
    pub fn set(&self, limits: &LimitsConfig) {
        let interval = 60_000_000_000_u64
            .checked_div(u64::from(limits.calls_per_minute))
            .unwrap_or(0);
        self.interval.store(interval, Ordering::Release);
        let most = limits.concurrent_calls.max(1);
        self.max_concurrent.store(most, Ordering::Release);
    }

    /// Takes a place for one call.
    pub fn enter(self: &Arc<Self>) -> Result<Permit, Exceeded> {
        let most = self.max_concurrent.load(Ordering::Acquire);
        if self.running.fetch_add(1, Ordering::AcqRel) >= most {
            self.running.fetch_sub(1, Ordering::AcqRel);
            return Err(Exceeded::Concurrency(most));
        }
        let permit = Permit(Arc::clone(self));
        self.take_rate()?;
        Ok(permit)
    }

    /// Whether nothing runs and nothing is counted any more: forgetting it changes nothing.
    pub fn is_idle(&self) -> bool {
        let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.running.load(Ordering::Acquire) == 0 && self.arrival.load(Ordering::Acquire) <= now
    }

    /// The generic cell rate algorithm (ITU-T I.371): no timer, one number.
    fn take_rate(&self) -> Result<(), Exceeded> {
        let interval = self.interval.load(Ordering::Acquire);
        if interval == 0 {
            return Ok(());
        }
        // How far ahead of the steady rate a burst may run: one second's worth, at least one call.
        let burst = interval.max(1_000_000_000);
        let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let taken = self
            .arrival
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |arrival| {
                let next = arrival.max(now) + interval;
                (next <= now + burst).then_some(next)
            });
        match taken {
            Ok(_) => Ok(()),
            Err(arrival) => {
                let wait = (arrival.max(now) + interval).saturating_sub(now + burst);
                Err(Exceeded::Rate(Duration::from_nanos(wait.max(1))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(calls_per_minute: u32, concurrent_calls: u32) -> Arc<Quota> {
        Arc::new(Quota::new(&LimitsConfig {
            calls_per_minute,
            concurrent_calls,
            ..LimitsConfig::default()
        }))
    }

    #[test]
    fn places_come_back_when_calls_end() {
        let quota = quota(0, 2);
        let (a, _b) = (quota.enter().unwrap(), quota.enter().unwrap());
        assert_eq!(quota.enter().unwrap_err(), Exceeded::Concurrency(2));
        drop(a);
        assert!(quota.enter().is_ok());
    }

    #[test]
    fn a_burst_is_a_second_long_then_the_rate_holds() {
        let quota = quota(600, 100);
        let passed = (0..50).filter(|_| quota.enter().is_ok()).count();
        assert!((10..=11).contains(&passed), "{passed}");
        assert!(
            matches!(quota.enter(), Err(Exceeded::Rate(wait)) if wait <= Duration::from_millis(100))
        );
    }

    #[test]
    fn new_limits_hold_for_calls_that_run() {
        let quota = quota(0, 2);
        let _running = (quota.enter().unwrap(), quota.enter().unwrap());
        let limits = |concurrent_calls| LimitsConfig {
            concurrent_calls,
            ..LimitsConfig::default()
        };
        quota.set(&limits(3));
        let third = quota.enter().unwrap();
        quota.set(&limits(1));
        drop(third);
        assert_eq!(quota.enter().unwrap_err(), Exceeded::Concurrency(1));
    }
}
