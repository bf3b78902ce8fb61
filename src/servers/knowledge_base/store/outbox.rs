//! The outbox: which documents changed, in the order of commits. Caches follow it, on every hub of a database.

use super::{
    KnowledgeStore,
    write::{announce, lock},
};
use crate::{base::clock::Millis, db::Db, on_db, on_tx, tool::ToolError};

/// Entries that are removed in one transaction.
const SLICE: i64 = 5_000;

/// What an entry says of its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It was added, changed or deleted: what it is now says the database.
    Document,
    /// Its vectors are there.
    Vectors,
    /// Its rows are gone, and nothing of it may be left in any file.
    Purge,
}

impl Op {
    /// The word for entries of vectors.
    pub const VECTORS: &str = "vectors";
    /// The word for purges.
    pub const PURGE: &str = "purge";

    fn of(word: &str) -> Self {
        match word {
            Self::VECTORS => Self::Vectors,
            Self::PURGE => Self::Purge,
            _ => Self::Document,
        }
    }
}

/// One change.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place in the order of commits.
    pub seq: i64,
    /// What changed.
    pub document_id: String,
    /// How.
    pub op: Op,
    /// When, in milliseconds since the Unix epoch.
    pub written_ms: Millis,
}

impl KnowledgeStore {
    /// Whether no other hub uses the database.
    pub fn is_alone(&self) -> bool {
        matches!(self.db, Db::Sqlite(_))
    }

    /// The last entry that is committed.
    pub async fn last_seq(&self) -> Result<i64, ToolError> {
        self.counter("seq").await
    }

    /// The last entry that was removed: who stands before it has missed something.
    pub async fn pruned_seq(&self) -> Result<i64, ToolError> {
        self.counter("pruned").await
    }

    pub(super) async fn counter(&self, name: &str) -> Result<i64, ToolError> {
        let sql = "select value from kb_counter where name = $1";
        let value: Option<i64> = on_db!(&self.db, pool => sqlx::query_scalar(sql).bind(name).fetch_optional(pool).await)?;
        Ok(value.unwrap_or(0))
    }

    /// Up to `limit` entries after `seq`.
    pub async fn outbox(&self, seq: i64, limit: u32) -> Result<Vec<Entry>, ToolError> {
        let sql = "select seq, document_id, op, created_ms from kb_outbox where seq > $1 order by seq limit $2";
        let rows: Vec<(i64, String, String, Millis)> = on_db!(&self.db, pool => sqlx::query_as(sql).bind(seq)
            .bind(i64::from(limit)).fetch_all(pool).await)?;
        let entry = |(seq, document_id, op, written_ms): (i64, String, String, Millis)| Entry {
            seq,
            document_id,
            op: Op::of(&op),
            written_ms,
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// When entry `seq` was written; 0 for the beginning. `None` when there is no such entry, or none any more.
    pub async fn written(&self, seq: i64) -> Result<Option<Millis>, ToolError> {
        if seq == 0 {
            return Ok(Some(0));
        }
        let sql = "select created_ms from kb_outbox where seq = $1";
        Ok(on_db!(&self.db, pool => sqlx::query_scalar(sql).bind(seq).fetch_optional(pool).await)?)
    }

    /// Announces these documents once more, so that every cache takes them in again.
    pub async fn announce_again(&self, ids: Vec<String>, now: Millis) -> Result<(), ToolError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    lock(&mut tx).await?;
                    for id in ids {
                        let sql = "select scope from kb_document where id = $1";
                        let scope: Option<String> = on_tx!(tx, c => sqlx::query_scalar(sql).bind(&id)
                            .fetch_optional(&mut **c).await)?;
                        announce(&mut tx, scope.as_deref().unwrap_or_default(), &id, "put", now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Removes entries made before `before`, but keeps the last `keep`. How many there were.
    pub async fn prune_outbox(&self, before: Millis, keep: i64) -> Result<u64, ToolError> {
        let mut removed = 0;
        loop {
            let slice = self
                .db
                .write(move |mut tx| {
                    Box::pin(async move {
                        // In the order of numbers: a clock that was set back does not make a gap.
                        let sql = "select max(seq) from (select seq, created_ms from kb_outbox where seq <= \
                                   (select value from kb_counter where name = 'seq') - $2 order by seq limit $3) as old \
                                   where created_ms < $1";
                        let upto: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(sql).bind(before).bind(keep)
                            .bind(SLICE).fetch_one(&mut **c).await)?;
                        let Some(upto) = upto else { return Ok(0) };
                        let sql = "insert into kb_counter (name, value) values ('pruned', $1) \
                                   on conflict (name) do update set value = excluded.value";
                        on_tx!(tx, c => sqlx::query(sql).bind(upto).execute(&mut **c).await.map(|_| ()))?;
                        let sql = "delete from kb_outbox where seq <= $1";
                        let rows = on_tx!(tx, c => sqlx::query(sql).bind(upto).execute(&mut **c).await
                            .map(|done| done.rows_affected()))?;
                        Ok::<u64, ToolError>(rows)
                    })
                })
                .await?;
            removed += slice;
            if slice == 0 {
                return Ok(removed);
            }
        }
    }
}
