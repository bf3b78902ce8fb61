//! Files below one directory, and nowhere else.
//!
//! [`RelPath`] is a path that was checked as text; [`Beneath`] is a handle on a directory that opens such paths in the
//! kernel (`openat2` with `RESOLVE_BENEATH`), so traversal, symbolic links, hard links, races and special files are
//! refused by how files are opened and not by comparing names. Nothing here resolves a path first and opens it later.

mod change;
mod dotgit;
mod make;
mod open;
mod rel_path;
mod write;

#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RawMode, Stat};
use rustix::io::Errno;

pub use dotgit::folds_to_dot_git;
pub use open::Links;
pub use rel_path::{MAX_DEPTH, PathError, RelPath};
pub use write::{Durability, Existing, TEMP_PREFIX};

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    Symlink,
    /// FIFO, socket or device.
    Special,
}

/// Why a file operation was refused or failed. No variant holds an absolute path.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such file or directory")]
    NotFound,
    #[error("it exists already")]
    Exists,
    #[error("it is a directory")]
    IsDirectory,
    #[error("it, or a part of its path, is not a directory")]
    NotADirectory,
    #[error("it, or a part of its path, is a symbolic link that may not be followed")]
    Symlink,
    #[error("the path leads out of the workspace")]
    Outside,
    #[error("it is a FIFO, socket or device")]
    Special,
    #[error("it has more than one hard link, so it may also be a file outside of the workspace")]
    HardLinked,
    #[error("a directory cannot be moved into itself")]
    IntoItself,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NotFound,
            Errno::EXIST => Self::Exists,
            Errno::NOTDIR => Self::NotADirectory,
            Errno::ISDIR => Self::IsDirectory,
            Errno::LOOP => Self::Symlink,
            Errno::XDEV => Self::Outside,
            // Opening a socket, or a FIFO for writing without a reader.
            Errno::NXIO => Self::Special,
            other => Self::Io(other.into()),
        }
    }
}

/// One entry of a directory listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: OsString,
    pub kind: Kind,
}

/// A handle on a directory through which everything below is opened.
#[derive(Debug)]
pub struct Beneath {
    root: OwnedFd,
}

impl Beneath {
    /// Opens `root`, a directory the caller vouches for.
    pub fn open(root: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(Self {
            root: rustix::fs::open(root, flags, Mode::empty())?,
        })
    }

    /// Opens the regular file at `path` for reading, with its metadata.
    ///
    /// # Errors
    /// Directories, FIFOs, sockets, devices, a link as the last component, links that lead out, and files with more than
    /// one hard link are refused.
    pub fn file(&self, path: &RelPath) -> Result<(File, Stat), Error> {
        let handle = open::open_below(self.root.as_fd(), path, OFlags::RDONLY, Links::Inside)?;
        let stat = rustix::fs::fstat(&handle)?;
        refuse_special(&stat)?;
        Ok((File::from(handle), stat))
    }

    /// Opens the directory at `path` for looking at it.
    pub fn directory(&self, path: &RelPath, links: Links) -> Result<Beneath, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match open::open_below(self.root.as_fd(), path, flags, links) {
            Ok(root) => Ok(Self { root }),
            // `O_DIRECTORY|O_NOFOLLOW` on a link says "not a directory"; tell the caller which it is.
            Err(Errno::NOTDIR) if self.kind(path).is_ok_and(|kind| kind == Kind::Symlink) => {
                Err(Error::Symlink)
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Opens the regular file `name` right below, as [`Beneath::file`] does.
    pub fn child_file(&self, name: &str) -> Result<(File, Stat), Error> {
        let handle = open::open_child(self.root.as_fd(), name, OFlags::RDONLY)?;
        let stat = rustix::fs::fstat(&handle)?;
        refuse_special(&stat)?;
        Ok((File::from(handle), stat))
    }

    /// Opens the directory `name` right below.
    pub fn child_directory(&self, name: &str) -> Result<Beneath, Error> {
        let root = open::open_child(self.root.as_fd(), name, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(Self { root })
    }

    fn directory_for_change(&self, path: &RelPath) -> Result<OwnedFd, Error> {
        self.directory(path, Links::Refuse).map(|below| below.root)
    }

    /// Metadata of what is at `path` itself; a link as the last component is not followed.
    pub fn metadata(&self, path: &RelPath) -> Result<Stat, Error> {
        let Some(name) = path.name() else {
            return Ok(rustix::fs::fstat(&self.root)?);
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let parent = open::open_below(self.root.as_fd(), &path.parent(), flags, Links::Inside)?;
        Ok(rustix::fs::statat(
            &parent,
            name,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// What is at `path` itself.
    pub fn kind(&self, path: &RelPath) -> Result<Kind, Error> {
        self.metadata(path).map(|stat| kind_of(stat.st_mode))
    }

    /// Creates the directory at `path` and those above it that are missing. True when it created any.
    pub fn create_directories(
        &self,
        path: &RelPath,
        durability: Durability,
    ) -> Result<bool, Error> {
        let mut at = self.root.try_clone()?;
        let mut created = false;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for part in path.components() {
            match rustix::fs::mkdirat(&at, part, Mode::from_raw_mode(0o777)) {
                Ok(()) => {
                    created = true;
                    if durability == Durability::Synced {
                        rustix::fs::fsync(&at)?;
                    }
                }
                Err(Errno::EXIST) => {}
                Err(other) => return Err(other.into()),
            }
            at = rustix::fs::openat(&at, part, flags, Mode::empty())?;
        }
        Ok(created)
    }

    /// The entries of the directory at `path`, by name. Repositories and unfinished writes are left out.
    pub fn entries(&self, path: &RelPath) -> Result<Vec<Entry>, Error> {
        self.directory(path, Links::Inside)?.own_entries()
    }

    /// The entries of this directory itself, by name.
    pub fn own_entries(&self) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.root)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") || name.starts_with(TEMP_PREFIX.as_bytes()) {
                continue;
            }
            if std::str::from_utf8(name).is_ok_and(folds_to_dot_git) {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say; then the entry is asked.
                FileType::Unknown => {
                    let stat = rustix::fs::statat(
                        &self.root,
                        entry.file_name(),
                        AtFlags::SYMLINK_NOFOLLOW,
                    )?;
                    kind_of(stat.st_mode)
                }
                known => kind_from(known),
            };
            entries.push(Entry {
                name: OsString::from_vec(name.to_vec()),
                kind,
            });
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

impl AsFd for Beneath {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// What a mode says a file is.
pub fn kind_of(mode: RawMode) -> Kind {
    kind_from(FileType::from_raw_mode(mode))
}

fn kind_from(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Special,
    }
}

/// Only a regular file with one name is read or replaced.
fn refuse_special(stat: &Stat) -> Result<(), Error> {
    match kind_of(stat.st_mode) {
        Kind::File if stat.st_nlink > 1 => Err(Error::HardLinked),
        Kind::File => Ok(()),
        Kind::Directory => Err(Error::IsDirectory),
        Kind::Symlink => Err(Error::Symlink),
        Kind::Special => Err(Error::Special),
    }
}
