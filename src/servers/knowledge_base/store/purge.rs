//! Erasing documents: no row of them stays, in any version, and the caches are told to forget them in their files.

use super::{
    KnowledgeStore, Op,
    write::{announce, lock},
};
use crate::{
    base::clock::Millis, db::Tx, on_tx, servers::knowledge_base::model::Realm, tool::ToolError,
};

/// The counters of the last purge, and of the last whose traces were removed from the database's files.
const PURGED: &str = "purged";
const SCRUBBED: &str = "scrubbed";
/// The tables in which a purge leaves dead rows.
const TABLES: [&str; 5] = [
    "kb_document",
    "kb_version",
    "kb_chunk",
    "kb_embedding",
    "kb_job_item",
];

impl KnowledgeStore {
    /// Erases the documents of `realm` among `ids`, live or deleted before. Those that there were, and the outbox entry after
    /// which the index has erased them.
    pub async fn purge(
        &self,
        realm: &Realm,
        ids: Vec<String>,
        now: Millis,
    ) -> Result<(Vec<String>, Option<i64>), ToolError> {
        let scope = realm.to_string();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    lock(&mut tx).await?;
                    let (mut purged, mut last) = (Vec::new(), None);
                    for id in ids {
                        if erase(&mut tx, &scope, &id).await? {
                            let seq = announce(&mut tx, &scope, &id, Op::PURGE, now).await?;
                            count(&mut tx, PURGED, seq).await?;
                            last = Some(seq);
                            purged.push(id);
                        }
                    }
                    Ok((purged, last))
                })
            })
            .await
    }

    /// The last purge whose traces are in the database's files still; nothing when there is none.
    pub async fn unscrubbed(&self) -> Result<Option<i64>, ToolError> {
        let purged = self.counter(PURGED).await?;
        let scrubbed = self.counter(SCRUBBED).await?;
        Ok((purged > scrubbed).then_some(purged))
    }

    /// Removes what the database's files hold of rows that are gone, those of purges up to `seq` among them.
    pub async fn scrub(&self, seq: i64) -> Result<(), ToolError> {
        self.db.scrub(&TABLES).await?;
        self.db
            .write(move |mut tx| Box::pin(async move { count(&mut tx, SCRUBBED, seq).await }))
            .await
    }
}

async fn erase(tx: &mut Tx<'_>, scope: &str, id: &str) -> Result<bool, ToolError> {
    let sql = "select external_id from kb_document where id = $1 and scope = $2";
    let found: Option<Option<String>> = on_tx!(*tx, c => sqlx::query_scalar(sql).bind(id).bind(scope)
        .fetch_optional(&mut **c).await)?;
    let Some(name) = found else {
        return Ok(false);
    };
    let sql = "select distinct passage_hash from kb_chunk where document_id = $1 and passage_hash is not null";
    let hashes: Vec<String> =
        on_tx!(*tx, c => sqlx::query_scalar(sql).bind(id).fetch_all(&mut **c).await)?;
    // What jobs were given of it, those that failed included; a job that is still to do it makes a new document. They may
    // call it by its title.
    let sql = "update kb_job_item set request = null, message = null, name = 'purged' where state <> 'queued' \
               and (document_id = $1 or name = $2) and job_id in (select id from kb_job where scope = $3)";
    on_tx!(*tx, c => sqlx::query(sql).bind(id).bind(name.as_deref()).bind(scope)
        .execute(&mut **c).await.map(|_| ()))?;
    // Versions, chunks and the memory go with it.
    let sql = "delete from kb_document where id = $1";
    on_tx!(*tx, c => sqlx::query(sql).bind(id).execute(&mut **c).await.map(|_| ()))?;
    let sql = "delete from kb_embedding where scope = $1 and text_hash = $2 \
               and not exists (select 1 from kb_chunk where scope = $1 and passage_hash = $2)";
    for hash in hashes {
        on_tx!(*tx, c => sqlx::query(sql).bind(scope).bind(&hash).execute(&mut **c).await.map(|_| ()))?;
    }
    Ok(true)
}

async fn count(tx: &mut Tx<'_>, name: &str, value: i64) -> Result<(), ToolError> {
    let sql = "insert into kb_counter (name, value) values ($1, $2) \
               on conflict (name) do update set value = excluded.value";
    Ok(
        on_tx!(*tx, c => sqlx::query(sql).bind(name).bind(value).execute(&mut **c).await.map(|_| ()))?,
    )
}
