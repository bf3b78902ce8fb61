//! Named pipes among an agent's files. git and libgit2 open the files that say what to ignore without asking what they
//! are: a pipe would keep them waiting for ever, and with them a thread.

use std::{ffi::OsStr, io, os::fd::OwnedFd, os::unix::ffi::OsStrExt as _, path::Path};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};

/// Deeper than any path that the tools take; each level holds a descriptor.
const MAX_DEPTH: usize = 256;

/// Ends the wait of all who opened a pipe below the directory `top` for reading: they find it empty. Returns one pipe
/// that somebody waited for, relative to `top`. Links are not followed.
pub(super) fn release(top: &Path) -> io::Result<Option<String>> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    below(&openat(CWD, top, flags, Mode::empty())?, Path::new(""), 0)
}

fn below(dir: &OwnedFd, at: &Path, depth: usize) -> io::Result<Option<String>> {
    let mut released = None;
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let path = at.join(OsStr::from_bytes(name.to_bytes()));
        let kind = match entry.file_type() {
            FileType::Unknown => statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or(FileType::Unknown, |stat| {
                    FileType::from_raw_mode(stat.st_mode)
                }),
            known => known,
        };
        let open = |flags| {
            openat(
                dir,
                name,
                flags | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        // What was removed or replaced meanwhile is nobody's pipe.
        let found = match kind {
            FileType::Directory if depth < MAX_DEPTH => match open(OFlags::DIRECTORY) {
                Ok(child) => below(&child, &path, depth + 1)?,
                Err(_) => None,
            },
            // Succeeds where somebody waits, and wakes them.
            FileType::Fifo => open(OFlags::WRONLY | OFlags::NONBLOCK)
                .is_ok()
                .then(|| path.to_string_lossy().into_owned()),
            _ => None,
        };
        released = released.or(found);
    }
    Ok(released)
}
