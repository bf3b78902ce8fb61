//! `backup` and `restore`: all that a hub keeps, in one file.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{exit::Exit, hub, out};
use crate::{
    app,
    backup::{self, Made},
    base::clock::{Clock, rfc3339},
    config::Settings,
};

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write, or the directory to write it into; by default the working directory.
    #[arg(default_value = ".")]
    to: PathBuf,
}

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup.
    from: PathBuf,
    /// Put aside what is in the data directory.
    #[arg(long)]
    force: bool,
    /// Only say whether the backup is whole, and what is in it.
    #[arg(long)]
    check: bool,
}

/// Has the running hub make a backup, or makes one here if none runs.
pub async fn backup(settings: &Settings, args: BackupArgs) -> anyhow::Result<()> {
    let data = &settings.storage.data;
    if args.to.is_file() {
        let path = args.to.display();
        return Err(Exit::Usage.say(format!("{path} is there already: name another file")));
    }
    let made: Made = match hub::running(data).await {
        Some(base) => {
            let token = hub::token(data)?;
            let made = hub::post(&base, &token, "/api/v1/backups", &json!({})).await?;
            serde_json::from_value(made).context("the hub answered something else")?
        }
        None => app::backup(settings).await?,
    };
    let to = if args.to.is_dir() {
        args.to.join(&made.name)
    } else {
        args.to
    };
    let from = data.join(backup::FOLDER).join(&made.name);
    bring(&from, &to).with_context(|| {
        let (from, to) = (from.display(), to.display());
        format!("the backup is at {from}; it could not be moved to {to}")
    })?;
    out::line(&format!(
        "Wrote {}: {} files, {:.1} MB, {:.1} MB packed; all that was acknowledged before {}.",
        to.display(),
        made.files,
        megabytes(made.file_bytes),
        megabytes(made.bytes),
        rfc3339(made.made_ms),
    ))?;
    out::error("It holds keys and tokens: keep it as secret as the data directory.");
    for path in &made.left_out {
        out::error(&format!("It is without {path}, which may not be read."));
    }
    if made.database != "sqlite" {
        out::error(
            "The database is not in it, for it is on a server of its own. Back that up too, each time before this, e.g. with pg_dump.",
        );
    }
    if let Some(key) = app::key_outside(settings) {
        out::error(&format!(
            "The key of tokens is not in it, for it is not in the data directory: {}",
            key.display()
        ));
    }
    Ok(())
}

/// Makes a data directory out of a backup.
pub async fn restore(settings: &Settings, args: RestoreArgs) -> anyhow::Result<()> {
    if !args.from.is_file() {
        return Err(Exit::Usage.say(format!("there is no file {}", args.from.display())));
    }
    let data = settings.storage.data.clone();
    let (manifest, aside) = if args.check {
        let manifest = tokio::task::spawn_blocking(move || backup::read(&args.from)).await??;
        (manifest, None)
    } else {
        let restored = app::restore(&data, args.from, args.force, Clock::System.now()).await?;
        (restored.manifest, restored.aside)
    };
    let (files, bytes) = manifest.files();
    let what = format!(
        "{files} files, {:.1} MB, of {} (syndarix {}, {})",
        megabytes(bytes),
        rfc3339(manifest.made_ms),
        manifest.hub,
        manifest.database,
    );
    if args.check {
        return out::line(&format!("The backup is whole: {what}."));
    }
    out::line(&format!("Restored into {}: {what}.", data.display()))?;
    if let Some(aside) = aside {
        out::line(&format!("What was there before is in {}.", aside.display()))?;
    }
    out::line(if manifest.database == "sqlite" {
        "Next: start the hub. It fills the search index anew."
    } else {
        "Next: restore the PostgreSQL database that was backed up with it, then start the hub."
    })
}

/// Moves a file, on disk when this returns; the old one is gone only then.
fn bring(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().filter(|above| !above.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let partial = to.with_extension("partial");
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&partial)?;
            io::copy(&mut File::open(from)?, &mut file)?;
            file.sync_all()?;
            fs::rename(&partial, to)?;
            fs::remove_file(from)?;
        }
        moved => moved?,
    }
    File::open(folder)?.sync_all()
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
