//! Copying a directory with all below it.

use std::io;

use crate::{
    base::beneath::{Beneath, Durability, Error, Existing, Kind, RelPath, kind_of},
    project::workspace::{Step, WalkOptions, walk},
};

/// How to copy, and when to stop.
pub struct How<'s> {
    pub durability: Durability,
    pub stop: &'s dyn Fn() -> bool,
}

/// What was copied, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    pub files: u64,
    pub bytes: u64,
    /// Links, special files, and files with several hard links.
    pub skipped: u64,
}

/// Everything is copied.
fn everything() -> WalkOptions {
    WalkOptions {
        hidden: true,
        ignored: true,
        links: true,
        after: None,
    }
}

/// What copying the file or directory at `from` would copy.
pub fn measure(files: &Beneath, from: &RelPath, stop: &dyn Fn() -> bool) -> Result<Copied, Error> {
    let stat = files.metadata(from)?;
    let mut size = Copied::default();
    if kind_of(stat.st_mode) != Kind::Directory {
        size.files = 1;
        size.bytes = u64::try_from(stat.st_size).unwrap_or(0);
        return Ok(size);
    }
    walk(files, from, &everything(), &mut |visit| {
        if visit.kind == Kind::File {
            size.files += 1;
            let stat = visit.metadata();
            size.bytes += stat.map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
        }
        Ok(if stop() { Step::Stop } else { Step::Continue })
    })?;
    Ok(size)
}

/// Copies the directory at `from` to `to`, where nothing may be. Files are flushed together at the end.
pub fn directory(
    files: &Beneath,
    from: &RelPath,
    to: &RelPath,
    how: &How<'_>,
) -> Result<Copied, Error> {
    let mut copied = Copied::default();
    files.create_directories(to, Durability::Cached)?;
    let mut stopped = false;
    walk(files, from, &everything(), &mut |visit| {
        stopped = (how.stop)();
        if stopped {
            return Ok(Step::Stop);
        }
        let below = visit.path.as_str().get(from.as_str().len() + 1..);
        let Some(Ok(target)) = below.map(|below| to.join(below)) else {
            copied.skipped += 1;
            return Ok(Step::Skip);
        };
        match visit.kind {
            Kind::Directory => {
                files.create_directories(&target, Durability::Cached)?;
            }
            Kind::File => {
                let cached = Durability::Cached;
                match files.copy(visit.path, &target, Existing::Refuse, cached, how.stop) {
                    Ok(bytes) => {
                        copied.files += 1;
                        copied.bytes += bytes;
                    }
                    // Swapped or linked meanwhile, or from the start.
                    Err(Error::HardLinked | Error::Special | Error::Symlink | Error::NotFound) => {
                        copied.skipped += 1;
                    }
                    Err(other) => return Err(other),
                }
            }
            Kind::Symlink | Kind::Special => copied.skipped += 1,
        }
        Ok(Step::Continue)
    })?;
    if stopped {
        return Err(io::Error::from(io::ErrorKind::TimedOut).into());
    }
    if how.durability == Durability::Synced {
        files.sync_all()?;
    }
    Ok(copied)
}
