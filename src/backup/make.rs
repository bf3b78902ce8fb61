//! Making a backup, beside a hub at work.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ASIDE, Error, UNFINISHED, manifest::Manifest, pack::Packer};
use crate::{
    base::clock::{Clock, rfc3339},
    db::{self, Kind},
    project::workspace::{Family, Workspaces},
};

/// Where backups are made, in the data directory.
pub const FOLDER: &str = "backups";
/// Parts of one that is being made.
const PARTIAL: &str = ".partial-";
/// What is made anew, says who runs, or is no part of the hub's state.
const LEFT_OUT: [&str; 7] = [
    FOLDER,
    UNFINISHED,
    "index",
    "hub.lock",
    "hub.addr",
    "audit.head",
    // Keys and sockets of what runs now.
    "tmp",
];

/// Makes backups of a data directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Backups {
    data: PathBuf,
    database: Kind,
    workspaces: Workspaces,
    clock: Clock,
    one_at_a_time: Arc<tokio::sync::Mutex<()>>,
}

/// A backup.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Made {
    /// Its file in the folder `backups` of the data directory.
    pub name: String,
    /// When it began, in milliseconds since the Unix epoch: everything acknowledged before is in it.
    pub made_ms: i64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Files in it.
    pub files: u64,
    /// Bytes of these.
    pub file_bytes: u64,
    /// `sqlite`, whose database is in it, or `postgres`, whose is not.
    pub database: String,
    /// Files of agents that could not be read, and are not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

impl Backups {
    /// For the data directory `data`, whose trees are locked by `workspaces`.
    pub fn new(data: &Path, database: Kind, workspaces: Workspaces, clock: Clock) -> Self {
        Self {
            data: data.to_owned(),
            database,
            workspaces,
            clock,
            one_at_a_time: Arc::default(),
        }
    }

    /// Makes one. It goes on when nobody waits for it any more.
    pub async fn make(&self) -> Result<Made, Error> {
        let alone = Arc::clone(&self.one_at_a_time);
        let alone = alone.try_lock_owned().map_err(|_| Error::Busy)?;
        let this = self.clone();
        let making = tokio::spawn(async move {
            let _alone = alone;
            this.make_alone().await
        });
        making.await.map_err(io::Error::other)?
    }

    async fn make_alone(&self) -> Result<Made, Error> {
        let made_ms = self.clock.now();
        let folder = self.data.join(FOLDER);
        let (this, at) = (self.clone(), folder.clone());
        let mut packer = blocking(move || this.begin(&at)).await?;
        let copy = folder.join(format!("{PARTIAL}db"));
        let schema = match self.database {
            Kind::Sqlite => Some(db::copy(&self.data.join(db::FILE), &copy).await?),
            Kind::Postgres => None,
        };
        let about = Manifest {
            made_ms,
            hub: env!("CARGO_PKG_VERSION").into(),
            database: self.database.as_str().into(),
            schema,
            left_out: Vec::new(),
            items: std::collections::BTreeMap::new(),
        };
        let (this, held) = (self.clone(), schema.is_some());
        let manifest = blocking(move || {
            if held {
                packer.add_as(&copy, Path::new(db::FILE))?;
                fs::remove_file(&copy)?;
            }
            this.files(&mut packer)?;
            Ok(packer.finish(about)?)
        })
        .await?;
        // 2026-11-23T10:05:00.123Z without what some file systems do not take.
        let name = format!("syndarix-{}.tar.gz", rfc3339(made_ms).replace(':', "-"));
        let path = folder.join(&name);
        fs::rename(folder.join(format!("{PARTIAL}archive")), &path)?;
        File::open(&folder)?.sync_all()?;
        let (files, file_bytes) = manifest.files();
        Ok(Made {
            name,
            made_ms,
            bytes: path.metadata()?.len(),
            files,
            file_bytes,
            left_out: manifest
                .left_out
                .iter()
                .map(|name| name.0.display().to_string())
                .collect(),
            database: manifest.database,
        })
    }

    /// The archive with what comes before the database.
    fn begin(&self, folder: &Path) -> Result<Packer, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // Of one that was cut off: only one is made at a time.
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                fs::remove_file(entry.path())?;
            }
        }
        let archive = folder.join(format!("{PARTIAL}archive"));
        let mut packer = Packer::create(&archive, &self.data)?;
        let journals = self.data.join("journal");
        if journals.is_dir() {
            packer.add(Path::new("journal"), &|path| has_ending(path, "old"))?;
            // A journal is renamed to this when it has grown: whatever was not in it a moment ago is there.
            packer.add(Path::new("journal"), &|path| has_ending(path, "jsonl"))?;
        }
        Ok(packer)
    }

    /// All that comes after it.
    fn files(&self, packer: &mut Packer) -> Result<(), Error> {
        packer.add(Path::new(""), &is_left_out)?;
        for family in self.workspaces.families() {
            let _still = self.workspaces.still(&family);
            again(packer, &family)?;
        }
        Ok(())
    }
}

/// Packs what has changed of a family, refs before objects.
fn again(packer: &mut Packer, family: &Family) -> Result<(), Error> {
    for tree in family.trees() {
        packer.add(&tree, &|_| false)?;
    }
    let bare = family.bare();
    let objects = bare.join("objects");
    packer.add(&bare, &|path| path == objects)?;
    packer.add(&objects, &|_| false)
}

fn is_left_out(path: &Path) -> bool {
    let Some(name) = path.to_str() else {
        return false;
    };
    LEFT_OUT.contains(&name)
        || name == "journal"
        || name.starts_with(db::FILE)
        || name.starts_with(ASIDE)
        || name.starts_with(".probe-")
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, Error> + Send + 'static,
) -> Result<R, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)?
}
