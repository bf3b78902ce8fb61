//! Rates that hubs share: what holds nobody up any more is deleted.

use std::sync::Arc;

use syndarix::{
    access::{IdempotencyKeys, keep},
    base::clock::Clock,
    db::Db,
    on_tx,
};
use tokio_util::sync::CancellationToken;

pub async fn suite(db: Db) {
    let put = db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "insert into limit_rate (subject, arrival_us) values ('past', 1), ('ahead', 9000000000000000)";
            on_tx!(tx, c => sqlx::query(sql).execute(&mut **c).await.map(|_| ()))?;
            Ok::<_, syndarix::db::DbError>(())
        })
    });
    put.await.unwrap();
    let keys = IdempotencyKeys::new(db.clone(), Clock::System, &[1; 32]).unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    keep(db.clone(), Arc::new(keys), stop).await;
    let Db::Postgres(pool) = &db else {
        return; // counts in memory
    };
    let left: Vec<String> = sqlx::query_scalar("select subject from limit_rate")
        .fetch_all(pool)
        .await
        .unwrap();
    assert_eq!(left, ["ahead"]);
}
