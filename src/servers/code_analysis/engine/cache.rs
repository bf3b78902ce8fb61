//! Parses, shared by content: many worktrees that hold the same file hold one parse.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use super::{language::Language, source::Skip, symbol::Symbol};

/// What is known of one content.
pub type Outcome = Result<Arc<Parsed>, Skip>;
/// Hash of a file's bytes.
pub type Content = [u8; 32];

/// A parsed file.
#[derive(Debug)]
pub struct Parsed {
    pub symbols: Vec<Symbol>,
    /// Whether a program wrote the file: told when asked for, left out of searches.
    pub generated: bool,
}

/// State of a file on the disk, as far as it tells whether the file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub size: u64,
    /// Nanoseconds.
    pub modified: i128,
    pub changed: i128,
}

/// Two generations of entries: when the young one is full, the old one is dropped and replaced by it. What is used
/// stays, without a clock.
#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    weight: usize,
    most: usize,
}

impl<K: Eq + Hash, V: Clone> Generations<K, V> {
    fn new(most: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            most,
        }
    }

    fn get(&mut self, key: &K, weigh: impl Fn(&V) -> usize) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.put(key, value.clone(), weigh(&value));
        Some(value)
    }

    fn put(&mut self, key: K, value: V, weight: usize) {
        if self.weight + weight > self.most && !self.young.is_empty() {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, value);
    }
}

/// The parses of this process.
#[derive(Debug)]
pub struct Cache {
    parses: Mutex<Generations<(Language, Content), Outcome>>,
    /// By device and inode.
    stamps: Mutex<Generations<(u64, u64), (Stamp, Content)>>,
}

impl Cache {
    /// A cache of about twice `symbols` definitions.
    pub fn new(symbols: usize) -> Self {
        Self {
            parses: Mutex::new(Generations::new(symbols)),
            stamps: Mutex::new(Generations::new(200_000)),
        }
    }

    /// The content that a file had when it was last read, if it did not change since.
    pub fn content(&self, file: (u64, u64), stamp: Stamp) -> Option<Content> {
        let known = self
            .stamps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&file, |_| 1);
        known
            .filter(|(then, _)| *then == stamp)
            .map(|(_, content)| content)
    }

    /// Notes what a file holds.
    pub fn note(&self, file: (u64, u64), stamp: Stamp, content: Content) {
        self.stamps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(file, (stamp, content), 1);
    }

    /// The parse of a content.
    pub fn parse(&self, language: Language, content: &Content) -> Option<Outcome> {
        self.parses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(language, *content), weight)
    }

    /// Keeps a parse.
    pub fn keep(&self, language: Language, content: Content, outcome: Outcome) {
        let weight = weight(&outcome);
        self.parses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put((language, content), outcome, weight);
    }
}

/// Hash of a file's bytes.
pub fn content_of(bytes: &[u8]) -> Content {
    Sha256::digest(bytes).into()
}

fn weight(outcome: &Outcome) -> usize {
    outcome
        .as_ref()
        .map_or(1, |parsed| parsed.symbols.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut cache = Generations::new(3);
        for key in 0..100 {
            cache.put(key, key, 1);
            assert_eq!(cache.get(&0, |_| 1), Some(0), "after {key}");
        }
        assert_eq!(cache.get(&50, |_| 1), None);
        assert!(cache.young.len() + cache.old.len() <= 6);
    }

    #[test]
    fn a_changed_file_is_not_taken_for_what_it_was() {
        let cache = Cache::new(10);
        let stamp = Stamp {
            size: 1,
            modified: 5,
            changed: 5,
        };
        cache.note((1, 2), stamp, [7; 32]);
        assert_eq!(cache.content((1, 2), stamp), Some([7; 32]));
        assert_eq!(
            cache.content(
                (1, 2),
                Stamp {
                    changed: 6,
                    ..stamp
                }
            ),
            None
        );
    }
}
