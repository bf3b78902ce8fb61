//! What may keep a hub from running well, looked for from outside: the hub may run meanwhile, or be unable to start.

mod database;
mod files;
mod index;
mod machine;
mod ports;
mod programs;
mod providers;

use std::path::PathBuf;

use serde::Serialize;

use super::running;
use crate::config::Settings;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// The hub runs, but not as well as it could.
    Warning,
    /// The hub does not start, does not work, or is not safe.
    Error,
}

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether `--fix` does it.
    pub fixable: bool,
    /// Whether it was done.
    pub fixed: bool,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            found: found.into(),
            next: None,
            fixable: false,
            fixed: false,
        }
    }

    fn warning(check: &'static str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            next: Some(next.into()),
            ..Self::ok(check, found)
        }
    }

    /// What keeps a hub from running.
    pub fn error(check: &'static str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            ..Self::warning(check, found, next)
        }
    }

    /// Says that `--fix` can mend it, and mends it with `mend` if `fix`.
    fn mended(self, fix: bool, mend: impl FnOnce() -> std::io::Result<()>) -> Self {
        let mut finding = Self {
            fixable: true,
            ..self
        };
        if fix {
            match mend() {
                Ok(()) => finding.fixed = true,
                Err(error) => finding.found = format!("{} (not mended: {error})", finding.found),
            }
        }
        finding
    }

    /// Whether it is still as bad as it was found.
    pub fn is(&self, level: Level) -> bool {
        self.level == level && !self.fixed
    }
}

/// What is looked at.
struct Patient<'p> {
    settings: &'p Settings,
    data: PathBuf,
    /// Whether a hub runs on the data directory.
    runs: bool,
    fix: bool,
}

/// Looks at everything. With `fix`, mends what can be mended without a loss.
pub async fn examine(settings: &Settings, fix: bool) -> Vec<Finding> {
    let data = settings.storage.data.clone();
    let data = data.canonicalize().unwrap_or(data);
    let patient = Patient {
        settings,
        runs: running::holds(&data),
        data,
        fix,
    };
    let mut found = vec![Finding::ok("configuration", "it is valid")];
    found.extend(files::check(&patient));
    found.extend(database::check(&patient).await);
    found.extend(index::check(&patient));
    found.extend(ports::check(&patient).await);
    found.extend(programs::check(&patient));
    found.extend(providers::check(&patient).await);
    found.extend(machine::check(&patient));
    found
}
