use crate::db::{DatabaseConfig, Db, DbError, Tx};
use crate::on_tx;

async fn execute(db: &Db, sql: &'static str) -> Result<(), DbError> {
    db.write(move |mut tx: Tx<'_>| {
        Box::pin(async move {
            on_tx!(tx, c => sqlx::query(sql).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

async fn rows(db: &Db) -> i64 {
    let Db::Sqlite(sqlite) = db else {
        panic!("embedded")
    };
    let count = sqlx::query_scalar("select count(*) from t");
    count.fetch_one(sqlite.readers()).await.unwrap()
}

const SMALL: &str = "insert into t values (1)";
const LARGE: &str = "insert into t values (zeroblob(1000000))";

/// A database without room for `LARGE`.
async fn full(data: &std::path::Path) -> Db {
    let db = Db::open(&DatabaseConfig::default(), data).await.unwrap();
    execute(&db, "create table t (x)").await.unwrap();
    // Less than it has: it stays as large as it is.
    execute(&db, "pragma max_page_count = 1").await.unwrap();
    db
}

#[tokio::test]
async fn who_shares_a_commit_with_one_that_finds_the_disk_full_is_told_to_repeat() {
    let dir = tempfile::tempdir().unwrap();
    let db = full(dir.path()).await;
    // The writer is busy while the others come, so that they share the next commit.
    let (free, busy) = tokio::sync::oneshot::channel::<()>();
    let first = db.write(|_| {
        Box::pin(async move {
            busy.await.unwrap();
            Ok::<_, DbError>(())
        })
    });
    let free = async {
        while db.waiting() != Some(3) {
            tokio::task::yield_now().await;
        }
        free.send(()).unwrap();
    };
    let others = async {
        tokio::task::yield_now().await;
        tokio::join!(
            execute(&db, SMALL),
            execute(&db, LARGE),
            execute(&db, SMALL)
        )
    };
    let (first, (before, large, after), ()) = tokio::join!(first, others, free);
    first.unwrap();
    assert!(large.unwrap_err().is_full());
    assert!(matches!(before, Err(DbError::Undone)), "{before:?}");
    assert!(matches!(after, Err(DbError::Undone)), "{after:?}");
    assert_eq!(rows(&db).await, 0);
}

#[tokio::test]
async fn a_full_database_answers_so_and_goes_on_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let db = full(dir.path()).await;
    assert!(execute(&db, LARGE).await.unwrap_err().is_full());
    execute(&db, "pragma max_page_count = 1000000")
        .await
        .unwrap();
    execute(&db, LARGE).await.unwrap();
    assert_eq!(rows(&db).await, 1);
}
