//! The chains' own rows, and reading along them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::chain::{ChainKey, Half},
    Linked, Record,
    put::adopt,
};
use crate::{
    base::clock::Millis,
    db::{Db, DbError, Tx},
    on_db, on_tx,
};

/// A chain: the links of one hub, which no other hub writes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Chain {
    pub id: String,
    pub created_ms: Millis,
    /// The link before the first that is kept, and its mac.
    pub anchor_seq: i64,
    pub anchor_mac: String,
    /// The last link, and its mac.
    pub seq: i64,
    pub mac: String,
    /// The mac of all this.
    pub seal: String,
}

/// Who writes a chain.
#[derive(Clone, Debug)]
pub struct Writer {
    pub chain: Arc<str>,
    pub key: ChainKey,
}

/// Begins the writer's chain. The first one of a database takes up the entries that are there.
pub async fn begin(db: &Db, writer: &Writer, now: Millis) -> Result<Chain, DbError> {
    let writer = writer.clone();
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "select count(*) from audit_chain";
            let others: i64 =
                on_tx!(tx, c => sqlx::query_scalar(sql).fetch_one(&mut **c).await)?;
            let chain = Chain {
                id: writer.chain.to_string(),
                created_ms: now,
                anchor_seq: 0,
                anchor_mac: String::new(),
                seq: 0,
                mac: String::new(),
                seal: String::new(),
            };
            let seal = writer.key.seal(&chain);
            let sql = "insert into audit_chain (id, created_ms, anchor_seq, anchor_mac, seq, mac, seal) \
                       values ($1, $2, 0, '', 0, '', $3)";
            on_tx!(tx, c => sqlx::query(sql).bind(&chain.id).bind(now).bind(seal)
                .execute(&mut **c).await.map(|_| ()))?;
            if others == 0 {
                adopt(&mut tx, &writer, chain).await
            } else {
                Ok(chain)
            }
        })
    })
    .await
}

/// The writer's chain as it is, which nobody else changes until the transaction ends.
pub(super) async fn lock(tx: &mut Tx<'_>, writer: &Writer) -> Result<Chain, DbError> {
    let sql = match tx {
        Tx::Sqlite(_) => "select * from audit_chain where id = $1",
        Tx::Postgres(_) => "select * from audit_chain where id = $1 for update",
    };
    Ok(on_tx!(*tx, c => sqlx::query_as(sql).bind(&*writer.chain).fetch_one(&mut **c).await)?)
}

/// Writes what of a chain has changed.
pub(super) async fn advance(
    tx: &mut Tx<'_>,
    writer: &Writer,
    mut chain: Chain,
) -> Result<Chain, DbError> {
    chain.seal = writer.key.seal(&chain);
    let sql = "update audit_chain set anchor_seq = $2, anchor_mac = $3, seq = $4, mac = $5, seal = $6 where id = $1";
    on_tx!(*tx, c => sqlx::query(sql).bind(&chain.id).bind(chain.anchor_seq).bind(&chain.anchor_mac)
        .bind(chain.seq).bind(&chain.mac).bind(&chain.seal).execute(&mut **c).await.map(|_| ()))?;
    Ok(chain)
}

/// All chains, the oldest first.
pub async fn chains(db: &Db) -> Result<Vec<Chain>, DbError> {
    let sql = "select * from audit_chain order by created_ms, id";
    Ok(on_db!(db, pool => sqlx::query_as(sql).fetch_all(pool).await)?)
}

/// One chain.
pub async fn chain(db: &Db, id: &str) -> Result<Option<Chain>, DbError> {
    let sql = "select * from audit_chain where id = $1";
    Ok(on_db!(db, pool => sqlx::query_as(sql).bind(id).fetch_optional(pool).await)?)
}

/// Entries whose `half` is a link of `chain` after link `after`, up to link `last`, in the order of the chain.
pub async fn links(
    db: &Db,
    chain: &str,
    half: Half,
    (after, last): (i64, i64),
    limit: i64,
) -> Result<Vec<Linked>, DbError> {
    let sql = match half {
        Half::Begun => {
            "select * from audit where begun_chain = $1 and begun_seq > $2 and begun_seq <= $3 order by begun_seq limit $4"
        }
        Half::Ended => {
            "select * from audit where chain = $1 and seq > $2 and seq <= $3 order by seq limit $4"
        }
    };
    Ok(
        on_db!(db, pool => sqlx::query_as(sql).bind(chain).bind(after).bind(last).bind(limit)
        .fetch_all(pool).await)?,
    )
}

/// The last link of every chain.
pub async fn ends(db: &Db) -> Result<BTreeMap<String, i64>, DbError> {
    let chains = chains(db).await?.into_iter();
    Ok(chains.map(|chain| (chain.id, chain.seq)).collect())
}

/// Entries of calls that have ended, by their links in `chain` after the first of these up to the second.
pub async fn ended(db: &Db, chain: &str, between: (i64, i64)) -> Result<Vec<Record>, DbError> {
    let found = links(db, chain, Half::Ended, between, i64::MAX).await?;
    Ok(found.into_iter().map(|linked| linked.record).collect())
}

/// Ids of entries that are in no chain, or behind a chain's end, or ended without a link that says so.
pub async fn strays(db: &Db, limit: i64) -> Result<Vec<String>, DbError> {
    let sql = "select id from audit a where mac is null \
               or (seq is null and (outcome <> 'started' or duration_us is not null or code is not null)) \
               or (seq is not null and not exists (select 1 from audit_chain k where k.id = a.chain and k.seq >= a.seq)) \
               or (begun_seq is not null and not exists \
                   (select 1 from audit_chain k where k.id = a.begun_chain and k.seq >= a.begun_seq)) \
               or (seq is null and begun_seq is null) \
               order by id limit $1";
    Ok(on_db!(db, pool => sqlx::query_scalar(sql).bind(limit).fetch_all(pool).await)?)
}
