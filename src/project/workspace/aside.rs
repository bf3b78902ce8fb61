//! Directories of the hub's own beside an agent's tree, on the same file system: no path of the tree leads there.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Error, TreeId, Workspaces, layout};
use crate::base::beneath::{self, Beneath, RelPath};
use crate::base::ids::ProjectId;

/// What such a directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// What the agent deleted.
    Trash,
    /// What its tree was like.
    Snapshots,
    /// What is being unpacked.
    Staging,
    /// Files of submodules that its tree does not have at the moment.
    Submodules,
}

impl Shelf {
    pub(super) const ALL: [Self; 4] = [
        Self::Trash,
        Self::Snapshots,
        Self::Staging,
        Self::Submodules,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Trash => "trash",
            Self::Snapshots => "snapshots",
            Self::Staging => "staging",
            Self::Submodules => "submodules",
        }
    }
}

/// One such directory, open.
#[derive(Debug)]
pub struct Aside {
    path: PathBuf,
    files: Beneath,
}

impl Aside {
    /// What is in it.
    pub fn files(&self) -> &Beneath {
        &self.files
    }

    /// Bytes of all files in the directory `name` right below.
    pub fn size(&self, name: &RelPath) -> u64 {
        let path = name.name().map(|name| self.path.join(name));
        bytes(path.into_iter().collect(), &|| false).unwrap_or(0)
    }

    /// Removes the directory `name` right below with all that is in it, whatever its names.
    pub fn remove_all(&self, name: &RelPath) -> Result<(), Error> {
        match std::fs::remove_dir_all(self.path.join(name.name().ok_or(beneath::Error::NotFound)?))
        {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Workspaces {
    /// The directory for `shelf` beside `tree`, made on first use.
    pub fn aside(&self, tree: &TreeId, shelf: Shelf) -> Result<Aside, Error> {
        let path = layout::aside(&self.0.data, tree, shelf);
        std::fs::create_dir_all(&path)?;
        let files = Beneath::open(&path)?;
        Ok(Aside { path, files })
    }

    /// Every tree for which there is such a directory. Walks the data directory's upper levels.
    pub fn trees_with(&self, shelf: Shelf) -> Vec<TreeId> {
        layout::trees_with(&self.0.data, shelf)
    }

    /// Bytes of all files of a project: its agents' trees and what lies aside, but not its repositories. Walks all of it;
    /// `None` when `stop` said so.
    pub fn size(&self, project: &ProjectId, stop: &dyn Fn() -> bool) -> Option<u64> {
        bytes(layout::counted(&self.0.data, project), stop)
    }
}

/// Bytes of all files in these directories; `None` when `stop` said so.
fn bytes(mut waiting: Vec<PathBuf>, stop: &dyn Fn() -> bool) -> Option<u64> {
    let mut bytes = 0;
    while let Some(directory) = waiting.pop() {
        if stop() {
            return None;
        }
        for entry in entries(&directory) {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                waiting.push(entry.path());
            } else {
                // A sparse file counts as what it takes; a small one as what it holds.
                bytes += meta.len().min(meta.blocks().saturating_mul(512).max(4096));
            }
        }
    }
    Some(bytes)
}

/// The entries of a directory; none of one that is not there any more.
fn entries(directory: &Path) -> Vec<std::fs::DirEntry> {
    std::fs::read_dir(directory)
        .map(|entries| entries.flatten().collect())
        .unwrap_or_default()
}
