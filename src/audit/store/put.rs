//! Writing entries, each with its link.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sqlx::QueryBuilder;

use super::{
    super::{Entry, Outcome, chain::Half},
    Linked, Record,
    chains::{Chain, Writer, advance, lock},
};
use crate::{
    base::clock::Millis,
    db::{Db, DbError, Tx, parts},
    on_tx,
};

const COLUMNS: &str = "insert into audit (id, started_ms, duration_us, principal_id, project_id, agent_id, server, \
                       tool, access, origin, parent_id, request_id, outcome, code, arguments, begun_chain, begun_seq, \
                       chain, seq, mac) ";
/// A call that was written when it started is completed; one that was not is written whole.
const SETTLE: &str = " on conflict (id) do update set duration_us = excluded.duration_us, \
                      outcome = excluded.outcome, code = excluded.code, chain = excluded.chain, seq = excluded.seq, \
                      mac = excluded.mac, begun_chain = coalesce(audit.begun_chain, excluded.begun_chain), \
                      begun_seq = coalesce(audit.begun_seq, excluded.begun_seq)";
/// Entries in one transaction where there are many.
const BATCH: i64 = 512;

/// Writes `entries` in one transaction; of each call there is one. The last link of the chain.
pub async fn put(db: &Db, writer: &Writer, entries: Arc<[Entry]>) -> Result<Chain, DbError> {
    let writer = writer.clone();
    db.write(move |mut tx| {
        Box::pin(async move {
            let records = last_of_each(&entries);
            let chain = lock(&mut tx, &writer).await?;
            let there = there(&mut tx, &records).await?;
            let news = |record: &Record| match there.get(&record.id) {
                // A journal is applied once more after a crash.
                Some(settled) => !settled && record.has_ended(),
                None => true,
            };
            let records = records.into_iter().filter(news).collect();
            write(&mut tx, &writer, chain, records).await
        })
    })
    .await
}

/// Calls that a dead hub left behind become aborted.
pub async fn abort_unsettled(
    db: &Db,
    writer: &Writer,
    started_before: Millis,
) -> Result<(), DbError> {
    let sql = "select * from audit where outcome = 'started' and started_ms < $1 and mac is not null order by id limit $2";
    while {
        let writer = writer.clone();
        let aborted: Result<bool, DbError> = db
            .write(move |mut tx| {
                Box::pin(async move {
                    let chain = lock(&mut tx, &writer).await?;
                    let sql = format!("{sql}{}", for_update(&tx));
                    let mut left: Vec<Record> = on_tx!(tx, c => sqlx::query_as(sqlx::AssertSqlSafe(sql))
                        .bind(started_before).bind(BATCH).fetch_all(&mut **c).await)?;
                    let more = left.len() as i64 == BATCH;
                    for record in &mut left {
                        Outcome::Aborted.as_str().clone_into(&mut record.outcome);
                    }
                    write(&mut tx, &writer, chain, left).await?;
                    Ok(more)
                })
            })
            .await;
        aborted?
    } {}
    Ok(())
}

/// Links all entries of before there were chains.
pub(super) async fn adopt(
    tx: &mut Tx<'_>,
    writer: &Writer,
    mut chain: Chain,
) -> Result<Chain, DbError> {
    loop {
        let sql = format!(
            "select * from audit where mac is null order by id limit $1{}",
            for_update(tx)
        );
        let old: Vec<Record> = on_tx!(*tx, c => sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(BATCH).fetch_all(&mut **c).await)?;
        if old.is_empty() {
            return Ok(chain);
        }
        chain = write(tx, writer, chain, old).await?;
    }
}

/// Links `records` to `chain` in their order, and writes both.
async fn write(
    tx: &mut Tx<'_>,
    writer: &Writer,
    mut chain: Chain,
    records: Vec<Record>,
) -> Result<Chain, DbError> {
    if records.is_empty() {
        return Ok(chain);
    }
    let linked: Vec<Linked> = records
        .into_iter()
        .map(|record| link(writer, &mut chain, record))
        .collect();
    for rows in parts(&linked) {
        on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new(COLUMNS);
            sql.push_values(rows, |mut row, linked| {
                let r = &linked.record;
                row.push_bind(r.id.clone())
                    .push_bind(r.started_ms)
                    .push_bind(r.duration_us)
                    .push_bind(r.principal_id.clone())
                    .push_bind(r.project_id.clone())
                    .push_bind(r.agent_id.clone())
                    .push_bind(r.server.clone())
                    .push_bind(r.tool.clone())
                    .push_bind(r.access.clone())
                    .push_bind(r.origin.clone())
                    .push_bind(r.parent_id.clone())
                    .push_bind(r.request_id.clone())
                    .push_bind(r.outcome.clone())
                    .push_bind(r.code.clone())
                    .push_bind(r.arguments.clone())
                    .push_bind(linked.begun_chain.clone())
                    .push_bind(linked.begun_seq)
                    .push_bind(linked.chain.clone())
                    .push_bind(linked.seq)
                    .push_bind(linked.mac.clone());
            });
            sql.push(SETTLE);
            sql.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    advance(tx, writer, chain).await
}

fn link(writer: &Writer, chain: &mut Chain, record: Record) -> Linked {
    let ended = record.has_ended();
    let half = if ended { Half::Ended } else { Half::Begun };
    let seq = chain.seq + 1;
    let mac = writer.key.link(&chain.mac, &chain.id, seq, half, &record);
    (chain.seq, chain.mac) = (seq, mac.clone());
    let place = |here: bool| here.then(|| chain.id.clone());
    Linked {
        record,
        begun_chain: place(!ended),
        begun_seq: (!ended).then_some(seq),
        chain: place(ended),
        seq: ended.then_some(seq),
        mac: Some(mac),
    }
}

/// Which of these calls are there already, and whether they have ended. Reading calls are written once, when they have ended, and
/// never twice: they are in no journal.
async fn there(tx: &mut Tx<'_>, records: &[Record]) -> Result<BTreeMap<String, bool>, DbError> {
    let mut ids: Vec<&str> = records
        .iter()
        .filter(|r| r.access != crate::access::Access::Read.as_str())
        .map(|r| r.id.as_str())
        .collect();
    ids.sort_unstable();
    let mut there = BTreeMap::new();
    let lock = for_update(tx);
    for ids in parts(&ids) {
        let found: Vec<(String, Option<i64>)> = on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new("select id, seq from audit where id in ");
            sql.push_tuples(ids, |mut id, text| { id.push_bind((*text).to_owned()); });
            sql.push(" order by id").push(lock);
            sql.build_query_as().fetch_all(&mut **c).await
        })?;
        there.extend(found.into_iter().map(|(id, seq)| (id, seq.is_some())));
    }
    Ok(there)
}

/// What keeps other hubs from changing the rows that were read. SQLite has one writer.
fn for_update(tx: &Tx<'_>) -> &'static str {
    match tx {
        Tx::Sqlite(_) => "",
        Tx::Postgres(_) => " for update",
    }
}

/// One entry a call: one statement cannot write a row twice.
fn last_of_each(entries: &[Entry]) -> Vec<Record> {
    let mut places = HashMap::with_capacity(entries.len());
    let mut kept: Vec<&Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = *places.entry(&*entry.id).or_insert(kept.len());
        match kept.get_mut(place) {
            // What has ended stays so: a journal may tell of its beginning again.
            Some(earlier) if entry.outcome != Outcome::Started => *earlier = entry,
            Some(_) => {}
            None => kept.push(entry),
        }
    }
    kept.into_iter().map(Record::from).collect()
}
