//! Databases on the PostgreSQL server whose URL is in `SYNDARIX_TEST_POSTGRES`; it may be filled with them. `.ci/run` sets it.

/// The URL of a database of its own called `name`, empty; none where there is no server.
pub async fn database(name: &str) -> Option<String> {
    let url = std::env::var("SYNDARIX_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty())?;
    let (base, _) = url.rsplit_once('/').expect("a URL with a database name");
    let admin = sqlx::PgPool::connect(&url)
        .await
        .expect("SYNDARIX_TEST_POSTGRES must be reachable");
    for sql in [
        format!("drop database if exists {name} with (force)"),
        format!("create database {name}"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&admin)
            .await
            .unwrap();
    }
    admin.close().await;
    Some(format!("{base}/{name}"))
}
