//! How targets do: which of them cools down after failures, and how fast they begin to answer.
//!
//! A circuit breaker for each model at its provider. Closed, it lets everything through. After failures it is open for a while:
//! routes go elsewhere. Then one request, the probe, finds out whether it can be closed again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    base::clock::Millis,
    servers::llm_gateway::engine::failure::{Failure, Kind},
};

/// Longest cooldown, whatever a provider asks for.
const LONGEST: Duration = Duration::from_secs(600);
/// How much the newest time counts in the mean time to the first token.
const WEIGHT: f64 = 0.2;

/// When a target is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooldown {
    /// Failures in a row.
    pub failures: u32,
    /// The first time; twice as long after each probe that fails.
    pub time: Duration,
}

/// A model at its provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub provider: Arc<str>,
    pub model: Arc<str>,
}

/// What is known of a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// Failures since the last success.
    pub failures: u32,
    /// Why the last request failed, if it did.
    pub last_error: Option<String>,
    /// When it may be asked again, in milliseconds since the Unix epoch; 0 while nothing is wrong.
    pub until_ms: Millis,
    /// How long the cooldown was.
    pub cooled: Duration,
    /// When the probe began that finds out whether it is well again.
    pub probing_ms: Option<Millis>,
    /// Mean milliseconds to the first token, the newest counting most; none before the first answer.
    pub first_token_ms: Option<f64>,
}

/// The breaker's state, as people name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is asked.
    Closed,
    /// It cools down.
    Open,
    /// The next request, or the one under way, finds out.
    HalfOpen,
}

impl Health {
    /// The state at `now`.
    pub fn state(&self, now: Millis) -> State {
        match self.until_ms {
            0 => State::Closed,
            until if until > now => State::Open,
            _ => State::HalfOpen,
        }
    }
}

/// A probe that has not ended after this long, in milliseconds, was forgotten: the next request is one.
const PROBE: Millis = 120_000;

/// All targets. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Targets(Arc<Mutex<BTreeMap<Key, Health>>>);

impl Targets {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Health>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of `key`.
    pub fn of(&self, key: &Key) -> Health {
        self.lock().get(key).cloned().unwrap_or_default()
    }

    /// What is known of all targets that were asked.
    pub fn all(&self) -> Vec<(Key, Health)> {
        let known = self.lock();
        known.iter().map(|(k, h)| (k.clone(), h.clone())).collect()
    }

    /// Remembers what another process, or this one before its restart, has found.
    pub fn restore(&self, key: Key, health: Health) {
        self.lock().insert(key, health);
    }

    /// Whether `key` may be asked at `now`. The first to ask when a cooldown is over is the probe; it must say how it went.
    pub fn admit(&self, key: &Key, now: Millis) -> bool {
        let mut targets = self.lock();
        let Some(health) = targets.get_mut(key) else {
            return true;
        };
        match health.state(now) {
            State::Closed => true,
            State::Open => false,
            State::HalfOpen if health.probing_ms.is_some_and(|at| at + PROBE > now) => false,
            State::HalfOpen => {
                health.probing_ms = Some(now);
                true
            }
        }
    }

    /// `key` answered. Returns whether that closed its breaker.
    pub fn succeeded(&self, key: &Key, first_token: Option<Duration>) -> bool {
        let mut targets = self.lock();
        let health = match targets.get_mut(key) {
            Some(health) => health,
            None => targets.entry(key.clone()).or_default(),
        };
        if let Some(took) = first_token {
            let ms = took.as_secs_f64() * 1000.0;
            let mean = health
                .first_token_ms
                .map_or(ms, |mean| mean + WEIGHT * (ms - mean));
            health.first_token_ms = Some(mean);
        }
        let closed = health.until_ms != 0;
        *health = Health {
            first_token_ms: health.first_token_ms,
            ..Health::default()
        };
        closed
    }

    /// `key` failed at `now`. Returns its new state if it cools down from now on.
    pub fn failed(
        &self,
        key: &Key,
        failure: &Failure,
        rule: Cooldown,
        now: Millis,
    ) -> Option<Health> {
        if !is_its_fault(failure.kind) {
            self.gave_up(key);
            return None;
        }
        let mut targets = self.lock();
        let health = targets.entry(key.clone()).or_default();
        let was_probe = health.probing_ms.take().is_some();
        health.failures = health.failures.saturating_add(1);
        health.last_error = Some(failure.message.clone());
        // It said itself when to come back, or that the hub's key is wrong; or it has failed too often.
        let asked = match failure.kind {
            Kind::RateLimited | Kind::Overloaded => failure.retry_after,
            Kind::Credentials => Some(rule.time),
            _ => None,
        };
        let time = match asked {
            Some(asked) => asked,
            None if was_probe => health.cooled.saturating_mul(2).max(rule.time),
            None if health.failures >= rule.failures.max(1) => rule.time,
            None => return None,
        };
        health.cooled = time.min(LONGEST);
        health.until_ms = now + i64::try_from(health.cooled.as_millis()).unwrap_or(0);
        Some(health.clone())
    }

    /// The request ended without telling anything about `key`: its caller went away, or sent nonsense.
    pub fn gave_up(&self, key: &Key) {
        if let Some(health) = self.lock().get_mut(key) {
            health.probing_ms = None;
        }
    }
}

/// Whether the target is to blame, rather than the request.
fn is_its_fault(kind: Kind) -> bool {
    !matches!(kind, Kind::BadRequest | Kind::NoSuchModel)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Cooldown = Cooldown {
        failures: 3,
        time: Duration::from_secs(30),
    };

    fn key() -> Key {
        Key {
            provider: "p".into(),
            model: "m".into(),
        }
    }

    fn broken() -> Failure {
        Failure::of_status(500, "broken", None)
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_probe_closes_it() {
        let (targets, key) = (Targets::default(), key());
        assert_eq!(targets.failed(&key, &broken(), RULE, 0), None);
        assert_eq!(targets.failed(&key, &broken(), RULE, 0), None);
        targets.succeeded(&key, None);
        assert_eq!(targets.failed(&key, &broken(), RULE, 0), None);
        assert_eq!(targets.failed(&key, &broken(), RULE, 0), None);
        let open = targets.failed(&key, &broken(), RULE, 0).unwrap();
        assert_eq!((open.until_ms, open.state(29_999)), (30_000, State::Open));
        assert!(!targets.admit(&key, 29_999));
        assert_eq!(targets.of(&key).state(30_000), State::HalfOpen);
        assert!(targets.admit(&key, 30_000), "the probe");
        assert!(!targets.admit(&key, 30_001), "one only");
        assert!(targets.succeeded(&key, None));
        assert!(targets.admit(&key, 30_002));
        assert_eq!(targets.of(&key).state(30_002), State::Closed);
    }

    #[test]
    fn a_probe_that_fails_cools_down_twice_as_long() {
        let (targets, key) = (Targets::default(), key());
        for _ in 0..3 {
            targets.failed(&key, &broken(), RULE, 0);
        }
        assert!(targets.admit(&key, 30_000));
        let again = targets.failed(&key, &broken(), RULE, 30_000).unwrap();
        assert_eq!(again.until_ms, 90_000);
        // A probe that nobody heard of again does not block for ever, nor does one that told nothing.
        assert!(targets.admit(&key, 90_000));
        assert!(!targets.admit(&key, 90_001));
        assert!(targets.admit(&key, 90_000 + PROBE));
        targets.gave_up(&key);
        assert!(targets.admit(&key, 90_001 + PROBE));
    }

    #[test]
    fn what_a_provider_asks_for_is_kept() {
        let (targets, key) = (Targets::default(), key());
        let busy = Failure::of_status(429, "slow down", Some(Duration::from_secs(7)));
        assert_eq!(targets.failed(&key, &busy, RULE, 0).unwrap().until_ms, 7000);
        let far = Failure::of_status(429, "slow down", Some(Duration::from_secs(86_400)));
        assert_eq!(
            targets.failed(&key, &far, RULE, 0).unwrap().until_ms,
            600_000
        );
    }

    #[test]
    fn a_bad_request_is_not_the_targets_fault() {
        let (targets, key) = (Targets::default(), key());
        for _ in 0..9 {
            let bad = Failure::of_status(400, "no such field", None);
            assert_eq!(targets.failed(&key, &bad, RULE, 0), None);
        }
        assert!(targets.admit(&key, 0));
    }

    #[test]
    fn the_mean_follows_the_newest() {
        let (targets, key) = (Targets::default(), key());
        targets.succeeded(&key, Some(Duration::from_millis(100)));
        targets.succeeded(&key, Some(Duration::from_millis(200)));
        assert_eq!(targets.of(&key).first_token_ms, Some(120.0));
    }
}
