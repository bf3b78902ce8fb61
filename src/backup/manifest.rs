//! What stands in a backup beside the files themselves.
//!
//! A backup is a tar archive, compressed with gzip. Its first entry says what it is, its last what belongs to it: an archive that
//! was cut off has none, and what changed while it was made is in it twice, of which the last one entry counts.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::base::clock::Millis;

/// The first entry.
pub const HEAD: &str = "syndarix-backup.json";
/// The last entry.
pub const MANIFEST: &str = "manifest.json";
/// What a backup calls itself.
pub const FORMAT: &str = "syndarix-backup";
/// The version of the archive's form.
pub const VERSION: u32 = 1;

/// The first entry: what this is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Head {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
}

/// The last entry: all that belongs to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// When the backup began.
    pub made_ms: Millis,
    /// The version of the hub.
    pub hub: String,
    /// `sqlite`, whose database is in the backup, or `postgres`, whose is not.
    pub database: String,
    /// The last migration of the database that is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<i64>,
    /// Files of agents that could not be read, and are not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Name>,
    /// All directories, files and links, by their path below the data directory.
    pub items: BTreeMap<Name, Item>,
}

/// A directory, a file or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Permissions.
    pub mode: u32,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Bytes.
        bytes: u64,
        /// SHA-256 of them, in hexadecimal.
        sha256: String,
        /// Which of the archive's entries holds it, counted from 0.
        entry: u64,
    },
    /// A symbolic link.
    Link {
        /// Where it leads to.
        target: Name,
    },
}

impl Manifest {
    /// Number of files, and their bytes.
    pub fn files(&self) -> (u64, u64) {
        let sizes = self.items.values().filter_map(|item| match item.kind {
            Kind::File { bytes, .. } => Some(bytes),
            _ => None,
        });
        sizes.fold((0, 0), |(files, sum), bytes| (files + 1, sum + bytes))
    }
}

/// A path, or where a link leads to. Names need not be UTF-8: what is not plain ASCII is percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub PathBuf);

const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

impl Name {
    /// Whether it stays below the directory that it is joined to.
    pub fn is_below(&self) -> bool {
        let mut parts = self.0.components();
        self.0.components().next().is_some()
            && parts.all(|part| matches!(part, Component::Normal(_)))
    }
}

impl From<&Path> for Name {
    fn from(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&percent_encode(self.0.as_os_str().as_bytes(), ENCODED))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes: Vec<u8> = percent_decode_str(&text).collect();
        if bytes.is_empty() || bytes.contains(&0) {
            return Err(D::Error::custom("not a path"));
        }
        Ok(Self(OsString::from_vec(bytes).into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_name_comes_back(bytes in prop::collection::vec(1u8.., 1..40)) {
            let name = Name(OsString::from_vec(bytes).into());
            let text = serde_json::to_string(&name).unwrap();
            prop_assert!(text.is_ascii());
            prop_assert_eq!(serde_json::from_str::<Name>(&text).unwrap(), name);
        }
    }

    #[test]
    fn only_what_stays_below_is_below() {
        let below = |text: &str| Name(text.into()).is_below();
        assert!(below("a") && below("a/b c/..d"));
        for leads_out in ["", "/a", "../a", "a/../b", "./a", "a/.."] {
            assert!(!below(leads_out), "{leads_out}");
        }
    }
}
