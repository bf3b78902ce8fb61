//! The database: whether it answers, is sound, and of which schema it is.

use std::time::Duration;

use super::{Finding, Patient};
use crate::{
    audit,
    db::{self, DbError, Kind},
};

const DATABASE: &str = "database";
const SCHEMA: &str = "schema";
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let config = &patient.settings.database;
    let file = patient.data.join(db::FILE);
    let kind = match config.kind() {
        Ok(kind) => kind,
        Err(error) => {
            let next = "set database.url in config.toml";
            return vec![Finding::error(DATABASE, error.to_string(), next)];
        }
    };
    if kind == Kind::Sqlite && !file.exists() {
        let found = format!("{} is not there: the first start makes it", file.display());
        return vec![Finding::ok(DATABASE, found)];
    }
    let asked = tokio::time::timeout(PATIENCE, db::schema(config, &patient.data)).await;
    let schema = match asked {
        Ok(Ok(schema)) => schema,
        Ok(Err(error)) => return vec![unread(kind, &error)],
        Err(_) => return vec![broken(kind, "it does not answer")],
    };
    let mut found = Vec::new();
    found.push(match kind {
        Kind::Postgres => Finding::ok(DATABASE, "the PostgreSQL server answers"),
        Kind::Sqlite => match db::faults(&file).await {
            Ok(faults) if faults.is_empty() => {
                Finding::ok(DATABASE, format!("{} is sound", file.display()))
            }
            Ok(faults) => broken(kind, &faults.join("; ")),
            Err(error) => unread(kind, &error),
        },
    });
    let pending = schema.pending.len();
    found.push(match schema.found {
        Some(found) if found > schema.known => {
            let newer = DbError::NewerSchema {
                found,
                known: schema.known,
            };
            let next = "run the syndarix that used it last, or a newer one";
            Finding::error(SCHEMA, newer.to_string(), next)
        }
        Some(found) if pending > 0 => {
            let known = schema.known;
            let old = format!("the database has schema {found}, this program {known}");
            let next = format!(
                "the next start makes {pending} migrations, of the embedded database after a copy: syndarix migrate does it now"
            );
            Finding::warning(SCHEMA, old, next)
        }
        Some(found) => Finding::ok(SCHEMA, format!("it is up to date ({found})")),
        None => Finding::ok(SCHEMA, "the database is new: the first start fills it"),
    });
    found.extend(audit_log(patient));
    found
}

/// What the hub has found of its audit log at a start.
fn audit_log(patient: &Patient) -> Option<Finding> {
    let heads = audit::heads(&patient.data).unwrap_or_default();
    let aside = heads
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e != "head"))?;
    let next = format!(
        "syndarix audit verify tells more; delete {} when you know why",
        aside.display()
    );
    let shorter = "it was shorter at a start than the hub had written it: the database was set back, or its end cut off";
    Some(Finding::warning("audit log", shorter, next))
}

/// The database cannot be looked at. On a full disk that says nothing of the database.
fn unread(kind: Kind, error: &DbError) -> Finding {
    if error.is_full() {
        let found = "it cannot be looked at: the disk is full";
        return Finding::error(DATABASE, found, "make room, then run doctor again");
    }
    broken(kind, &error.to_string())
}

fn broken(kind: Kind, problem: &str) -> Finding {
    let next = match kind {
        Kind::Sqlite => "stop the hub and restore a backup: syndarix restore --force <backup>",
        Kind::Postgres => {
            "check database.url, and whether the server runs and lets this machine in"
        }
    };
    Finding::error(DATABASE, problem, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_fault_of_the_database() {
        let full = DbError::Io(std::io::ErrorKind::StorageFull.into());
        assert!(unread(Kind::Sqlite, &full).found.contains("disk is full"));
        let next = unread(Kind::Sqlite, &DbError::Closed).next;
        assert!(next.is_some_and(|next| next.contains("restore a backup")));
    }
}
