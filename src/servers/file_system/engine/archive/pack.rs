//! Packing files and directories of a tree.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write as _};

use super::{Error, Format, Limits, tar, zip};
use crate::{
    base::beneath::{Beneath, Error as FileError, Kind, RelPath},
    project::workspace::{Step, WalkOptions, walk},
};

/// What was packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    pub files: u64,
    /// Before compression.
    pub bytes: u64,
    /// Links, special files, and files with several hard links.
    pub skipped: u64,
}

/// One entry.
pub(super) struct Entry<'e> {
    pub name: &'e str,
    pub executable: bool,
    pub modified_s: i64,
    /// Its content and size; `None` for a directory.
    pub file: Option<(Content<'e>, u64)>,
}

/// A file's content, of the length that was announced: one that grows meanwhile is packed as long as it was.
pub(super) struct Content<'s> {
    file: File,
    left: u64,
    stop: &'s dyn Fn() -> bool,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.stop)() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let length = (&self.file).take(self.left).read(buffer)?;
        if length == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the file became shorter",
            ));
        }
        self.left -= length as u64;
        Ok(length)
    }
}

/// What is packed, and where it is.
pub(super) struct Source<'s> {
    files: &'s Beneath,
    paths: &'s [RelPath],
    ignored: bool,
    /// The archive itself, which is not packed.
    except: &'s RelPath,
    limits: Limits<'s>,
    packed: Packed,
    entries: usize,
}

/// Packs `paths` into `to`, each with all below it, hidden entries included.
pub fn pack(
    files: &Beneath,
    paths: &[RelPath],
    ignored: bool,
    (except, to): (&RelPath, &mut File),
    format: Format,
    limits: Limits<'_>,
) -> Result<Packed, Error> {
    let mut source = Source {
        files,
        paths,
        ignored,
        except,
        limits,
        packed: Packed::default(),
        entries: 0,
    };
    let to = BufWriter::new(to);
    match format {
        Format::Zip => zip::pack(to, &mut source)?.flush()?,
        Format::Tar => tar::pack(to, &mut source)?.flush()?,
        Format::TarGz => {
            let gzip = flate2::write::GzEncoder::new(to, flate2::Compression::default());
            tar::pack(gzip, &mut source)?.finish()?.flush()?;
        }
    }
    Ok(source.packed)
}

impl Source<'_> {
    /// Every entry, once, directories before what is in them.
    pub fn each(
        &mut self,
        mut take: impl FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for path in self.paths {
            if self.files.kind(path)? == Kind::Directory {
                self.below(path, &mut take)?;
            } else {
                let opened = self.files.file(path);
                self.file(path, opened, &mut take)?;
            }
        }
        Ok(())
    }

    fn below(
        &mut self,
        at: &RelPath,
        take: &mut impl FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let options = WalkOptions {
            hidden: true,
            ignored: self.ignored,
            links: true,
            after: None,
        };
        let files = self.files;
        let mut failed = None;
        walk(files, at, &options, &mut |visit| {
            let done = match visit.kind {
                Kind::Directory => self.directory(visit.path, take),
                Kind::File => match visit.open() {
                    Err(FileError::HardLinked | FileError::Symlink | FileError::NotFound) => {
                        self.packed.skipped += 1;
                        Ok(())
                    }
                    opened => self.file(visit.path, opened, take),
                },
                Kind::Symlink | Kind::Special => {
                    self.packed.skipped += 1;
                    Ok(())
                }
            };
            Ok(match done {
                Ok(()) => Step::Continue,
                Err(error) => {
                    failed = Some(error);
                    Step::Stop
                }
            })
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn directory(
        &mut self,
        path: &RelPath,
        take: &mut impl FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.count()?;
        take(Entry {
            name: path.as_str(),
            executable: false,
            modified_s: 0,
            file: None,
        })
    }

    fn file(
        &mut self,
        path: &RelPath,
        opened: Result<(File, rustix::fs::Stat), FileError>,
        take: &mut impl FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if path == self.except {
            return Ok(());
        }
        let (file, stat) = opened?;
        self.count()?;
        let bytes = u64::try_from(stat.st_size).unwrap_or(0);
        self.packed.files += 1;
        self.packed.bytes += bytes;
        if self.packed.bytes > self.limits.bytes {
            return Err(Error::TooLarge(self.limits.bytes));
        }
        take(Entry {
            name: path.as_str(),
            executable: stat.st_mode & 0o100 != 0,
            modified_s: crate::servers::file_system::engine::listing::modified_ms(&stat) / 1000,
            file: Some((
                Content {
                    file,
                    left: bytes,
                    stop: self.limits.stop,
                },
                bytes,
            )),
        })
    }

    fn count(&mut self) -> Result<(), Error> {
        if (self.limits.stop)() {
            return Err(Error::Stopped);
        }
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Error::TooMany(self.limits.entries));
        }
        Ok(())
    }
}
