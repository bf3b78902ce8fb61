//! Writing so that a reader, or a machine that loses power, sees the old file or the new one, never a half.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, RawMode};
use rustix::io::Errno;

use super::{Beneath, Error, RelPath};

/// Start of the temporary names; listings, walks and git leave them out.
pub const TEMP_PREFIX: &str = ".syndarix-tmp-";

/// Whether the target may, must or must not be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse with [`Error::Exists`] when there is one.
    Refuse,
    /// Replace it, or create it.
    Replace,
}

/// How durable a write is when it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// File and directory are flushed to the disk.
    Synced,
    /// Left to the kernel: atomic, but a power cut may lose it.
    Cached,
}

impl Beneath {
    /// Writes `content` to `path` in one step: a temporary file in the same directory, flushed, then renamed.
    /// The mode bits of a replaced file stay. The directory must exist.
    ///
    /// # Errors
    /// [`Error::Exists`], and what [`Beneath::file`] refuses: links, special files, files with several links.
    pub fn write(
        &self,
        path: &RelPath,
        content: &[u8],
        existing: Existing,
        durability: Durability,
    ) -> Result<(), Error> {
        let name = path.name().ok_or(Error::IsDirectory)?;
        let dir = self.directory_for_change(&path.parent())?;
        let mode = match replaced_mode(dir.as_fd(), name)? {
            Some(_) if existing == Existing::Refuse => return Err(Error::Exists),
            mode => mode,
        };
        let (temp, mut file) = create_temp(dir.as_fd())?;
        let done = (|| {
            file.write_all(content)?;
            if let Some(mode) = mode {
                rustix::fs::fchmod(&file, mode)?;
            }
            if durability == Durability::Synced {
                file.sync_all()?;
            }
            put_in_place(dir.as_fd(), &temp, name, existing)
        })();
        if done.is_err() {
            // The name is ours alone; if even this fails, listings still leave it out.
            let _ = rustix::fs::unlinkat(&dir, &temp, AtFlags::empty());
        }
        done?;
        if durability == Durability::Synced {
            rustix::fs::fsync(&dir)?;
        }
        Ok(())
    }
}

/// Mode bits of the regular file that a write would replace.
fn replaced_mode(dir: BorrowedFd<'_>, name: &str) -> Result<Option<Mode>, Error> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => {
            super::refuse_special(&stat)?;
            // Set-id bits are not carried over: the content is new.
            Ok(Some(Mode::from_raw_mode((stat.st_mode as RawMode) & 0o777)))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// A new file with a name nobody else has.
fn create_temp(dir: BorrowedFd<'_>) -> Result<(String, File), Error> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let process = std::process::id();
    loop {
        let name = format!(
            "{TEMP_PREFIX}{process}-{}",
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        match rustix::fs::openat(dir, &name, flags, Mode::from_raw_mode(0o666)) {
            Ok(handle) => return Ok((name, File::from(handle))),
            // Left by a process with our number that lost power.
            Err(Errno::EXIST | Errno::INTR) => {}
            Err(other) => return Err(other.into()),
        }
    }
}

/// Gives the temporary file its name.
fn put_in_place(
    dir: BorrowedFd<'_>,
    temp: &str,
    name: &str,
    existing: Existing,
) -> Result<(), Error> {
    if existing == Existing::Replace {
        return Ok(rustix::fs::renameat(dir, temp, dir, name)?);
    }
    #[cfg(target_os = "linux")]
    match rustix::fs::renameat_with(dir, temp, dir, name, rustix::fs::RenameFlags::NOREPLACE) {
        // A file system without `RENAME_NOREPLACE`: go on below.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        done => return Ok(done?),
    }
    // `link` fails when the name is taken, on every file system.
    match rustix::fs::linkat(dir, temp, dir, name, AtFlags::empty()) {
        Ok(()) => Ok(rustix::fs::unlinkat(dir, temp, AtFlags::empty())?),
        Err(Errno::EXIST) => Err(Error::Exists),
        Err(other) => Err(other.into()),
    }
}
