//! The schema's history, embedded. Both folders hold the same numbers and names.

use std::{collections::BTreeSet, path::Path};

use sqlx::{
    ConnectOptions, Connection, PgConnection, SqliteConnection, migrate::Migrator,
    sqlite::SqliteConnectOptions,
};

use super::{DatabaseConfig, DbError, FILE, Kind, private};

static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// How a database stands to this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its last migration; none where it is new.
    pub found: Option<i64>,
    /// The last one that this program knows.
    pub known: i64,
    /// Migrations that the next start makes: number and name.
    pub pending: Vec<(i64, String)>,
}

impl Schema {
    fn new(applied: &BTreeSet<i64>) -> Self {
        let pending = SQLITE.iter().filter(|m| !applied.contains(&m.version));
        Self {
            found: applied.last().copied(),
            known: newest_schema(),
            pending: pending
                .map(|m| (m.version, m.description.to_string()))
                .collect(),
        }
    }

    fn refuse_newer(&self) -> Result<(), DbError> {
        match self.found {
            Some(found) if found > self.known => Err(DbError::NewerSchema {
                found,
                known: self.known,
            }),
            _ => Ok(()),
        }
    }
}

/// The last migration that this program knows.
pub fn newest_schema() -> i64 {
    SQLITE.iter().map(|m| m.version).max().unwrap_or(0)
}

/// How the database of `config`, under `data` when it is embedded, stands to this program. Changes nothing.
pub async fn schema(config: &DatabaseConfig, data: &Path) -> Result<Schema, DbError> {
    if config.kind()? == Kind::Postgres {
        let mut conn = PgConnection::connect(&config.url).await?;
        let schema = postgres_schema(&mut conn).await?;
        conn.close().await?;
        return Ok(schema);
    }
    let path = data.join(FILE);
    if !path.exists() {
        return Ok(Schema::new(&BTreeSet::new()));
    }
    let mut conn = look_into(&path).await?;
    let schema = sqlite_schema(&mut conn).await?;
    conn.close().await?;
    Ok(schema)
}

/// Brings the embedded database at `path` up to date. One that holds anything is copied first.
pub(super) async fn sqlite(conn: &mut SqliteConnection, path: &Path) -> Result<(), DbError> {
    let schema = sqlite_schema(conn).await?;
    schema.refuse_newer()?;
    if schema.pending.is_empty() {
        return Ok(());
    }
    let Some(found) = schema.found else {
        return Ok(SQLITE.run(conn).await?);
    };
    let kept = path.with_extension(format!("db.schema-{found}"));
    for older in copies(path)? {
        std::fs::remove_file(older)?;
    }
    copy_from(conn, &kept).await?;
    let (from, to) = (found, schema.known);
    tracing::info!(from, to, copy = %kept.display(), "migrating the database");
    Ok(SQLITE.run(conn).await?)
}

/// Brings the shared database up to date.
pub(super) async fn postgres(pool: &sqlx::PgPool) -> Result<(), DbError> {
    let mut conn = pool.acquire().await?;
    let schema = postgres_schema(&mut conn).await?;
    schema.refuse_newer()?;
    Ok(POSTGRES.run(&mut *conn).await?)
}

/// Copies the embedded database at `path` as it is at this moment to the new file `to`, whoever writes to it meanwhile. Its last
/// migration.
pub async fn copy(path: &Path, to: &Path) -> Result<i64, DbError> {
    let mut conn = look_into(path).await?;
    copy_from(&mut conn, to).await?;
    conn.close().await?;
    // What the copy holds may be more than what the original held a moment before.
    let mut copy = look_into(to).await?;
    let schema = sqlite_schema(&mut copy).await?;
    copy.close().await?;
    Ok(schema.found.unwrap_or(0))
}

/// What is wrong with the embedded database at `path`, as SQLite finds it; nothing if it is sound. Reads all of it.
pub async fn faults(path: &Path) -> Result<Vec<String>, DbError> {
    let mut conn = look_into(path).await?;
    let said: Vec<String> = sqlx::query_scalar("pragma quick_check(5)")
        .fetch_all(&mut conn)
        .await?;
    conn.close().await?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}

async fn copy_from(conn: &mut SqliteConnection, to: &Path) -> Result<(), DbError> {
    // SQLite fills an empty file that is there, and leaves its permissions.
    private(to)?;
    let sql = "vacuum into $1";
    let copied = sqlx::query(sql)
        .bind(to.to_string_lossy().into_owned())
        .execute(conn)
        .await;
    if copied.is_err() {
        std::fs::remove_file(to)?;
    }
    copied?;
    std::fs::File::open(to)?.sync_all()?;
    Ok(())
}

async fn look_into(path: &Path) -> Result<SqliteConnection, DbError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(std::time::Duration::from_secs(10))
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging();
    Ok(options.connect().await?)
}

async fn sqlite_schema(conn: &mut SqliteConnection) -> Result<Schema, DbError> {
    let sql = "select count(*) from sqlite_master where name = '_sqlx_migrations'";
    let there: i64 = sqlx::query_scalar(sql).fetch_one(&mut *conn).await?;
    let mut applied = Vec::new();
    if there > 0 {
        let sql = "select version from _sqlx_migrations where success";
        applied = sqlx::query_scalar(sql).fetch_all(conn).await?;
    }
    Ok(Schema::new(&applied.into_iter().collect()))
}

async fn postgres_schema(conn: &mut PgConnection) -> Result<Schema, DbError> {
    let sql = "select count(*) from information_schema.tables where table_name = '_sqlx_migrations' \
               and table_schema = current_schema()";
    let there: i64 = sqlx::query_scalar(sql).fetch_one(&mut *conn).await?;
    let mut applied = Vec::new();
    if there > 0 {
        let sql = "select version from _sqlx_migrations where success";
        applied = sqlx::query_scalar(sql).fetch_all(conn).await?;
    }
    Ok(Schema::new(&applied.into_iter().collect()))
}

/// The copies that earlier migrations left beside the database at `path`.
fn copies(path: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name
            .to_string_lossy()
            .starts_with(&format!("{FILE}.schema-"))
        {
            found.push(entry.path());
        }
    }
    Ok(found)
}
