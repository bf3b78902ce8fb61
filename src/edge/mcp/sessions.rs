//! Who a session belongs to, and how many there may be.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::super::McpConfig;

/// Why there is no place for another session.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    /// This token has too many.
    Token,
    /// The server has too many.
    Server,
}

/// The owners of a server's sessions, by session id. rmcp's own sessions know no owner.
#[derive(Debug)]
pub struct Owners {
    max: usize,
    max_per_token: usize,
    by_session: Mutex<HashMap<Arc<str>, Arc<str>>>,
}

impl Owners {
    /// No sessions yet.
    pub fn new(config: &McpConfig) -> Self {
        Self {
            max: config.max_sessions,
            max_per_token: config.max_sessions_per_token,
            by_session: Mutex::default(),
        }
    }

    /// Whether `principal` may open one more.
    pub fn room_for(&self, principal: &str) -> Result<(), Full> {
        let map = self
            .by_session
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if map.len() >= self.max {
            return Err(Full::Server);
        }
        // Counting is linear, but only when a session opens; the common hub has a handful.
        if map.values().filter(|owner| &***owner == principal).count() >= self.max_per_token {
            return Err(Full::Token);
        }
        Ok(())
    }

    /// Notes that `session` belongs to `principal`.
    pub fn insert(&self, session: Arc<str>, principal: Arc<str>) {
        self.by_session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session, principal);
    }

    /// Whether `session` is there and belongs to `principal`.
    pub fn is_owner(&self, session: &str, principal: &str) -> bool {
        let map = self
            .by_session
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        map.get(session).is_some_and(|owner| &**owner == principal)
    }

    /// Forgets `session`.
    pub fn remove(&self, session: &str) {
        self.by_session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(session);
    }

    /// The ids of all sessions.
    pub fn ids(&self) -> Vec<Arc<str>> {
        self.by_session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_one_owner_and_places_are_counted() {
        let owners = Owners::new(&McpConfig {
            max_sessions: 3,
            max_sessions_per_token: 2,
            ..McpConfig::default()
        });
        owners.insert("s1".into(), "ann".into());
        owners.insert("s2".into(), "ann".into());
        assert!(
            owners.is_owner("s1", "ann")
                && !owners.is_owner("s1", "bea")
                && !owners.is_owner("s9", "ann")
        );
        assert_eq!(owners.room_for("ann"), Err(Full::Token));
        assert_eq!(owners.room_for("bea"), Ok(()));
        owners.insert("s3".into(), "bea".into());
        assert_eq!(owners.room_for("bea"), Err(Full::Server));
        owners.remove("s1");
        assert_eq!(owners.room_for("ann"), Ok(()));
    }
}
