//! Making new entries right below a directory handle, where nothing of that name is yet, and removing them.

use std::fs::File;
use std::io::Write as _;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::{Beneath, Error, Links, RelPath};

impl Beneath {
    /// Makes the directory `name` and opens it.
    ///
    /// # Errors
    /// [`Error::Exists`], also when a link of that name is there.
    pub fn make_directory(&self, name: &RelPath) -> Result<Beneath, Error> {
        rustix::fs::mkdirat(self, name.as_str(), Mode::from_raw_mode(0o777))?;
        self.directory(name, Links::Refuse)
    }

    /// Makes the file `name`. Not flushed to the disk.
    pub fn make_file(&self, name: &RelPath, content: &[u8], executable: bool) -> Result<(), Error> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if executable { 0o777 } else { 0o666 });
        let handle = rustix::fs::openat(self, name.as_str(), flags, mode)?;
        Ok(File::from(handle).write_all(content)?)
    }

    /// Removes the link or file at `path`, whatever it leads to.
    pub fn remove(&self, path: &RelPath) -> Result<(), Error> {
        let name = path.name().ok_or(Error::IsDirectory)?;
        let dir = self.directory(&path.parent(), Links::Refuse)?;
        Ok(rustix::fs::unlinkat(&dir, name, AtFlags::empty())?)
    }

    /// Makes the symbolic link `name`. Where `target` leads is the caller's concern.
    pub fn make_link(&self, name: &RelPath, target: &str) -> Result<(), Error> {
        Ok(rustix::fs::symlinkat(target, self, name.as_str())?)
    }
}
