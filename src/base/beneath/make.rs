//! Making new entries right below a directory handle, where nothing of that name is yet.

use std::fs::File;
use std::io::Write as _;

use rustix::fs::{Mode, OFlags};

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

    /// Makes the symbolic link `name`. Where `target` leads is the caller's concern.
    pub fn make_link(&self, name: &RelPath, target: &str) -> Result<(), Error> {
        Ok(rustix::fs::symlinkat(target, self, name.as_str())?)
    }
}
