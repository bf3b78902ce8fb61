//! Archives: zip and tar, the latter plain or with gzip.
//!
//! Unpacking trusts nothing that an archive says. Every entry is checked before the first is written: a path that leads out, a
//! link, a device, an encrypted or doubled entry refuses the whole; and sizes are counted as bytes come out, not as they are
//! announced.

mod pack;
mod tar;
mod unpack;
mod zip;

#[cfg(test)]
mod tests;

use crate::base::beneath::{Error as FileError, PathError};

pub use pack::{Packed, pack};
pub use unpack::{Unpacked, unpack};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Zip,
    Tar,
    TarGz,
}

impl Format {
    /// By the name's ending.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if ends(&[".zip"]) {
            Some(Self::Zip)
        } else if ends(&[".tar.gz", ".tgz"]) {
            Some(Self::TarGz)
        } else if ends(&[".tar"]) {
            Some(Self::Tar)
        } else {
            None
        }
    }

    /// By the first bytes of a file.
    pub fn of_content(start: &[u8]) -> Option<Self> {
        if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
            Some(Self::Zip)
        } else if start.starts_with(b"\x1f\x8b") {
            Some(Self::TarGz)
        } else if start.get(257..262) == Some(b"ustar") {
            Some(Self::Tar)
        } else {
            None
        }
    }
}

/// How much is taken.
#[derive(Clone, Copy)]
pub struct Limits<'s> {
    pub bytes: u64,
    pub entries: usize,
    pub stop: &'s dyn Fn() -> bool,
}

/// Why an archive was not made or not unpacked. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the archive is damaged: {0}")]
    Damaged(String),
    #[error("its entry {name:?} is refused: {why}")]
    Path { name: String, why: PathError },
    #[error(
        "its entry {name:?} is refused: it is {what}, and only files and directories are unpacked"
    )]
    Kind { name: String, what: &'static str },
    #[error("its entry {0:?} is refused: another entry has the same path, or lies in the way")]
    Doubled(String),
    #[error("its entry {0:?} is encrypted")]
    Encrypted(String),
    #[error("it has more than {0} entries")]
    TooMany(usize),
    #[error("it has more than {0} bytes unpacked")]
    TooLarge(u64),
    #[error("stopped")]
    Stopped,
}

impl From<std::io::Error> for Error {
    /// Of what an archive's reader says: a broken stream is the archive's fault.
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        match error.kind() {
            InvalidData | InvalidInput | UnexpectedEof | Other => Self::Damaged(error.to_string()),
            _ => Self::File(error.into()),
        }
    }
}

/// A name as it may be shown.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(200).collect()
}
