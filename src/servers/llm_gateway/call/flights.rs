//! Answers that are given more than once: to identical calls at the same time, which share one flight to the provider, and to later
//! ones while the answer is kept. Kept in memory, in a bounded number of bytes; the least recently used goes first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::{sync::watch, time::Instant};

use crate::tool::ToolError;

/// A hash of what makes calls the same.
pub type Key = [u8; 32];

/// How a flight ended, as those who waited for it see it.
enum End<T> {
    Landed(Arc<T>),
    Failed(Arc<ToolError>),
    /// Its leader went away: another has to lead.
    Lost,
}

impl<T> Clone for End<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Landed(value) => Self::Landed(Arc::clone(value)),
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Lost => Self::Lost,
        }
    }
}

type Waiting<T> = watch::Receiver<Option<End<T>>>;

struct Flight<T> {
    /// What the call asks for, where the key does not say it all.
    print: Key,
    waiting: Waiting<T>,
}

struct Kept<T> {
    print: Key,
    value: Arc<T>,
    until: Instant,
    bytes: usize,
    group: Arc<str>,
}

struct Inner<T> {
    flying: HashMap<Key, Flight<T>>,
    kept: LruCache<Key, Kept<T>>,
    bytes: usize,
    most_bytes: usize,
}

/// Flights and what they brought. Cheap to clone.
pub struct Flights<T>(Arc<Mutex<Inner<T>>>);

impl<T> Clone for Flights<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// What a call finds when it comes.
pub enum Entered<T> {
    /// Nothing: it leads, and has to say how it went.
    Lead(Lead<T>),
    /// An answer that was kept.
    Kept(Arc<T>),
    /// The answer of a flight that was under way.
    Shared(Arc<T>),
}

/// The key stands for a call that asks for something else.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch;

/// A flight to be made. Dropped without an end, another of those who wait leads.
pub struct Lead<T> {
    flights: Flights<T>,
    key: Key,
    print: Key,
    told: watch::Sender<Option<End<T>>>,
}

impl<T> Flights<T> {
    /// Keeps answers of at most `most_bytes` bytes together.
    pub fn new(most_bytes: usize) -> Self {
        let inner = Inner {
            flying: HashMap::new(),
            kept: LruCache::unbounded(),
            bytes: 0,
            most_bytes,
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a kept answer, waits for the flight that is under way, or leads one. `print` is what the call asks for: another call
    /// under the same key is a mistake of its caller.
    pub async fn enter(
        &self,
        key: Key,
        print: Key,
    ) -> Result<Result<Entered<T>, ToolError>, Mismatch> {
        loop {
            let mut waiting = {
                let mut inner = self.lock();
                if let Some(kept) = inner.fresh(&key) {
                    if kept.print != print {
                        return Err(Mismatch);
                    }
                    return Ok(Ok(Entered::Kept(Arc::clone(&kept.value))));
                }
                match inner.flying.get(&key) {
                    Some(flight) if flight.print != print => return Err(Mismatch),
                    Some(flight) => flight.waiting.clone(),
                    None => return Ok(Ok(Entered::Lead(self.lead(&mut inner, key, print)))),
                }
            };
            let end = match waiting.wait_for(Option::is_some).await {
                Ok(end) => end.clone(),
                Err(_) => None,
            };
            match end {
                Some(End::Landed(value)) => return Ok(Ok(Entered::Shared(value))),
                Some(End::Failed(error)) => return Ok(Err(error.again())),
                Some(End::Lost) | None => {}
            }
        }
    }

    fn lead(&self, inner: &mut Inner<T>, key: Key, print: Key) -> Lead<T> {
        let (told, waiting) = watch::channel(None);
        inner.flying.insert(key, Flight { print, waiting });
        Lead {
            flights: self.clone(),
            key,
            print,
            told,
        }
    }

    /// Keeps answers of at most `most_bytes` bytes together from now on.
    pub fn hold(&self, most_bytes: usize) {
        let mut inner = self.lock();
        inner.most_bytes = most_bytes;
        inner.shrink();
    }

    /// Forgets what is kept of `group`. Returns how many answers that were.
    pub fn purge(&self, group: &str) -> usize {
        let mut inner = self.lock();
        let of_group = |(key, kept): (&Key, &Kept<T>)| (*kept.group == *group).then_some(*key);
        let keys: Vec<Key> = inner.kept.iter().filter_map(of_group).collect();
        for key in &keys {
            inner.remove(key);
        }
        keys.len()
    }
}

impl<T> Inner<T> {
    fn remove(&mut self, key: &Key) {
        if let Some(kept) = self.kept.pop(key) {
            self.bytes -= kept.bytes;
        }
    }

    /// Lets the least recently used go until the rest fits.
    fn shrink(&mut self) {
        while self.bytes > self.most_bytes {
            let Some((_, oldest)) = self.kept.pop_lru() else {
                break;
            };
            self.bytes -= oldest.bytes;
        }
    }

    fn fresh(&mut self, key: &Key) -> Option<&Kept<T>> {
        let is_old = self.kept.peek(key)?.until <= Instant::now();
        if is_old {
            self.remove(key);
        }
        self.kept.get(key)
    }
}

impl<T> Lead<T> {
    /// The answer came: those who wait get it, and for `ttl` whoever comes. It takes about `bytes` bytes; `group` is what
    /// [`Flights::purge`] goes by.
    pub fn land(self, value: Arc<T>, ttl: Duration, bytes: usize, group: Arc<str>) {
        let until = Instant::now() + ttl;
        {
            let mut inner = self.flights.lock();
            inner.remove(&self.key);
            if bytes <= inner.most_bytes && !ttl.is_zero() {
                inner.bytes += bytes;
                let kept = Kept {
                    print: self.print,
                    value: Arc::clone(&value),
                    until,
                    bytes,
                    group,
                };
                inner.kept.put(self.key, kept);
                inner.shrink();
            }
        }
        self.told.send_replace(Some(End::Landed(value)));
    }

    /// It failed: those who wait are told so; nothing is kept.
    pub fn fail(self, error: &ToolError) {
        self.told
            .send_replace(Some(End::Failed(Arc::new(error.again()))));
    }
}

impl<T> Drop for Lead<T> {
    fn drop(&mut self) {
        self.flights.lock().flying.remove(&self.key);
        self.told.send_if_modified(|end| {
            let lost = end.is_none();
            if lost {
                *end = Some(End::Lost);
            }
            lost
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const A: Key = [1; 32];
    const B: Key = [2; 32];

    async fn enter(flights: &Flights<u32>, key: Key) -> Entered<u32> {
        let entered = flights.enter(key, key).await;
        entered.unwrap().unwrap()
    }

    fn land(lead: Lead<u32>, value: u32, bytes: usize) {
        lead.land(
            Arc::new(value),
            Duration::from_secs(60),
            bytes,
            "demo".into(),
        );
    }

    #[tokio::test]
    async fn a_hundred_at_once_make_one_flight() {
        let (flights, made) = (Flights::new(100), Arc::new(AtomicUsize::new(0)));
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let (flights, made) = (flights.clone(), Arc::clone(&made));
                tokio::spawn(async move {
                    match enter(&flights, A).await {
                        Entered::Lead(lead) => {
                            made.fetch_add(1, Ordering::SeqCst);
                            tokio::time::sleep(Duration::from_millis(20)).await;
                            land(lead, 7, 1);
                            7
                        }
                        Entered::Kept(value) | Entered::Shared(value) => *value,
                    }
                })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), 7);
        }
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn when_the_leader_goes_away_another_leads_and_a_failure_is_told_to_all() {
        let flights = Flights::<u32>::new(100);
        let Entered::Lead(lead) = enter(&flights, A).await else {
            panic!("nothing was there")
        };
        let (second, third) = (flights.clone(), flights.clone());
        let second = tokio::spawn(async move { second.enter(A, A).await.unwrap() });
        tokio::task::yield_now().await;
        drop(lead);
        let Ok(Entered::Lead(lead)) = second.await.unwrap() else {
            panic!("nobody leads")
        };
        let third = tokio::spawn(async move { third.enter(A, A).await.unwrap().err() });
        tokio::task::yield_now().await;
        lead.fail(&ToolError::upstream("broken"));
        assert_eq!(third.await.unwrap().unwrap().message, "broken");
        assert!(matches!(enter(&flights, A).await, Entered::Lead(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_kept_for_a_while_and_within_bounds() {
        let flights = Flights::<u32>::new(10);
        for (key, value) in [(A, 1), (B, 2)] {
            let Entered::Lead(lead) = enter(&flights, key).await else {
                panic!("nothing was there")
            };
            land(lead, value, 6);
        }
        assert!(
            matches!(enter(&flights, A).await, Entered::Lead(_)),
            "it had to go"
        );
        assert!(matches!(enter(&flights, B).await, Entered::Kept(_)));
        assert_eq!(flights.enter(B, A).await.err(), Some(Mismatch));
        tokio::time::advance(Duration::from_secs(61)).await;
        let Entered::Lead(lead) = enter(&flights, B).await else {
            panic!("it was kept for a minute")
        };
        land(lead, 2, 6);
        flights.hold(5);
        assert!(matches!(enter(&flights, B).await, Entered::Lead(_)));
    }

    #[tokio::test]
    async fn a_purge_is_of_one_group() {
        let flights = Flights::<u32>::new(10);
        let Entered::Lead(lead) = enter(&flights, A).await else {
            panic!("nothing was there")
        };
        land(lead, 1, 1);
        assert_eq!((flights.purge("other"), flights.purge("demo")), (0, 1));
        assert!(matches!(enter(&flights, A).await, Entered::Lead(_)));
    }
}
