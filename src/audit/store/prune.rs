//! Deleting what is too old, in a way that leaves the rest verifiable: of every chain a whole beginning, whose end becomes the anchor.

use super::{
    super::chain::ChainKey,
    chains::{Chain, Writer, advance, lock},
};
use crate::{
    base::clock::Millis,
    db::{Db, DbError},
    on_tx,
};

/// Deletes of `chain` the links before the first entry that began at or after `before`.
pub async fn prune(db: &Db, key: &ChainKey, chain: &str, before: Millis) -> Result<Chain, DbError> {
    let writer = Writer {
        chain: chain.into(),
        key: key.clone(),
    };
    db.write(move |mut tx| {
        Box::pin(async move {
            let mut chain = lock(&mut tx, &writer).await?;
            let first_kept = "select min(seq) from audit where chain = $1 and started_ms >= $2";
            let ended: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(first_kept).bind(&chain.id).bind(before)
                .fetch_one(&mut **c).await)?;
            let first_kept =
                "select min(begun_seq) from audit where begun_chain = $1 and started_ms >= $2";
            let begun: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(first_kept).bind(&chain.id).bind(before)
                .fetch_one(&mut **c).await)?;
            let kept = [ended, begun].into_iter().flatten().min();
            let most = kept.map_or(chain.seq, |first| first - 1);
            // An end's mac is stored; a beginning's may not be any more.
            let last = "select seq, mac from audit where chain = $1 and seq <= $2 order by seq desc limit 1";
            let last: Option<(i64, String)> = on_tx!(tx, c => sqlx::query_as(last).bind(&chain.id).bind(most)
                .fetch_optional(&mut **c).await)?;
            let Some((seq, mac)) = last.filter(|(seq, _)| *seq > chain.anchor_seq) else {
                return Ok(chain);
            };
            (chain.anchor_seq, chain.anchor_mac) = (seq, mac);
            let chain = advance(&mut tx, &writer, chain).await?;
            // What began in a chain that still tells of it stays until that is pruned too.
            let sql = "delete from audit where chain = $1 and seq <= $2 and (begun_seq is null or begun_chain = $1 \
                       or begun_seq <= (select anchor_seq from audit_chain where id = audit.begun_chain))";
            on_tx!(tx, c => sqlx::query(sql).bind(&chain.id).bind(chain.anchor_seq)
                .execute(&mut **c).await.map(|_| ()))?;
            Ok(chain)
        })
    })
    .await
}
