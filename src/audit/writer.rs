//! The log's writer.

use std::{path::Path, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    AuditConfig, ChainKey, Entry, Query, Record,
    head::{self, Head, HeadFile},
    store::{self, Writer},
};
use crate::{
    access::Access,
    base::{
        clock::{Clock, Millis},
        ids::new_id,
    },
    db::{Apply, Behind, Db, DbError},
};

/// How long an entry may wait for company.
const GATHER: Duration = Duration::from_millis(50);
/// PostgreSQL is shared: a started call younger than this may be running on another hub.
const MAY_STILL_RUN: Millis = 3_600_000;
/// How often what is too old is deleted.
const PRUNE: Duration = Duration::from_secs(6 * 3600);

/// The audit log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit {
    db: Db,
    entries: Behind<Entry>,
    writer: Writer,
    clock: Clock,
    config: AuditConfig,
}

impl Audit {
    /// Opens the log, with its journal and its chain's head under `data`: settles what a dead hub left, prunes what is too old,
    /// starts the writer.
    pub async fn open(
        db: Db,
        data: &Path,
        clock: &Clock,
        key: ChainKey,
        config: &AuditConfig,
    ) -> Result<Self, DbError> {
        let (writer, file) = follow(&db, data, clock.now(), key).await?;
        let apply: Apply<Entry> = {
            let (db, writer) = (db.clone(), writer.clone());
            Arc::new(move |entries| {
                let (db, writer, file) = (db.clone(), writer.clone(), file.clone());
                Box::pin(async move {
                    let chain = store::put(&db, &writer, entries).await?;
                    if let Err(error) = file.note(&Head::from(&chain)) {
                        tracing::warn!(%error, "the head of the audit log cannot be noted");
                    }
                    Ok(())
                })
            })
        };
        let entries = Behind::open(&data.join("journal/audit.jsonl"), GATHER, apply).await?;
        let now = clock.now();
        let dead_before = match db {
            Db::Sqlite(_) => now,
            Db::Postgres(_) => now - MAY_STILL_RUN,
        };
        store::abort_unsettled(&db, &writer, dead_before).await?;
        let log = Self {
            db,
            entries,
            writer,
            clock: clock.clone(),
            config: config.clone(),
        };
        log.prune().await?;
        Ok(log)
    }

    /// Whether entries shall carry arguments.
    pub fn keeps_arguments(&self) -> bool {
        self.config.arguments
    }

    /// Has `entry` on record when it returns: it survives the end of the process.
    pub fn write_now(&self, entry: Entry) -> Result<(), DbError> {
        self.entries.put(entry)
    }

    /// Takes the entry of a call that has ended. What changed something is on record when this
    /// returns, if the disk has room for it.
    pub fn write(&self, entry: Entry) {
        let taken = if entry.access > Access::Read {
            self.entries.keep(entry)
        } else {
            self.entries.queue(entry)
        };
        if let Err(error) = taken {
            metrics::counter!("syndarix_audit_lost_total").increment(1);
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

    /// Entries from the oldest on, those handed over before included.
    pub async fn since(
        &self,
        query: &Query,
        after: Option<&(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<Record>, DbError> {
        self.flush().await;
        store::since(&self.db, query, after, limit).await
    }

    /// Deletes what is too old, now and then, until `stop` is cancelled.
    pub async fn keep(self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(PRUNE))
            .await
            .is_some()
        {
            if let Err(error) = self.prune().await {
                tracing::warn!(%error, "the audit log cannot be pruned");
            }
        }
    }

    /// Deletes what is too old.
    async fn prune(&self) -> Result<(), DbError> {
        let days = i64::from(self.config.retention_days);
        if days == 0 {
            return Ok(());
        }
        let before = self.clock.now() - days * 86_400_000;
        for chain in store::chains(&self.db).await? {
            store::prune(&self.db, &self.writer.key, &chain.id, before).await?;
        }
        Ok(())
    }
}

/// Goes on with the chain that the data directory knows, if the database has all of it; begins another if not.
async fn follow(
    db: &Db,
    data: &Path,
    now: Millis,
    key: ChainKey,
) -> Result<(Writer, HeadFile), DbError> {
    if let Some(head) = head::last(data)? {
        match store::chain(db, &head.chain).await? {
            Some(chain) if chain.seq >= head.seq => {
                let chain = chain.id.into();
                return Ok((Writer { chain, key }, HeadFile::open(data)?));
            }
            found => {
                let (chain, written) = (&head.chain, head.seq);
                let found = found.map_or(0, |chain| chain.seq);
                tracing::error!(
                    chain,
                    written,
                    found,
                    "the audit log is shorter than this hub has written it: the database was set back, or entries were deleted; \
                     syndarix audit verify tells more"
                );
                head::set_aside(data, now)?;
            }
        }
    }
    let chain = new_id("chain").into();
    let writer = Writer { chain, key };
    let begun = store::begin(db, &writer, now).await?;
    let file = HeadFile::open(data)?;
    file.note(&Head::from(&begun))?;
    Ok((writer, file))
}
