//! The schema's history, embedded. Both folders hold the same numbers and names.

use sqlx::migrate::Migrator;

pub static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
pub static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");
