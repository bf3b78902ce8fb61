//! Moving, copying and removing what is below a directory handle. No link on the way is followed, and a link at the end is
//! the thing that is moved or removed.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, Mode, RawMode};
use rustix::io::Errno;

use super::{Beneath, Durability, Error, Existing, Kind, Links, RelPath};

/// Copied between two looks at whether to stop.
const PIECE: u64 = 8 << 20;

impl Beneath {
    /// Gives the entry at `from` the path `to`, in one step. Whole directories move.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::IntoItself`]; with [`Existing::Replace`] only a regular file is replaced.
    pub fn rename(
        &self,
        from: &RelPath,
        to: &RelPath,
        existing: Existing,
        durability: Durability,
    ) -> Result<(), Error> {
        if from.contains(to) {
            return Err(if from == to {
                Error::Exists
            } else {
                Error::IntoItself
            });
        }
        self.move_to(from, self, to, existing, durability)
    }

    /// Moves the entry at `from` to `to` below another handle on the same file system, in one step.
    pub fn move_to(
        &self,
        from: &RelPath,
        other: &Beneath,
        to: &RelPath,
        existing: Existing,
        durability: Durability,
    ) -> Result<(), Error> {
        let name = from.name().ok_or(Error::IsDirectory)?;
        let new_name = to.name().ok_or(Error::IsDirectory)?;
        let source = self.directory(&from.parent(), Links::Refuse)?;
        let target = other.directory(&to.parent(), Links::Refuse)?;
        let moved = rustix::fs::statat(&source, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_directory = super::kind_of(moved.st_mode) == Kind::Directory;
        if existing == Existing::Replace {
            super::write::replaced_mode(target.as_fd(), new_name)?;
        }
        let from = (source.as_fd(), name);
        rename_at(from, (target.as_fd(), new_name), existing, is_directory)?;
        if durability == Durability::Synced {
            rustix::fs::fsync(&target)?;
            rustix::fs::fsync(&source)?;
        }
        Ok(())
    }

    /// Copies the regular file at `from` to `to` with its mode bits, and says how many bytes it has. `stop` is asked now and
    /// then.
    pub fn copy(
        &self,
        from: &RelPath,
        to: &RelPath,
        existing: Existing,
        durability: Durability,
        stop: &dyn Fn() -> bool,
    ) -> Result<u64, Error> {
        let (mut file, stat) = self.file(from)?;
        let mut copied = 0;
        self.write_with(
            to,
            Some(stat.st_mode as RawMode),
            existing,
            durability,
            |out| {
                loop {
                    // The kernel copies, and shares blocks where the file system can.
                    match io::copy(&mut (&mut file).take(PIECE), out)? {
                        0 => return Ok::<(), Error>(()),
                        some => copied += some,
                    }
                    if stop() {
                        return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                    }
                }
            },
        )?;
        Ok(copied)
    }

    /// Removes the link or file at `path`, whatever it leads to.
    pub fn remove(&self, path: &RelPath) -> Result<(), Error> {
        self.unlink(path, AtFlags::empty())
    }

    /// Removes the directory at `path`, which must be empty.
    pub fn remove_directory(&self, path: &RelPath) -> Result<(), Error> {
        self.unlink(path, AtFlags::REMOVEDIR)
    }

    fn unlink(&self, path: &RelPath, flags: AtFlags) -> Result<(), Error> {
        let name = path.name().ok_or(Error::IsDirectory)?;
        let dir = self.directory(&path.parent(), Links::Refuse)?;
        Ok(rustix::fs::unlinkat(&dir, name, flags)?)
    }

    /// Where the symbolic link at `path` says it leads, as it is written there. `None` when that is not UTF-8.
    pub fn link_target(&self, path: &RelPath) -> Result<Option<String>, Error> {
        let name = path.name().ok_or(Error::IsDirectory)?;
        let dir = self.directory(&path.parent(), Links::Inside)?;
        let target = rustix::fs::readlinkat(&dir, name, Vec::new())?;
        Ok(target.into_string().ok())
    }

    /// Flushes all that was written to the file system of this directory.
    pub fn sync_all(&self) -> Result<(), Error> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(self)?;
        #[cfg(not(target_os = "linux"))]
        rustix::fs::sync();
        Ok(())
    }

    /// Flushes the entries of the directory at `path`.
    pub fn sync_directory(&self, path: &RelPath) -> Result<(), Error> {
        Ok(rustix::fs::fsync(self.directory(path, Links::Refuse)?)?)
    }
}

/// One `rename`, which replaces nothing unless it may.
pub(super) fn rename_at(
    (source, name): (BorrowedFd<'_>, &str),
    (target, new_name): (BorrowedFd<'_>, &str),
    existing: Existing,
    is_directory: bool,
) -> Result<(), Error> {
    if existing == Existing::Replace {
        return done(rustix::fs::renameat(source, name, target, new_name));
    }
    #[cfg(target_os = "linux")]
    match rustix::fs::renameat_with(
        source,
        name,
        target,
        new_name,
        rustix::fs::RenameFlags::NOREPLACE,
    ) {
        // A file system without `RENAME_NOREPLACE`: go on below.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        other => return done(other),
    }
    rename_in_two((source, name), (target, new_name), is_directory)
}

/// For file systems without a rename that replaces nothing: the new name is taken first.
pub(super) fn rename_in_two(
    (source, name): (BorrowedFd<'_>, &str),
    (target, new_name): (BorrowedFd<'_>, &str),
    is_directory: bool,
) -> Result<(), Error> {
    if is_directory {
        // `rename` puts a directory in the place of an empty one, and `mkdir` fails when the name is taken.
        rustix::fs::mkdirat(target, new_name, Mode::from_raw_mode(0o700))?;
        return done(rustix::fs::renameat(source, name, target, new_name));
    }
    // `link` fails when the name is taken, on every file system.
    done(rustix::fs::linkat(
        source,
        name,
        target,
        new_name,
        AtFlags::empty(),
    ))?;
    Ok(rustix::fs::unlinkat(source, name, AtFlags::empty())?)
}

/// `EXDEV` of a rename is no path that leads out.
fn done(renamed: Result<(), Errno>) -> Result<(), Error> {
    match renamed {
        Err(Errno::XDEV) => Err(io::Error::from(io::ErrorKind::CrossesDevices).into()),
        Err(Errno::NOTEMPTY) => Err(Error::Exists),
        other => Ok(other?),
    }
}
