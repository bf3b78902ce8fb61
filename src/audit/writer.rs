//! The log's writer.

use std::{path::Path, sync::Arc, time::Duration};

use super::{AuditConfig, Entry, Query, Record, store};
use crate::{
    access::Access,
    base::clock::{Clock, Millis},
    db::{Apply, Behind, Db, DbError},
};

/// How long an entry may wait for company.
const GATHER: Duration = Duration::from_millis(50);
/// PostgreSQL is shared: a started call younger than this may be running on another hub.
const MAY_STILL_RUN: Millis = 3_600_000;

/// The audit log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit {
    db: Db,
    entries: Behind<Entry>,
    keep_arguments: bool,
}

impl Audit {
    /// Opens the log, with its journal under `data`: settles what a dead hub left, prunes what is too old, starts the writer.
    pub async fn open(
        db: Db,
        data: &Path,
        clock: &Clock,
        config: &AuditConfig,
    ) -> Result<Self, DbError> {
        let apply: Apply<Entry> = {
            let db = db.clone();
            Arc::new(move |entries| {
                let db = db.clone();
                Box::pin(async move { store::put(&db, entries).await })
            })
        };
        let entries = Behind::open(&data.join("journal/audit.jsonl"), GATHER, apply).await?;
        let now = clock.now();
        let dead_before = match db {
            Db::Sqlite(_) => now,
            Db::Postgres(_) => now - MAY_STILL_RUN,
        };
        store::abort_unsettled(&db, dead_before).await?;
        if config.retention_days > 0 {
            store::prune(&db, now - i64::from(config.retention_days) * 86_400_000).await?;
        }
        Ok(Self {
            db,
            entries,
            keep_arguments: config.arguments,
        })
    }

    /// Whether entries shall carry arguments.
    pub fn keeps_arguments(&self) -> bool {
        self.keep_arguments
    }

    /// Has `entry` on record when it returns: it survives the end of the process.
    pub fn write_now(&self, entry: Entry) -> Result<(), DbError> {
        self.entries.put(entry)
    }

    /// Takes the entry of a call that has ended. What changed something is on record when this returns.
    pub fn write(&self, entry: Entry) {
        let taken = if entry.access > Access::Read {
            self.entries.put(entry)
        } else {
            self.entries.queue(entry)
        };
        if let Err(error) = taken {
            tracing::error!(%error, "an audit entry is lost");
        }
    }

    /// Returns once everything handed over before is in the database, where it can be written.
    pub async fn flush(&self) {
        if let Err(error) = self.entries.flush().await {
            tracing::warn!(%error, "audit entries wait for the database");
        }
    }

    /// Entries from the newest on, those handed over before included.
    pub async fn find(
        &self,
        query: &Query,
        before: Option<&(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<Record>, DbError> {
        self.flush().await;
        store::find(&self.db, query, before, limit).await
    }
}
