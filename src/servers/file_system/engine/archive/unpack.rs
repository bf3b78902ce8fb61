//! Unpacking into a directory of the hub's own; what comes out is then moved into the tree.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};

use super::{Error, Format, Limits, shown, tar, zip};
use crate::base::beneath::{Beneath, Durability, Existing, RelPath};

const BLOCK: usize = 64 * 1024;

/// What came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// The files, in order of their paths.
    pub files: Vec<RelPath>,
    /// The directories, those above others first.
    pub directories: Vec<RelPath>,
    pub bytes: u64,
}

/// Unpacks the archive into the empty directory `staging`.
pub fn unpack(
    archive: File,
    format: Format,
    staging: &Beneath,
    limits: Limits<'_>,
) -> Result<Unpacked, Error> {
    let mut room = Room {
        staging,
        limits,
        bytes: 0,
        seen: BTreeMap::new(),
    };
    match format {
        Format::Zip => zip::unpack(archive, &mut room)?,
        Format::Tar => tar::unpack(archive, &mut room)?,
        Format::TarGz => {
            tar::unpack(flate2::read::MultiGzDecoder::new(archive), &mut room)?;
        }
    }
    let mut unpacked = Unpacked {
        bytes: room.bytes,
        ..Unpacked::default()
    };
    for (path, is_directory) in room.seen.into_values() {
        if is_directory {
            unpacked.directories.push(path);
        } else {
            unpacked.files.push(path);
        }
    }
    Ok(unpacked)
}

/// Where entries go, and what went there.
pub(super) struct Room<'r> {
    staging: &'r Beneath,
    pub limits: Limits<'r>,
    bytes: u64,
    /// By the path in lower case: elsewhere the tree may be checked out where case does not count.
    seen: BTreeMap<String, (RelPath, bool)>,
}

impl Room<'_> {
    /// The path of an entry, checked; `None` for the archive's root.
    pub fn path(name: &[u8]) -> Result<Option<RelPath>, Error> {
        let refused = |why| Error::Path {
            name: shown(name),
            why,
        };
        let text = std::str::from_utf8(name)
            .map_err(|_| Error::Damaged(format!("the name {:?} is not UTF-8", shown(name))))?;
        // Windows tools write it; here it would be one strange name.
        if text.contains('\\') {
            return Err(refused(crate::base::beneath::PathError::Parent));
        }
        let text = text.strip_suffix('/').unwrap_or(text);
        let path = RelPath::parse(if text.is_empty() { "." } else { text }).map_err(refused)?;
        Ok((!path.is_root()).then_some(path))
    }

    /// Takes a directory.
    pub fn directory(&mut self, path: &RelPath) -> Result<(), Error> {
        self.check()?;
        let key = path.as_str().to_lowercase();
        match self.seen.get(&key) {
            Some((known, true)) if known == path => return Ok(()),
            Some(_) => return Err(Error::Doubled(path.to_string())),
            None => {}
        }
        self.parents(path)?;
        self.staging.create_directories(path, Durability::Cached)?;
        self.seen.insert(key, (path.clone(), true));
        self.count()
    }

    /// Takes a file with the content that comes out of `from`.
    pub fn file(
        &mut self,
        path: &RelPath,
        executable: bool,
        from: &mut impl Read,
    ) -> Result<(), Error> {
        self.check()?;
        let key = path.as_str().to_lowercase();
        if self.seen.contains_key(&key) {
            return Err(Error::Doubled(path.to_string()));
        }
        self.parents(path)?;
        self.seen.insert(key, (path.clone(), false));
        self.count()?;
        let mode = executable.then_some(0o755);
        let (refuse, cached) = (Existing::Refuse, Durability::Cached);
        let (limits, bytes) = (self.limits, &mut self.bytes);
        self.staging.write_with(path, mode, refuse, cached, |out| {
            pour(from, out, limits, bytes)
        })
    }

    /// The directories above, which an archive need not name.
    fn parents(&mut self, path: &RelPath) -> Result<(), Error> {
        let parent = path.parent();
        if parent.is_root() {
            return Ok(());
        }
        self.directory(&parent)
    }

    fn count(&self) -> Result<(), Error> {
        if self.seen.len() > self.limits.entries {
            return Err(Error::TooMany(self.limits.entries));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        if (self.limits.stop)() {
            return Err(Error::Stopped);
        }
        Ok(())
    }
}

fn pour(
    from: &mut impl Read,
    out: &mut File,
    limits: Limits<'_>,
    bytes: &mut u64,
) -> Result<(), Error> {
    let mut block = vec![0; BLOCK];
    loop {
        if (limits.stop)() {
            return Err(Error::Stopped);
        }
        let length = match from.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            length => length?,
        };
        if length == 0 {
            return Ok(());
        }
        *bytes += length as u64;
        if *bytes > limits.bytes {
            return Err(Error::TooLarge(limits.bytes));
        }
        let filled = block.get(..length).unwrap_or_default();
        out.write_all(filled)
            .map_err(crate::base::beneath::Error::from)?;
    }
}
