//! Reading an archive, and believing nothing of it.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};
use tar::Archive;

use super::{
    Error,
    manifest::{FORMAT, HEAD, Head, Kind, MANIFEST, Manifest, Name, VERSION},
};
use crate::{base::hex::hex, db};

/// Longest first entry.
const MAX_HEAD: u64 = 4096;
/// Longest last entry: some millions of files.
const MAX_MANIFEST: u64 = 1 << 30;

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("it is no backup of a hub")]
    Foreign,
    #[error(
        "it was made in form {0}, newer than form {VERSION} of this program: use the program that made it"
    )]
    NewerForm(u32),
    #[error(
        "its database has schema {found}, newer than schema {known} of this program: use syndarix {hub} or newer"
    )]
    NewerSchema { found: i64, known: i64, hub: String },
    #[error("it is cut off after {after:?}")]
    CutOff { after: PathBuf },
    #[error("it is damaged after {after:?}: {problem}")]
    Damaged { after: PathBuf, problem: String },
    #[error("its list of files is damaged: {0}")]
    Manifest(String),
    #[error("{0:?} is not what was backed up")]
    Changed(PathBuf),
    #[error("{0:?} is no path below a data directory")]
    Path(PathBuf),
    #[error("there is more after its end")]
    More,
}

/// An entry as it was found.
struct Found {
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

/// Reads all of `archive`: what belongs to it, if every byte of it is what was backed up.
pub fn read(archive: &Path) -> Result<Manifest, Error> {
    let broken = |broken| Error::Broken {
        archive: archive.to_owned(),
        broken,
    };
    let mut found: Vec<Found> = Vec::new();
    let mut last = Vec::new();
    each_entry(archive, &mut |entry, path, content| {
        if entry == 0 {
            head(path, content)?;
        }
        let mut hash = Sha256::new();
        let mut bytes = 0;
        let is_manifest = path == Path::new(MANIFEST);
        last.clear();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = content.read(&mut buffer)?;
            let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
                break;
            };
            hash.update(part);
            bytes += read as u64;
            if is_manifest && bytes <= MAX_MANIFEST {
                last.extend_from_slice(part);
            }
        }
        found.push(Found {
            path: path.to_owned(),
            bytes,
            sha256: hex(&hash.finalize()),
        });
        Ok(())
    })?;
    let after = || found.last().map(|f| f.path.clone()).unwrap_or_default();
    if found.last().is_none_or(|f| f.path != Path::new(MANIFEST)) {
        return Err(broken(Broken::CutOff { after: after() }));
    }
    let manifest: Manifest =
        serde_json::from_slice(&last).map_err(|e| broken(Broken::Manifest(e.to_string())))?;
    check(&manifest, &found).map_err(broken)?;
    Ok(manifest)
}

/// Whether what `manifest` says is so.
fn check(manifest: &Manifest, found: &[Found]) -> Result<(), Broken> {
    let known = db::newest_schema();
    if let Some(found) = manifest.schema.filter(|found| *found > known) {
        let hub = manifest.hub.clone();
        return Err(Broken::NewerSchema { found, known, hub });
    }
    for (Name(path), item) in &manifest.items {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        let in_directory = above.is_none_or(|above| {
            let above = manifest.items.get(&Name(above.to_owned()));
            above.is_some_and(|above| above.kind == Kind::Directory)
        });
        let own = path.starts_with(super::UNFINISHED);
        if !Name(path.clone()).is_below() || !in_directory || own {
            return Err(Broken::Path(path.clone()));
        }
        if let Kind::File {
            bytes,
            sha256,
            entry,
        } = &item.kind
        {
            let entry = usize::try_from(*entry).ok().and_then(|n| found.get(n));
            let same =
                entry.is_some_and(|f| f.path == *path && f.bytes == *bytes && f.sha256 == *sha256);
            if !same {
                return Err(Broken::Changed(path.clone()));
            }
        }
    }
    Ok(())
}

/// Reads the first entry.
fn head(path: &Path, content: &mut dyn Read) -> io::Result<()> {
    let foreign = || io::Error::other(Broken::Foreign);
    if path != Path::new(HEAD) {
        return Err(foreign());
    }
    let mut text = Vec::new();
    content.take(MAX_HEAD).read_to_end(&mut text)?;
    let head: Head = serde_json::from_slice(&text).map_err(|_| foreign())?;
    match head {
        Head { format, .. } if format != FORMAT => Err(foreign()),
        Head { version, .. } if version > VERSION => {
            Err(io::Error::other(Broken::NewerForm(version)))
        }
        _ => Ok(()),
    }
}

/// Takes an entry: its number, its path, its content.
type Take<'t> = dyn FnMut(u64, &Path, &mut dyn Read) -> io::Result<()> + 't;

/// Has `take` take every entry of `archive`, to its very end, where its checksum stands.
pub fn each_entry(archive: &Path, take: &mut Take<'_>) -> Result<(), Error> {
    let mut file = BufReader::with_capacity(1 << 18, File::open(archive)?);
    let mut after = PathBuf::new();
    let done = entries(&mut file, &mut after, take);
    let broken = match done {
        Ok(true) => return Ok(()),
        Ok(false) => Broken::More,
        Err(error) => match error.downcast::<Broken>() {
            Ok(broken) => broken,
            // What was never one of ours was not damaged either.
            Err(_) if after.as_os_str().is_empty() => Broken::Foreign,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Broken::CutOff { after },
            Err(error) => match error.raw_os_error() {
                Some(_) => return Err(error.into()),
                None => Broken::Damaged {
                    after,
                    problem: error.to_string(),
                },
            },
        },
    };
    Err(Error::Broken {
        archive: archive.to_owned(),
        broken,
    })
}

/// False when something follows the archive.
fn entries(
    file: &mut BufReader<File>,
    after: &mut PathBuf,
    take: &mut Take<'_>,
) -> io::Result<bool> {
    let mut tar = Archive::new(GzDecoder::new(&mut *file));
    for (number, entry) in (0..).zip(tar.entries()?) {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        take(number, &path, &mut entry)?;
        *after = path;
    }
    io::copy(&mut tar.into_inner(), &mut io::sink())?;
    Ok(file.read(&mut [0])? == 0)
}
