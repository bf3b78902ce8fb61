//! Following the order: tells this hub's subscribers how far it has come, and of what the other hubs changed.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use super::{
    Outbox,
    store::{self, CHANNEL, Kept},
};
use crate::{
    base::ids::{AgentId, ProjectId},
    db::{Db, DbError},
    tool::{Cause, Change, Changes, ServerId},
};

/// Events that are looked at together.
const BATCH: u32 = 500;
/// How long another hub's events may go unnoticed where its notices do not arrive.
const POLL: Duration = Duration::from_secs(1);
/// How often what is too old is deleted.
const PRUNE: Duration = Duration::from_secs(3600);

impl Outbox {
    /// Follows the order until `stop` is cancelled, and tells `changes` what other hubs did.
    pub async fn follow(self, changes: Changes, stop: CancellationToken) {
        let mut seen = *self.newest.borrow();
        let mut notices = Notices::of(&self.db).await;
        let mut prune = tokio::time::interval(PRUNE);
        loop {
            let failed = match self.advance(&mut seen, &changes).await {
                Ok(()) => false,
                Err(error) => {
                    tracing::warn!(%error, "events cannot be read");
                    true
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.written.notified() => {}
                () = notices.next(), if !failed => {}
                () = tokio::time::sleep(POLL), if failed => {}
                _ = prune.tick() => self.prune().await,
            }
        }
    }

    /// Looks at what came after `seen`.
    async fn advance(&self, seen: &mut i64, changes: &Changes) -> Result<(), DbError> {
        loop {
            let events = store::all_since(&self.db, *seen, BATCH).await?;
            let Some(last) = events.last() else {
                return Ok(());
            };
            *seen = last.seq;
            for event in events.iter().filter(|event| *event.hub != *self.hub) {
                if let Some(change) = change(event) {
                    changes.hear(change);
                }
            }
            self.newest.send_replace(*seen);
        }
    }

    async fn prune(&self) {
        let days = i64::from(self.config.retention_days);
        if days == 0 {
            return;
        }
        let before = self.clock.now() - days * 86_400_000;
        if let Err(error) = store::prune(&self.db, before).await {
            tracing::warn!(%error, "old events cannot be deleted");
        }
    }
}

fn change(event: &Kept) -> Option<Change> {
    Some(Change {
        project: Some(ProjectId::new(&event.project_id).ok()?),
        agent: event
            .owner_id
            .as_deref()
            .and_then(|id| AgentId::new(id).ok()),
        path: event.path.clone(),
        below: event.below != 0,
        cause: Cause {
            server: ServerId::named(&event.server)?,
            action: event.action.clone().into(),
            agent: event
                .agent_id
                .as_deref()
                .and_then(|id| AgentId::new(id).ok()),
            call: event.call_id.as_deref().map(Into::into),
        },
    })
}

/// How this hub learns that another one wrote.
enum Notices {
    /// No other hub writes to this database.
    Alone,
    Listening(PgListener),
    /// Notices do not arrive; the database is asked.
    Polling,
}

impl Notices {
    async fn of(db: &Db) -> Self {
        let Db::Postgres(pool) = db else {
            return Self::Alone;
        };
        // A connection of its own: it is held for ever.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with((*pool.connect_options()).clone());
        let listening = async {
            let mut listener = PgListener::connect_with(&own).await?;
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        match listening.await {
            Ok(listener) => Self::Listening(listener),
            Err(error) => {
                tracing::warn!(%error, "the database's notices cannot be listened to: it is asked every second");
                Self::Polling
            }
        }
    }

    /// Waits until there may be something new.
    async fn next(&mut self) {
        match self {
            Self::Alone => std::future::pending().await,
            // It connects anew by itself; what was missed meanwhile is found with the next look.
            Self::Listening(listener) => {
                if !matches!(
                    tokio::time::timeout(POLL, listener.recv()).await,
                    Ok(Ok(_)) | Err(_)
                ) {
                    tokio::time::sleep(POLL).await;
                }
            }
            Self::Polling => tokio::time::sleep(POLL).await,
        }
    }
}
