//! A share of the hub: calls and bytes a minute, and calls at the same time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::LimitsConfig;

const MINUTE: Duration = Duration::from_secs(60);

/// Why a call has to wait.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Too many calls a minute; try again after this long.
    #[error("too many calls: wait, then repeat the call")]
    Rate(Duration),
    /// Too many bytes a minute; try again after this long.
    #[error(
        "the calls of the last minute moved too many bytes: wait, then repeat the call, or ask for less at once"
    )]
    Bytes(Duration),
    /// Too many calls at the same time.
    #[error("{0} calls are running, which is the limit: wait for one to end")]
    Concurrency(u32),
}

impl Exceeded {
    /// When to try again.
    pub fn wait(&self) -> Duration {
        match self {
            Self::Rate(wait) | Self::Bytes(wait) => *wait,
            Self::Concurrency(_) => Duration::from_secs(1),
        }
    }
}

/// What a share is; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Calls a minute.
    pub calls_per_minute: u32,
    /// Calls at the same time.
    pub concurrent_calls: u32,
    /// Bytes a minute.
    pub bytes_per_minute: u64,
    /// Administrative requests a minute.
    pub admin_requests_per_minute: u32,
}

impl From<&LimitsConfig> for Rates {
    fn from(limits: &LimitsConfig) -> Self {
        Self {
            calls_per_minute: limits.calls_per_minute,
            concurrent_calls: limits.concurrent_calls.max(1),
            bytes_per_minute: limits.bytes_per_minute,
            admin_requests_per_minute: limits.admin_requests_per_minute,
        }
    }
}

/// How often something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time between two at the full rate.
    pub interval: Duration,
    /// How far ahead of the full rate a burst may run.
    pub burst: Duration,
}

/// The state behind one subject's limits.
#[derive(Debug)]
pub struct Quota {
    subject: Arc<str>,
    epoch: Instant,
    calls: Meter,
    bytes: Meter,
    administration: Meter,
    max_concurrent: AtomicU32,
    running: AtomicU32,
}

/// One running call. Dropping it gives the place back.
#[derive(Debug)]
pub struct Permit(Arc<Quota>);

/// The places that a call has taken.
#[derive(Debug)]
pub struct Permits(pub(super) Vec<Permit>);

/// What is left of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Calls in a minute.
    pub limit: u32,
    /// Calls that may be made now.
    pub remaining: u64,
    /// How long until none of those made before counts any more.
    pub reset: Duration,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Permit {
    pub(super) fn subject(&self) -> &str {
        &self.0.subject
    }

    /// How often its subject may call, if that is limited.
    pub(super) fn rate(&self) -> Option<Rate> {
        let interval = Duration::from_nanos(self.0.calls.interval()?);
        let burst = interval.max(Duration::from_secs(1));
        Some(Rate { interval, burst })
    }
}

impl Permits {
    /// Whether bytes count.
    pub fn count_bytes(&self) -> bool {
        self.0
            .iter()
            .any(|permit| permit.0.bytes.interval().is_some())
    }

    /// The call has moved so many bytes. It may have been too many: then the next one waits.
    pub fn charge(&self, bytes: u64) {
        for Permit(quota) in &self.0 {
            quota.bytes.add(quota.now(), bytes);
        }
    }
}

impl Quota {
    /// The full share of `subject`, a token.
    pub fn new(subject: &str, limits: &LimitsConfig) -> Self {
        Self::of(subject, limits.into())
    }

    /// A full share.
    pub fn of(subject: &str, rates: Rates) -> Self {
        let quota = Self {
            subject: subject.into(),
            epoch: Instant::now(),
            calls: Meter::default(),
            bytes: Meter::default(),
            administration: Meter::default(),
            max_concurrent: AtomicU32::new(0),
            running: AtomicU32::new(0),
        };
        quota.hold_to(rates);
        quota
    }

    /// Holds calls to `limits` from now on; those that run count.
    pub fn set(&self, limits: &LimitsConfig) {
        self.hold_to(limits.into());
    }

    fn hold_to(&self, rates: Rates) {
        self.calls.set(rates.calls_per_minute.into());
        self.bytes.set(rates.bytes_per_minute);
        self.administration
            .set(rates.admin_requests_per_minute.into());
        let most = match rates.concurrent_calls {
            0 => u32::MAX,
            most => most,
        };
        self.max_concurrent.store(most, Ordering::Release);
    }

    /// Nanoseconds since the quota began.
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Takes a place for one call.
    pub fn enter(self: &Arc<Self>) -> Result<Permit, Exceeded> {
        let most = self.max_concurrent.load(Ordering::Acquire);
        if self.running.fetch_add(1, Ordering::AcqRel) >= most {
            self.running.fetch_sub(1, Ordering::AcqRel);
            return Err(Exceeded::Concurrency(most));
        }
        let permit = Permit(Arc::clone(self));
        let now = self.now();
        self.bytes.has_room(now, MINUTE).map_err(Exceeded::Bytes)?;
        self.calls.take(now).map_err(Exceeded::Rate)?;
        Ok(permit)
    }

    /// Counts one administrative request.
    pub fn administer(&self) -> Result<(), Exceeded> {
        self.administration.take(self.now()).map_err(Exceeded::Rate)
    }

    /// What is left of its calls, if they are limited.
    pub fn standing(&self) -> Option<Standing> {
        let interval = self.calls.interval()?;
        let ahead = self.calls.ahead(self.now());
        Some(Standing {
            limit: u32::try_from(MINUTE.as_nanos() / u128::from(interval)).unwrap_or(u32::MAX),
            remaining: burst(interval).saturating_sub(ahead) / interval,
            reset: Duration::from_nanos(ahead),
        })
    }

    /// Whether nothing runs and nothing is counted any more: forgetting it changes nothing.
    pub fn is_idle(&self) -> bool {
        let now = self.now();
        let meters = [&self.calls, &self.bytes, &self.administration];
        let quiet = meters.iter().all(|meter| meter.ahead(now) == 0);
        quiet && self.running.load(Ordering::Acquire) == 0
    }
}

/// How far ahead of the full rate a burst may run, in nanoseconds: one second's worth, at least one call.
fn burst(interval: u64) -> u64 {
    interval.max(1_000_000_000)
}

/// The generic cell rate algorithm (ITU-T I.371): no timer, one number.
#[derive(Debug, Default)]
struct Meter {
    /// How many a minute; 0 for no limit.
    per_minute: AtomicU64,
    /// The theoretical arrival time, in nanoseconds.
    arrival: AtomicU64,
}

impl Meter {
    fn set(&self, per_minute: u64) {
        self.per_minute.store(per_minute, Ordering::Release);
    }

    /// Nanoseconds between two at the full rate, if there is one.
    fn interval(&self) -> Option<u64> {
        let per_minute = self.per_minute.load(Ordering::Acquire);
        60_000_000_000_u64.checked_div(per_minute)
    }

    /// How far what was counted is ahead of the clock.
    fn ahead(&self, now: u64) -> u64 {
        self.arrival.load(Ordering::Acquire).saturating_sub(now)
    }

    /// Counts one, or says how long to wait.
    fn take(&self, now: u64) -> Result<(), Duration> {
        let Some(interval) = self.interval() else {
            return Ok(());
        };
        let most = now + burst(interval);
        let taken = self
            .arrival
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |arrival| {
                let next = arrival.max(now) + interval;
                (next <= most).then_some(next)
            });
        let wait = |arrival: u64| (arrival.max(now) + interval).saturating_sub(most).max(1);
        taken
            .map(|_| ())
            .map_err(|arrival| Duration::from_nanos(wait(arrival)))
    }

    /// Counts `amount` that has happened already.
    fn add(&self, now: u64, amount: u64) {
        let per_minute = self.per_minute.load(Ordering::Acquire);
        let nanos = u128::from(amount) * MINUTE.as_nanos();
        let Some(cost) = nanos.checked_div(u128::from(per_minute)) else {
            return;
        };
        let cost = u64::try_from(cost).unwrap_or(u64::MAX);
        let later = |arrival: u64| Some(arrival.max(now).saturating_add(cost));
        let _always = self
            .arrival
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
    }

    /// Whether what was counted is not ahead of the clock by more than `most`; else how long until then.
    fn has_room(&self, now: u64, most: Duration) -> Result<(), Duration> {
        if self.per_minute.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        match Duration::from_nanos(self.ahead(now)).checked_sub(most) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(wait) => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(calls_per_minute: u32, concurrent_calls: u32) -> Arc<Quota> {
        let rates = Rates {
            calls_per_minute,
            concurrent_calls,
            ..Rates::default()
        };
        Arc::new(Quota::of("t", rates))
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
        let before = quota.standing().unwrap();
        assert_eq!(
            (before.limit, before.remaining, before.reset),
            (600, 10, Duration::ZERO)
        );
        let passed = (0..50).filter(|_| quota.enter().is_ok()).count();
        assert!((10..=11).contains(&passed), "{passed}");
        assert!(
            matches!(quota.enter(), Err(Exceeded::Rate(wait)) if wait <= Duration::from_millis(100))
        );
        assert_eq!(quota.standing().unwrap().remaining, 0);
        assert!(!quota.is_idle());
    }

    #[test]
    fn bytes_are_counted_when_they_have_moved_and_hold_up_the_next_call() {
        let rates = Rates {
            bytes_per_minute: 6000,
            ..Rates::default()
        };
        let quota = Arc::new(Quota::of("t", rates));
        let charge = |bytes| {
            let permits = Permits(vec![quota.enter().unwrap()]);
            assert!(permits.count_bytes());
            permits.charge(bytes);
        };
        charge(5000);
        charge(2000);
        let Err(Exceeded::Bytes(wait)) = quota.enter() else {
            panic!("a thousand bytes too many");
        };
        assert!(
            (Duration::from_secs(9)..=Duration::from_secs(10)).contains(&wait),
            "{wait:?}"
        );
    }

    #[test]
    fn administration_is_counted_apart() {
        let rates = Rates {
            admin_requests_per_minute: 1,
            ..Rates::default()
        };
        let quota = Arc::new(Quota::of("t", rates));
        assert!(quota.administer().is_ok() && quota.administer().is_err());
        assert!(quota.enter().is_ok());
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
