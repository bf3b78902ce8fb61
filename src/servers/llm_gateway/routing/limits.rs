//! Rate limits: requests and tokens a minute, and requests at the same time. Each hub counts its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// Subjects that are remembered; past it those that are quiet are forgotten.
const MOST: usize = 10_000;

/// What one subject may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit {
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute, of input and output together.
    pub tpm: Option<u64>,
    /// Requests at the same time.
    pub concurrency: Option<usize>,
}

/// A limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Which: `requests a minute`, `tokens a minute` or `requests at the same time`.
    pub what: &'static str,
    /// When there is room again, as far as is known.
    pub retry_after: Duration,
}

/// A bucket that fills evenly and holds a minute's worth.
#[derive(Debug)]
struct Bucket {
    per_minute: f64,
    level: f64,
    filled: Instant,
}

impl Bucket {
    fn full(per_minute: f64, now: Instant) -> Self {
        Self {
            per_minute,
            level: per_minute,
            filled: now,
        }
    }

    fn fill(&mut self, now: Instant) {
        let gone = now.saturating_duration_since(self.filled).as_secs_f64();
        self.level = (self.level + gone * self.per_minute / 60.0).min(self.per_minute);
        self.filled = now;
    }

    /// How long until `amount` is there. More than the bucket holds is there when it is full.
    fn wait(&self, amount: f64) -> Option<Duration> {
        let missing = amount.min(self.per_minute) - self.level;
        (missing > 0.0).then(|| Duration::from_secs_f64(missing * 60.0 / self.per_minute))
    }
}

#[derive(Debug)]
struct Subject {
    limit: Limit,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    slots: Option<Arc<Semaphore>>,
    used: Instant,
}

impl Subject {
    fn new(limit: Limit, now: Instant) -> Self {
        Self {
            limit,
            requests: limit.rpm.map(|rpm| Bucket::full(f64::from(rpm), now)),
            tokens: limit.tpm.map(|tpm| Bucket::full(tpm as f64, now)),
            slots: limit.concurrency.map(|most| Arc::new(Semaphore::new(most))),
            used: now,
        }
    }
}

/// A request that was let through: its slots are free again when this is dropped.
#[derive(Debug, Default)]
pub struct Pass {
    slots: Vec<OwnedSemaphorePermit>,
    /// Subjects whose tokens were counted, and how many.
    counted: Vec<String>,
    tokens: u64,
}

/// All subjects and their limits. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Limits(Arc<Mutex<HashMap<String, Subject>>>);

impl Limits {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Subject>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request of about `tokens` tokens through if every subject has room for it, and counts it at each; else at none.
    pub fn enter(&self, subjects: &[(String, Limit)], tokens: u64) -> Result<Pass, Met> {
        let mut pass = Pass {
            tokens,
            ..Pass::default()
        };
        if subjects.is_empty() {
            return Ok(pass);
        }
        let now = Instant::now();
        let mut known = self.lock();
        if known.len() > MOST {
            known.retain(|_, subject| now.duration_since(subject.used) < Duration::from_secs(60));
        }
        for (name, limit) in subjects {
            let subject = known
                .entry(name.clone())
                .or_insert_with(|| Subject::new(*limit, now));
            if subject.limit != *limit {
                *subject = Subject::new(*limit, now);
            }
            subject.used = now;
            check(subject, tokens, now, &mut pass)?;
        }
        for (name, _) in subjects {
            if let Some(subject) = known.get_mut(name) {
                if let Some(bucket) = &mut subject.requests {
                    bucket.level -= 1.0;
                }
                if let Some(bucket) = &mut subject.tokens {
                    bucket.level -= tokens as f64;
                    pass.counted.push(name.clone());
                }
            }
        }
        Ok(pass)
    }

    /// The request used `tokens` tokens, as it turned out.
    pub fn correct(&self, pass: &Pass, tokens: u64) {
        let mut known = self.lock();
        for name in &pass.counted {
            if let Some(bucket) = known.get_mut(name).and_then(|s| s.tokens.as_mut()) {
                bucket.level =
                    (bucket.level + pass.tokens as f64 - tokens as f64).min(bucket.per_minute);
            }
        }
    }
}

fn check(subject: &mut Subject, tokens: u64, now: Instant, pass: &mut Pass) -> Result<(), Met> {
    let checks = [
        (&mut subject.requests, 1.0, "requests a minute"),
        (&mut subject.tokens, tokens as f64, "tokens a minute"),
    ];
    for (bucket, amount, what) in checks {
        if let Some(bucket) = bucket {
            bucket.fill(now);
            if let Some(retry_after) = bucket.wait(amount) {
                return Err(Met { what, retry_after });
            }
        }
    }
    if let Some(slots) = &subject.slots {
        let slot = Arc::clone(slots).try_acquire_owned().map_err(|_| Met {
            what: "requests at the same time",
            retry_after: Duration::from_secs(1),
        })?;
        pass.slots.push(slot);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(limit: Limit) -> Vec<(String, Limit)> {
        vec![("project demo".into(), limit)]
    }

    #[tokio::test(start_paused = true)]
    async fn requests_come_back_evenly() {
        let limits = Limits::default();
        let rule = one(Limit {
            rpm: Some(2),
            ..Limit::default()
        });
        limits.enter(&rule, 1).unwrap();
        limits.enter(&rule, 1).unwrap();
        let met = limits.enter(&rule, 1).unwrap_err();
        assert_eq!(
            (met.what, met.retry_after),
            ("requests a minute", Duration::from_secs(30))
        );
        tokio::time::advance(Duration::from_secs(30)).await;
        limits.enter(&rule, 1).unwrap();
        assert!(limits.enter(&rule, 1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_counted_as_they_turn_out() {
        let limits = Limits::default();
        let rule = one(Limit {
            tpm: Some(100),
            ..Limit::default()
        });
        let pass = limits.enter(&rule, 90).unwrap();
        assert!(limits.enter(&rule, 20).is_err());
        limits.correct(&pass, 10);
        limits.enter(&rule, 90).unwrap();
        // What is larger than a minute's worth gets through when the bucket is full.
        assert!(limits.enter(&rule, 5000).is_err());
        tokio::time::advance(Duration::from_secs(60)).await;
        limits.enter(&rule, 5000).unwrap();
    }

    #[tokio::test]
    async fn a_slot_is_free_when_its_request_is_gone_and_a_refusal_counts_nowhere() {
        let limits = Limits::default();
        let narrow = Limit {
            concurrency: Some(1),
            ..Limit::default()
        };
        let wide = Limit {
            rpm: Some(2),
            ..Limit::default()
        };
        let both = vec![
            ("agent ann".to_owned(), wide),
            ("project demo".to_owned(), narrow),
        ];
        let pass = limits.enter(&both, 1).unwrap();
        for _ in 0..5 {
            assert_eq!(
                limits.enter(&both, 1).unwrap_err().what,
                "requests at the same time"
            );
        }
        drop(pass);
        limits.enter(&both, 1).unwrap();
    }
}
