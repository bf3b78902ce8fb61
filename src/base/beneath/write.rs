//! Writing so that a reader, or a machine that loses power, sees the old file or the new one, never a half.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, RawMode};
use rustix::io::Errno;

use super::change::rename_at;
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
        self.write_with(path, None, existing, durability, |file| {
            Ok(file.write_all(content)?)
        })
    }

    /// The same with what `fill` puts into the file, which need not fit into memory, and with these mode bits. Without them,
    /// those of the replaced file stay.
    pub fn write_with<E: From<Error>>(
        &self,
        path: &RelPath,
        mode: Option<RawMode>,
        existing: Existing,
        durability: Durability,
        fill: impl FnOnce(&mut File) -> Result<(), E>,
    ) -> Result<(), E> {
        let name = path.name().ok_or(Error::IsDirectory)?;
        let dir = self.directory_for_change(&path.parent())?;
        let replaced = match replaced_mode(dir.as_fd(), name)? {
            Some(_) if existing == Existing::Refuse => return Err(Error::Exists.into()),
            replaced => replaced,
        };
        let mode = mode.map(permissions).or(replaced);
        let (temp, mut file) = create_temp(dir.as_fd())?;
        let done = fill(&mut file).and_then(|()| {
            finish(&file, mode, durability)
                .and_then(|()| {
                    let (temp, name) = ((dir.as_fd(), temp.as_str()), (dir.as_fd(), name));
                    rename_at(temp, name, existing, false)
                })
                .map_err(E::from)
        });
        if done.is_err() {
            // The name is ours alone; if even this fails, listings still leave it out.
            let _ = rustix::fs::unlinkat(&dir, &temp, AtFlags::empty());
        }
        done?;
        if durability == Durability::Synced {
            rustix::fs::fsync(&dir).map_err(Error::from)?;
        }
        Ok(())
    }
}

fn finish(file: &File, mode: Option<Mode>, durability: Durability) -> Result<(), Error> {
    if let Some(mode) = mode {
        rustix::fs::fchmod(file, mode)?;
    }
    if durability == Durability::Synced {
        file.sync_all()?;
    }
    Ok(())
}

/// Set-id bits are not carried over: the content is new.
fn permissions(mode: RawMode) -> Mode {
    Mode::from_raw_mode(mode & 0o777)
}

/// Mode bits of the regular file that a write would replace.
pub(super) fn replaced_mode(dir: BorrowedFd<'_>, name: &str) -> Result<Option<Mode>, Error> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => {
            super::refuse_special(&stat)?;
            Ok(Some(permissions(stat.st_mode as RawMode)))
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
