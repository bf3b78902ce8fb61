//! The file in the data directory that knows how far this hub's chain is: it tells when the database has less than that.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::store::Chain;
use crate::base::clock::{Millis, rfc3339};

/// The file's name; what it was before the chain was found cut is kept beside it.
const FILE: &str = "audit.head";
/// Bytes of it, so that one write replaces all of it.
const SIZE: usize = 256;

/// The last link that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The chain.
    pub chain: String,
    /// Its last link.
    pub seq: i64,
    /// The mac of that.
    pub mac: String,
}

impl From<&Chain> for Head {
    fn from(chain: &Chain) -> Self {
        Self {
            chain: chain.id.clone(),
            seq: chain.seq,
            mac: chain.mac.clone(),
        }
    }
}

/// The file, open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HeadFile(Arc<File>);

impl HeadFile {
    /// Opens the file in `data`, making it if need be.
    pub fn open(data: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(data.join(FILE))?;
        Ok(Self(Arc::new(file)))
    }

    /// Notes the last link. What a power cut loses of it makes the file older than the database, which is no harm.
    pub fn note(&self, head: &Head) -> io::Result<()> {
        let mut line = serde_json::to_vec(head)?;
        line.resize(SIZE - 1, b' ');
        line.push(b'\n');
        self.0.write_all_at(&line, 0)
    }
}

/// What the file in `data` says, if there is one.
pub fn last(data: &Path) -> io::Result<Option<Head>> {
    read(&data.join(FILE))
}

/// Keeps what the file says, as a proof, and makes room for another.
pub fn set_aside(data: &Path, now: Millis) -> io::Result<()> {
    let name = format!("{FILE}.{}", rfc3339(now).replace(':', "-"));
    fs::rename(data.join(FILE), data.join(name))
}

/// The file, and those that were set aside.
pub fn heads(data: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(all(data)?.into_iter().map(|(path, _)| path).collect())
}

/// What the file says, and those that were set aside.
pub fn all(data: &Path) -> io::Result<Vec<(PathBuf, Head)>> {
    let mut heads = Vec::new();
    for entry in fs::read_dir(data)? {
        let path = entry?.path();
        let named = path.file_name().and_then(|name| name.to_str());
        if named.is_some_and(|name| name.starts_with(FILE))
            && let Some(head) = read(&path)?
        {
            heads.push((path, head));
        }
    }
    heads.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(heads)
}

fn read(path: &Path) -> io::Result<Option<Head>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    // One that is not whole knows nothing: a power cut may have done that.
    Ok(serde_json::from_slice(&text).ok())
}
