//! What a tree holds now, with each file's content hashed, and kept where that is wanted.

use std::collections::HashMap;
use std::io::{self, Read, Seek as _, Write};

use rustix::fs::Stat;

use super::{Entry, Error, File, Snapshot, Store, What};
use crate::{
    base::{
        beneath::{Beneath, Durability, Error as FileError, Existing, Kind, RelPath},
        clock::Millis,
    },
    project::workspace::{Step, Visit, WalkOptions, walk},
    servers::file_system::engine::etag::Etag,
};

/// A file changed within this time before a snapshot may have changed again without its times telling.
const RACY_NS: i64 = 2_000_000_000;
const BLOCK: usize = 64 * 1024;

/// What to look at.
pub struct Scope<'s> {
    /// What `.gitignore` excludes too.
    pub ignored: bool,
    /// Files that are as they were then are not read again.
    pub like: Option<&'s Snapshot>,
    /// Keeps the contents there.
    pub into: Option<Store<'s>>,
    /// Whether there is room for so many bytes more.
    pub room: &'s dyn Fn(u64) -> bool,
    pub stop: &'s dyn Fn() -> bool,
}

/// All entries by path, and how many were left out: special files, and files with several hard links.
pub fn scan(files: &Beneath, scope: &Scope<'_>) -> Result<(Vec<Entry>, u64), Error> {
    let options = WalkOptions {
        hidden: true,
        ignored: scope.ignored,
        links: true,
        after: None,
    };
    let known: HashMap<&RelPath, (&File, Millis)> = scope
        .like
        .iter()
        .flat_map(|like| {
            let created = like.header.created_ms;
            like.entries
                .iter()
                .filter_map(move |entry| match &entry.what {
                    What::File(file) => Some((&entry.path, (file, created))),
                    _ => None,
                })
        })
        .collect();
    let (mut entries, mut skipped) = (Vec::new(), 0);
    let mut failed = None;
    walk(files, &RelPath::root(), &options, &mut |visit| {
        if (scope.stop)() {
            failed = Some(Error::Stopped);
            return Ok(Step::Stop);
        }
        match one(files, visit, &known, scope) {
            Ok(Some(what)) => entries.push(Entry {
                path: visit.path.clone(),
                what,
            }),
            Ok(None) => skipped += 1,
            Err(error) => {
                failed = Some(error);
                return Ok(Step::Stop);
            }
        }
        Ok(Step::Continue)
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok((entries, skipped)),
    }
}

/// What a scan did not meet at the paths of `wanted`, because it is ignored: so that it can be kept before it is replaced.
pub fn unseen<'e>(
    files: &Beneath,
    wanted: impl IntoIterator<Item = &'e RelPath>,
    scope: &Scope<'_>,
) -> Result<Vec<Entry>, Error> {
    let mut found = Vec::new();
    for path in wanted {
        let what = match files.kind(path) {
            Ok(Kind::File) => {
                let (file, stat) = files.file(path)?;
                Some(What::File(read(file, &stat, scope)?))
            }
            Ok(Kind::Symlink) => files.link_target(path)?.map(What::Link),
            Ok(Kind::Directory) => Some(What::Directory),
            Ok(Kind::Special) | Err(FileError::NotFound | FileError::NotADirectory) => None,
            Err(other) => return Err(other.into()),
        };
        found.extend(what.map(|what| Entry {
            path: path.clone(),
            what,
        }));
    }
    Ok(found)
}

fn one(
    files: &Beneath,
    visit: &Visit<'_>,
    known: &HashMap<&RelPath, (&File, Millis)>,
    scope: &Scope<'_>,
) -> Result<Option<What>, Error> {
    match visit.kind {
        Kind::Directory => Ok(Some(What::Directory)),
        Kind::Symlink => Ok(files.link_target(visit.path)?.map(What::Link)),
        Kind::Special => Ok(None),
        Kind::File => {
            let Ok((file, stat)) = visit.open() else {
                return Ok(None);
            };
            let stamp = stamp(&stat);
            let bytes = u64::try_from(stat.st_size).unwrap_or(0);
            if let Some((then, created_ms)) = known.get(visit.path)
                && (then.bytes, then.stamp, then.mode) == (bytes, stamp, mode(&stat))
                && stamp.1.max(stamp.2) < created_ms * 1_000_000 - RACY_NS
            {
                return Ok(Some(What::File((*then).clone())));
            }
            Ok(Some(What::File(read(file, &stat, scope)?)))
        }
    }
}

fn read(file: std::fs::File, stat: &Stat, scope: &Scope<'_>) -> Result<File, Error> {
    Ok(File {
        hash: keep(file, scope)?,
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        mode: mode(stat),
        stamp: stamp(stat),
    })
}

/// The file's hash. Its content is put into the store unless that has it.
fn keep(mut file: std::fs::File, scope: &Scope<'_>) -> Result<String, Error> {
    let mut hash = hashed(&mut file, &mut io::sink(), scope)?;
    let Some(store) = scope.into else {
        return Ok(hash);
    };
    while !store.has(&hash)? {
        if !(scope.room)(file.metadata()?.len()) {
            return Err(Error::NoRoom);
        }
        file.rewind()?;
        let at = super::content_path(&hash)?;
        store
            .0
            .create_directories(&at.parent(), Durability::Cached)?;
        let mut copied = String::new();
        let kept = store.0.write_with(
            &at,
            Some(0o600),
            Existing::Replace,
            Durability::Cached,
            |out| {
                copied = hashed(&mut file, out, scope)?;
                // Written to meanwhile: what was copied has another name.
                if copied == hash {
                    Ok(())
                } else {
                    Err(Error::Damaged)
                }
            },
        );
        match kept {
            Err(Error::Damaged) if copied != hash => hash = copied,
            kept => return kept.map(|()| hash),
        }
    }
    Ok(hash)
}

fn hashed(from: &mut impl Read, to: &mut impl Write, scope: &Scope<'_>) -> Result<String, Error> {
    let mut hash = Etag::default();
    let mut block = vec![0; BLOCK];
    loop {
        if (scope.stop)() {
            return Err(Error::Stopped);
        }
        let length = from.read(&mut block)?;
        let filled = block.get(..length).unwrap_or_default();
        if filled.is_empty() {
            return Ok(hash.finish_whole());
        }
        hash.update(filled);
        to.write_all(filled)?;
    }
}

#[allow(
    clippy::unnecessary_cast,
    reason = "the types differ between architectures"
)]
fn stamp(stat: &Stat) -> (u64, i64, i64) {
    let nanos = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000) + rest;
    (
        stat.st_ino as u64,
        nanos(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        nanos(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
    )
}

#[allow(
    clippy::unnecessary_cast,
    reason = "the types differ between architectures"
)]
fn mode(stat: &Stat) -> u32 {
    (stat.st_mode as u32) & 0o777
}
