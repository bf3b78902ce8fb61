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
    map: RwLock<HashMap<K, (Instant, V)>>,
}

impl<K: Eq + Hash, V: Clone> TtlCache<K, V> {
    /// An empty cache.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            map: RwLock::default(),
        }
    }

    /// The value of `key`, unless it is too old.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = map.get(key)?;
        (at.elapsed() < self.ttl).then(|| value.clone())
    }

    /// Believes `value` of `key` from now on.
    pub fn put(&self, key: K, value: V) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= CAPACITY {
            map.retain(|_, (at, _)| at.elapsed() < self.ttl);
            if map.len() >= CAPACITY {
                map.clear();
            }
        }
        map.insert(key, (Instant::now(), value));
    }

    /// Forgets everything, after a change.
    pub fn clear(&self) {
        self.map
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
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
}
