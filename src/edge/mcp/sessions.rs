//! Who a session belongs to, and how many there may be.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::super::McpConfig;

/// The metric that counts sessions.
const OPEN: &str = "syndarix_mcp_sessions";

/// Why there is no place for another session.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    /// This token has too many.
    Token,
    /// The server has too many.
    Server,
}

/// The owners of a server's sessions. rmcp's own sessions know no owner.
#[derive(Debug)]
pub struct Owners {
    max: usize,
    max_per_token: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_session: HashMap<Arc<str>, Entry>,
    /// The owners of sessions that are being opened, which have no id yet.
    opening: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Entry {
    owner: Arc<str>,
    used: bool,
}

/// A place for one session. Dropping it gives the place back, unless a session has taken it.
#[derive(Debug)]
pub struct Place {
    owners: Arc<Owners>,
    owner: Arc<str>,
}

impl Place {
    /// The session that takes the place.
    pub fn take(self, session: Arc<str>) {
        let owner = Arc::clone(&self.owner);
        let entry = Entry { owner, used: false };
        let known = self.owners.lock().by_session.insert(session, entry);
        if known.is_none() {
            metrics::gauge!(OPEN).increment(1.0);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.owners.lock();
        if let Some(at) = state.opening.iter().position(|o| *o == self.owner) {
            state.opening.swap_remove(at);
        }
    }
}

impl Owners {
    /// No sessions yet.
    pub fn new(config: &McpConfig) -> Self {
        Self {
            max: config.max_sessions,
            max_per_token: config.max_sessions_per_token,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more session of `owner`.
    pub fn reserve(self: &Arc<Self>, owner: &Arc<str>) -> Result<Place, Full> {
        let mut state = self.lock();
        if state.by_session.len() + state.opening.len() >= self.max {
            return Err(Full::Server);
        }
        // Counting is linear, but only when a session opens; the common hub has a handful.
        let open = state.by_session.values().map(|entry| &entry.owner);
        let own = open.chain(&state.opening).filter(|o| *o == owner).count();
        if own >= self.max_per_token {
            return Err(Full::Token);
        }
        state.opening.push(Arc::clone(owner));
        Ok(Place {
            owners: Arc::clone(self),
            owner: Arc::clone(owner),
        })
    }

    /// Whether `session` belongs to `principal`, which uses it now; nothing when there is no such session here.
    pub fn uses(&self, session: &str, principal: &str) -> Option<bool> {
        let mut state = self.lock();
        let entry = state.by_session.get_mut(session)?;
        let own = &*entry.owner == principal;
        entry.used |= own;
        Some(own)
    }

    /// Forgets `session`.
    pub fn remove(&self, session: &str) {
        if self.lock().by_session.remove(session).is_some() {
            metrics::gauge!(OPEN).decrement(1.0);
        }
    }

    /// The ids of all sessions.
    pub fn ids(&self) -> Vec<Arc<str>> {
        self.lock().by_session.keys().cloned().collect()
    }

    /// The sessions that were used since this was asked last.
    pub fn take_used(&self) -> Vec<Arc<str>> {
        let mut state = self.lock();
        let sessions = state.by_session.iter_mut();
        sessions
            .filter_map(|(session, entry)| {
                std::mem::take(&mut entry.used).then(|| Arc::clone(session))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners() -> Arc<Owners> {
        Arc::new(Owners::new(&McpConfig {
            max_sessions: 3,
            max_sessions_per_token: 2,
            ..McpConfig::default()
        }))
    }

    #[test]
    fn a_session_has_one_owner_and_places_are_counted() {
        let owners = owners();
        let (ann, bea): (Arc<str>, Arc<str>) = ("ann".into(), "bea".into());
        owners.reserve(&ann).unwrap().take("s1".into());
        let opening = owners.reserve(&ann).unwrap();
        assert_eq!(owners.uses("s1", "ann"), Some(true));
        assert_eq!(owners.uses("s1", "bea"), Some(false));
        assert_eq!(owners.uses("s9", "ann"), None);
        assert_eq!(owners.reserve(&ann).unwrap_err(), Full::Token);
        owners.reserve(&bea).unwrap().take("s3".into());
        assert_eq!(owners.reserve(&bea).unwrap_err(), Full::Server);
        drop(opening);
        assert!(
            owners.reserve(&bea).is_ok(),
            "a place that was not taken is free"
        );
        owners.remove("s1");
        assert_eq!(owners.ids(), ["s3".into()]);
    }

    #[test]
    fn only_its_owner_uses_a_session() {
        let owners = owners();
        owners.reserve(&"ann".into()).unwrap().take("s1".into());
        owners.uses("s1", "bea");
        assert!(owners.take_used().is_empty());
        owners.uses("s1", "ann");
        assert_eq!(owners.take_used(), ["s1".into()]);
        assert!(owners.take_used().is_empty(), "said once");
    }
}
