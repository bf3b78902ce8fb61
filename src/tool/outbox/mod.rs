//! The outbox: every change that is told to subscribers, in order, kept for those who were away and for the other hubs of a
//! shared database.
//!
//! An event is on record when the change is told, and in the database a moment later. A hub that is killed between a
//! change's commit and its event answers nobody; its call is in the audit log as aborted.

mod store;
mod tail;
mod view;

use std::{path::Path, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub use store::{Filter, Kept};
pub use view::EventView;

use super::Change;
use crate::{
    base::{
        clock::{Clock, Millis},
        ids::{ProjectId, new_id},
    },
    db::{Apply, Behind, Db, DbError},
};

/// How long an event may wait for company.
const GATHER: Duration = Duration::from_millis(20);

/// `[events]` of config.toml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventsConfig {
    /// Days that events are kept for those who come back; 0 for ever.
    pub retention_days: u32,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self { retention_days: 7 }
    }
}

/// An event, before it has its place in the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct New {
    id: String,
    hub: Arc<str>,
    at_ms: Millis,
    project: String,
    server: String,
    action: String,
    agent: Option<String>,
    owner: Option<String>,
    path: String,
    below: bool,
    call: Option<String>,
}

/// The events of all projects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbox {
    db: Db,
    clock: Clock,
    /// This process, among those that share the database.
    hub: Arc<str>,
    entries: Behind<New>,
    /// Some were written by this hub.
    written: Arc<Notify>,
    /// The newest event's place.
    newest: watch::Sender<i64>,
    /// Nobody is told any more.
    closed: CancellationToken,
    config: EventsConfig,
}

impl Outbox {
    /// Opens the outbox, with its journal under `data`: what a dead hub left there is written first.
    pub async fn open(
        db: Db,
        data: &Path,
        clock: &Clock,
        config: &EventsConfig,
    ) -> Result<Self, DbError> {
        let written = Arc::new(Notify::new());
        let apply: Apply<New> = {
            let (db, written) = (db.clone(), Arc::clone(&written));
            Arc::new(move |entries| {
                let (db, written) = (db.clone(), Arc::clone(&written));
                Box::pin(async move {
                    store::put(&db, entries).await?;
                    written.notify_one();
                    Ok(())
                })
            })
        };
        let entries = Behind::open(&data.join("journal/events.jsonl"), GATHER, apply).await?;
        let newest = store::newest(&db).await?;
        Ok(Self {
            db,
            clock: clock.clone(),
            hub: new_id("hub").into(),
            entries,
            written,
            newest: watch::Sender::new(newest),
            closed: CancellationToken::new(),
            config: config.clone(),
        })
    }

    /// Has `change` on record when it returns, if the disk has room for it.
    pub(super) fn put(&self, project: &ProjectId, change: &Change) {
        let cause = &change.cause;
        let taken = self.entries.keep(New {
            id: new_id("evt"),
            hub: Arc::clone(&self.hub),
            at_ms: self.clock.now(),
            project: project.to_string(),
            server: cause.server.as_str().to_owned(),
            action: cause.action.to_string(),
            agent: cause.agent.as_ref().map(ToString::to_string),
            owner: change.agent.as_ref().map(ToString::to_string),
            path: change.path.clone(),
            below: change.below,
            call: cause.call.as_deref().map(str::to_owned),
        });
        if let Err(error) = taken {
            metrics::counter!("syndarix_events_lost_total").increment(1);
            tracing::error!(%error, "an event is lost");
        }
    }

    /// Events of `project` after the place `after`, oldest first.
    pub async fn since(
        &self,
        project: &ProjectId,
        filter: &Filter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Kept>, DbError> {
        store::since(&self.db, project.as_str(), filter, after, limit).await
    }

    /// The place before the oldest event that is kept: who was told less has missed some.
    pub async fn horizon(&self) -> Result<i64, DbError> {
        store::horizon(&self.db).await
    }

    /// Ends the streams of those who follow, so that the hub can stop.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Cancelled when streams shall end.
    pub fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    /// The newest event's place, and when it moves.
    pub fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }
}
