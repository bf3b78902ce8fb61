//! A small cache whose entries die of age: how long a change made elsewhere may go unseen.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

/// Entries kept at most; reaching it drops the expired ones, then all.
const CAPACITY: usize = 10_000;

/// A map whose values are believed for `ttl` after they were put in.
#[derive(Debug)]
pub struct TtlCache<K, V> {
    ttl: Duration,
    map: RwLock<Entries<K, V>>,
}

#[derive(Debug)]
struct Entries<K, V> {
    by_key: HashMap<K, (Instant, V)>,
    /// How often everything was forgotten.
    cleared: u64,
}

/// A moment in a cache's life, from before a value was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: Instant,
    cleared: u64,
}

impl<K: Eq + Hash, V: Clone> TtlCache<K, V> {
    /// An empty cache.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            map: RwLock::new(Entries {
                by_key: HashMap::new(),
                cleared: 0,
            }),
        }
    }

    /// The value of `key`, unless it is too old.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = map.by_key.get(key)?;
        (at.elapsed() < self.ttl).then(|| value.clone())
    }

    /// Now, to be taken before a value is asked for that [`TtlCache::put_since`] is to put in.
    pub fn mark(&self) -> Mark {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        Mark {
            at: Instant::now(),
            cleared: map.cleared,
        }
    }

    /// Believes `value` of `key` from `mark` on, unless everything was forgotten since: what was read before a change must not
    /// be believed after it.
    pub fn put_since(&self, mark: Mark, key: K, value: V) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if map.cleared != mark.cleared {
            return;
        }
        if map.by_key.len() >= CAPACITY {
            map.by_key.retain(|_, (at, _)| at.elapsed() < self.ttl);
            if map.by_key.len() >= CAPACITY {
                map.by_key.clear();
            }
        }
        map.by_key.insert(key, (mark.at, value));
    }

    /// Believes `value` of `key` from now on.
    pub fn put(&self, key: K, value: V) {
        self.put_since(self.mark(), key, value);
    }

    /// Forgets everything, after a change.
    pub fn clear(&self) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        map.by_key.clear();
        map.cleared += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_forgotten_when_it_is_old_or_cleared() {
        let cache = TtlCache::new(Duration::from_secs(60));
        cache.put("a", 1);
        assert_eq!(cache.get("a"), Some(1));
        cache.clear();
        assert_eq!(cache.get("a"), None);

        let brief = TtlCache::new(Duration::ZERO);
        brief.put("a", 1);
        assert_eq!(brief.get("a"), None);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_believed_after_it() {
        let cache = TtlCache::new(Duration::from_secs(60));
        let read = cache.mark();
        cache.clear();
        cache.put_since(read, "a", 1);
        assert_eq!(cache.get("a"), None);
    }
}
