//! Opening below a directory handle, so that no link, race or special file leads out of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(target_os = "linux")]
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::RelPath;

/// What to do with symbolic links on the way. The last component is never followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Follow those that stay inside (reading).
    Inside,
    /// Refuse every one (changing things).
    Refuse,
}

/// Flags of every open: no hang on a FIFO, no link as the last component, no descriptor passed to children.
const ALWAYS: OFlags = OFlags::NONBLOCK
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Opens `path` below `root`. The root itself opens as `.`.
pub(super) fn open_below(
    root: BorrowedFd<'_>,
    path: &RelPath,
    flags: OFlags,
    links: Links,
) -> Result<OwnedFd, Errno> {
    let flags = flags | ALWAYS;
    #[cfg(target_os = "linux")]
    if openat2_works(root) {
        return open_resolved(root, path, flags, links);
    }
    open_stepwise(root, path, flags)
}

/// Opens `name` in the directory `dir`: one component leads nowhere else, and a link is not followed.
pub(super) fn open_child(dir: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    if name.contains('/') || matches!(name, "" | "..") {
        return Err(Errno::INVAL);
    }
    rustix::fs::openat(dir, name, flags | ALWAYS, Mode::empty())
}

/// One `openat2`, which resolves the whole path in the kernel.
#[cfg(target_os = "linux")]
fn open_resolved(
    root: BorrowedFd<'_>,
    path: &RelPath,
    flags: OFlags,
    links: Links,
) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;

    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if links == Links::Refuse {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    let text = if path.is_root() { "." } else { path.as_str() };
    let mut tries = 0;
    loop {
        match rustix::fs::openat2(root, text, flags, Mode::empty(), resolve) {
            // The kernel saw a rename somewhere during `..`-safe resolution and asks to try again.
            Err(Errno::AGAIN | Errno::INTR) if tries < 32 => tries += 1,
            answer => return answer,
        }
    }
}

/// Component by component, following no link at all: for kernels and sandboxes without `openat2`.
pub(super) fn open_stepwise(
    root: BorrowedFd<'_>,
    path: &RelPath,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    let flags = flags | ALWAYS;
    let step = OFlags::DIRECTORY | OFlags::RDONLY | ALWAYS;
    let Some(name) = path.name() else {
        return rustix::fs::openat(root, ".", flags, Mode::empty());
    };
    let mut at: Option<OwnedFd> = None;
    for part in path.parent().components() {
        let from = at.as_ref().map_or(root, AsFd::as_fd);
        at = Some(rustix::fs::openat(from, part, step, Mode::empty())?);
    }
    rustix::fs::openat(
        at.as_ref().map_or(root, AsFd::as_fd),
        name,
        flags,
        Mode::empty(),
    )
}

/// Asked once a process: some sandboxes answer `EPERM` or `EINVAL` where an old kernel says `ENOSYS`.
#[cfg(target_os = "linux")]
fn openat2_works(root: BorrowedFd<'_>) -> bool {
    use rustix::fs::ResolveFlags;

    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat2(root, ".", flags, Mode::empty(), ResolveFlags::BENEATH).is_ok()
    })
}
