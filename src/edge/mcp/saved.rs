//! Sessions of streamable HTTP that outlive the hub's process: whoever opened one goes on with it after a restart.

use std::sync::Arc;

use async_trait::async_trait;
use rmcp::transport::streamable_http_server::session::{
    SessionState, SessionStore, SessionStoreError,
};

use super::store::{self, Row};
use crate::{
    base::clock::{Clock, Millis},
    db::{Db, DbError},
};

/// Longest `initialize` parameters that are kept, in bytes. A session with longer ones ends with the process.
const MAX_INITIALIZE: usize = 64 * 1024;

/// The stored sessions of one endpoint.
#[derive(Clone, Debug)]
pub struct Saved {
    db: Db,
    clock: Clock,
    endpoint: Arc<str>,
    idle_ms: Millis,
}

impl Saved {
    /// Sessions, each good until it has not been used for `idle_s` seconds.
    pub fn new(db: Db, clock: Clock, idle_s: u64) -> Self {
        Self {
            db,
            clock,
            endpoint: "".into(),
            idle_ms: Millis::try_from(idle_s)
                .unwrap_or(Millis::MAX)
                .saturating_mul(1000),
        }
    }

    /// Those of the endpoint of this name.
    #[must_use]
    pub fn at(&self, endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.into(),
            ..self.clone()
        }
    }

    /// Keeps a session that has just been opened with these `initialize` parameters, in JSON.
    pub async fn insert(
        &self,
        session: &str,
        principal: &str,
        initialize: String,
    ) -> Result<(), DbError> {
        if initialize.len() > MAX_INITIALIZE {
            return Ok(());
        }
        let now = self.clock.now();
        let row = Row {
            id: session.to_owned(),
            principal_id: principal.to_owned(),
            endpoint: self.endpoint.as_ref().to_owned(),
            initialize,
            created_ms: now,
            last_seen_ms: now,
        };
        store::insert(&self.db, row).await
    }

    /// The principal that `session` belongs to.
    pub async fn owner(&self, session: &str) -> Result<Option<String>, DbError> {
        Ok(self.find(session).await?.map(|row| row.principal_id))
    }

    /// Notes that these sessions were used.
    pub async fn touch(&self, sessions: Vec<Arc<str>>) -> Result<(), DbError> {
        if sessions.is_empty() {
            return Ok(());
        }
        store::touch(&self.db, sessions, self.clock.now()).await
    }

    /// Deletes what nobody may use any more.
    pub async fn expire(&self) -> Result<(), DbError> {
        store::expire(&self.db, self.oldest()).await
    }

    async fn find(&self, session: &str) -> Result<Option<Row>, DbError> {
        store::find(&self.db, session, &self.endpoint, self.oldest()).await
    }

    fn oldest(&self) -> Millis {
        self.clock.now().saturating_sub(self.idle_ms)
    }
}

#[async_trait]
impl SessionStore for Saved {
    async fn load(&self, session: &str) -> Result<Option<SessionState>, SessionStoreError> {
        let Some(row) = self.find(session).await? else {
            return Ok(None);
        };
        Ok(Some(SessionState::new(serde_json::from_str(
            &row.initialize,
        )?)))
    }

    /// Nothing: the transport stores a session, because it knows whose it is.
    async fn store(&self, _: &str, _: &SessionState) -> Result<(), SessionStoreError> {
        Ok(())
    }

    async fn delete(&self, session: &str) -> Result<(), SessionStoreError> {
        Ok(store::delete(&self.db, session).await?)
    }
}
