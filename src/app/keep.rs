//! Backups of a data directory on which no hub runs, and restoring into one.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{running::Lock, store::make_private};
use crate::{
    backup::{self, Backups, Made, Restored},
    base::clock::{Clock, Millis},
    config::Settings,
    project::workspace::Workspaces,
};

/// Backs up the data directory of `settings`. No hub can start meanwhile.
pub async fn backup(settings: &Settings) -> anyhow::Result<Made> {
    let data = &settings.storage.data;
    let data = data.canonicalize().with_context(|| {
        let data = data.display();
        format!("there is no data directory {data} to back up: set storage.data in config.toml")
    })?;
    let _lock = Lock::take(&data).await?;
    let backups = Backups::new(
        &data,
        settings.database.kind()?,
        Workspaces::new(&data),
        Clock::System,
    );
    Ok(backups.make().await?)
}

/// Restores the backup `from` into the data directory `data`. No hub can start meanwhile.
pub async fn restore(
    data: &Path,
    from: PathBuf,
    force: bool,
    now: Millis,
) -> anyhow::Result<Restored> {
    backup::check_place(data, force)?;
    let data = make_private(data)?;
    let _lock = Lock::take(&data).await?;
    let restoring = tokio::task::spawn_blocking(move || backup::restore(&from, &data, force, now));
    Ok(restoring.await??)
}

/// The file with the key of tokens, where it is not in the data directory.
pub fn key_outside(settings: &Settings) -> Option<&Path> {
    let key = settings.auth.key_file.as_deref()?;
    let data = settings.storage.data.canonicalize().ok()?;
    let inside = key.canonicalize().is_ok_and(|key| key.starts_with(data));
    (!inside).then_some(key)
}
