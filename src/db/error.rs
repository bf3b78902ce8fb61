//! What can go wrong with the database.

/// A failed read or write.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// `database.url` is neither `sqlite` nor a PostgreSQL URL.
    #[error("must be \"sqlite\" or start with \"postgres://\"")]
    Url,
    /// A statement failed.
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("migration failed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A newer program has used the database.
    #[error(
        "the database has schema {found}, newer than schema {known} of this program: run the newer syndarix again, or go back \
         to the copy that it made before migrating (syndarix.db.schema-… in the data directory) or to a backup"
    )]
    NewerSchema {
        /// Its last migration.
        found: i64,
        /// The last one that this program knows.
        known: i64,
    },
    /// The commit that this command shared with others failed: nothing of it happened.
    #[error("commit failed: {message}")]
    Commit {
        /// What the database said.
        message: String,
        /// Whether it said so for want of space.
        full: bool,
    },
    /// Another command's failure undid the transaction that this command shared with it: nothing of it happened.
    #[error("undone together with another command that failed")]
    Undone,
    /// A file beside the database could not be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The database takes nothing, and too much waits for it already.
    #[error("the database does not keep up")]
    Backlog,
    /// Somebody reads an old state of the database for too long.
    #[error("the database's log is still read by somebody")]
    Busy,
    /// The database is closing.
    #[error("the database is closing")]
    Closed,
}

impl DbError {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sqlx(error) => sqlx_is_full(error),
            Self::Commit { full, .. } => *full,
            Self::Io(error) => io_is_full(error),
            _ => false,
        }
    }
}

fn io_is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// Whether `error` says that the disk is full: `SQLITE_FULL` (13), `SQLITE_IOERR_SHMSIZE` (4874: no room for what the
/// connections share), or PostgreSQL's `disk_full` (53100).
pub fn sqlx_is_full(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(db) => db
            .code()
            .is_some_and(|code| matches!(&*code, "13" | "4874" | "53100")),
        sqlx::Error::Io(io) => io_is_full(io),
        _ => false,
    }
}
