//! Floor 1: the database. One SQL text over SQLite (embedded, the default) and PostgreSQL.
//!
//! Reads go to a pool with [`on_db!`](crate::on_db); writes go through [`Db::write`], which answers only after the commit.

mod behind;
mod error;
mod migrate;
mod parts;
mod sqlite;
mod writer;

use std::path::Path;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool, SqliteConnection, postgres::PgPoolOptions};

pub use behind::{Apply, Behind};
pub use error::{DbError, sqlx_is_full};
pub use migrate::{Schema, copy, faults, newest_schema, schema};
pub use parts::parts;

/// The embedded database's file in the data directory.
pub const FILE: &str = "syndarix.db";

/// `[database]` of config.toml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite` for the embedded database under the data directory, or a `postgres://` URL.
    pub url: String,
    /// Connections of the PostgreSQL pool, or reading connections of SQLite.
    pub max_connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: "sqlite".into(),
            max_connections: 4,
        }
    }
}

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Embedded, a file in the data directory.
    Sqlite,
    /// A server's, shared by several hubs.
    Postgres,
}

impl Kind {
    /// `sqlite` or `postgres`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl DatabaseConfig {
    /// Which database the URL means.
    pub fn kind(&self) -> Result<Kind, DbError> {
        if self.url == "sqlite" {
            Ok(Kind::Sqlite)
        } else if self.url.starts_with("postgres://") || self.url.starts_with("postgresql://") {
            Ok(Kind::Postgres)
        } else {
            Err(DbError::Url)
        }
    }
}

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Db {
    /// Embedded: a pool of readers and one writer with group commit.
    Sqlite(sqlite::Sqlite),
    /// Shared by several hubs.
    Postgres(PgPool),
}

/// A transaction's connection, on either database. Use it with [`on_tx!`](crate::on_tx).
#[derive(Debug)]
pub enum Tx<'t> {
    /// A connection of the embedded database.
    Sqlite(&'t mut SqliteConnection),
    /// A PostgreSQL connection.
    Postgres(&'t mut PgConnection),
}

/// Runs the same expression against whichever pool is open. It must be of one type on both: turn a query result into
/// `rows_affected()` or `()` inside it.
#[macro_export]
macro_rules! on_db {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::db::Db::Sqlite(sqlite) => {
                let $pool = sqlite.readers();
                $body
            }
            $crate::db::Db::Postgres($pool) => $body,
        }
    };
}

/// Runs the same expression against whichever connection the transaction holds.
#[macro_export]
macro_rules! on_tx {
    ($tx:expr, $conn:ident => $body:expr) => {
        match &mut $tx {
            $crate::db::Tx::Sqlite($conn) => $body,
            $crate::db::Tx::Postgres($conn) => $body,
        }
    };
}

impl Db {
    /// Opens the database that `config` names, under `data` when it is embedded, and brings its schema up to date.
    pub async fn open(config: &DatabaseConfig, data: &Path) -> Result<Self, DbError> {
        if config.kind()? == Kind::Sqlite {
            let path = data.join(FILE);
            let sqlite = sqlite::Sqlite::open(&path, config.max_connections.max(1)).await?;
            return Ok(Self::Sqlite(sqlite));
        }
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections.max(2))
            .acquire_timeout(std::time::Duration::from_secs(10))
            .connect(&config.url)
            .await?;
        migrate::postgres(&pool).await?;
        Ok(Self::Postgres(pool))
    }

    /// Runs `command` in a transaction of its own and answers after the commit. An `Err` rolls it back and it alone,
    /// even where other commands share the commit. Dropping the future does not undo a command that was handed over.
    pub async fn write<R, E, F>(&self, command: F) -> Result<R, E>
    where
        F: for<'t> FnOnce(Tx<'t>) -> BoxFuture<'t, Result<R, E>> + Send + 'static,
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match self {
            Self::Sqlite(sqlite) => sqlite.writer().write(command).await,
            Self::Postgres(pool) => {
                let mut tx = pool.begin().await.map_err(DbError::from)?;
                let out = command(Tx::Postgres(&mut tx)).await?;
                tx.commit().await.map_err(DbError::from)?;
                Ok(out)
            }
        }
    }

    /// Removes from the database's files what they hold of rows that are deleted. The embedded database is written anew, at
    /// some seconds a gigabyte, and its log emptied: nothing of them is left. PostgreSQL is told to free the rows of `tables`:
    /// their bytes are overwritten when the space is used again, and its own log and backups are its administrator's affair.
    pub async fn scrub(&self, tables: &[&'static str]) -> Result<(), DbError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.writer().scrub().await,
            Self::Postgres(pool) => {
                for table in tables {
                    let sql = sqlx::AssertSqlSafe(format!("vacuum {table}"));
                    sqlx::query(sql).execute(pool).await?;
                }
                Ok(())
            }
        }
    }

    /// Which one it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// Writes that wait for the embedded database's one writer.
    pub fn waiting(&self) -> Option<usize> {
        match self {
            Self::Sqlite(sqlite) => Some(sqlite.writer().waiting()),
            Self::Postgres(_) => None,
        }
    }

    /// Pooled connections that are in use, and that are open.
    pub fn connections(&self) -> (usize, usize) {
        let (open, idle) = on_db!(self, pool => (pool.size() as usize, pool.num_idle()));
        (open.saturating_sub(idle), open)
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<(), DbError> {
        on_db!(self, pool => sqlx::query("select 1").execute(pool).await.map(|_| ()))?;
        Ok(())
    }

    /// Closes every connection; what was acknowledged is on disk already.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Makes the new file `path`, which only its owner may read.
fn private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

/// A LIKE pattern that finds `text` anywhere, taking none of its characters for a wildcard.
pub fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
