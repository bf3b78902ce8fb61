//! Repositories of which every worktree holds a part: the directories that `info/sparse-checkout` beside the objects names, in
//! [git's cone mode](https://git-scm.com/docs/git-sparse-checkout).
//!
//! What is left out stays in the index, marked as git marks it (skip-worktree), so that the next commit has it. One rule holds
//! for every worktree: an entry carries the mark if, and only if, the paths leave it out and no such file is there. So a file
//! that somebody writes at such a path counts like any other, and one that is missing is never a deletion.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use git2::{Index, IndexEntry, IndexEntryExtendedFlag, IndexEntryFlag, Repository};

use super::Error;
use super::repository::sync_directory;
use crate::base::beneath::RelPath;

/// In the repository's common directory; a worktree of git's own has it in its admin directory.
const FILE: &str = "info/sparse-checkout";
/// What in a line of patterns does not stand for itself.
const PATTERN: [char; 7] = ['*', '?', '[', ']', '\\', '\n', '\r'];

/// Why a path is none of a sparse repository's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCone {
    #[error("the top is the whole repository: leave them out to have all of it")]
    Whole,
    #[error("{0:?} holds one of `*?[]\\` or a line break: name directories, not patterns")]
    Pattern(String),
}

/// The directories that worktrees hold. The files right in the top and in each directory above a named one belong to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cone {
    /// Held with all that is below, none inside another.
    directories: BTreeSet<String>,
    /// The directories above those, but for the top.
    above: BTreeSet<String>,
}

impl Cone {
    /// Holds `directories`.
    pub fn new(directories: &[RelPath]) -> Result<Self, BadCone> {
        for directory in directories {
            if directory.is_root() {
                return Err(BadCone::Whole);
            }
            if directory.as_str().contains(PATTERN) {
                return Err(BadCone::Pattern(directory.to_string()));
            }
        }
        Ok(Self::of(directories.iter().map(RelPath::as_str)))
    }

    fn of<'d>(directories: impl Iterator<Item = &'d str>) -> Self {
        let named: BTreeSet<&str> = directories.collect();
        let outermost = |directory: &&str| !above(directory).any(|above| named.contains(above));
        let directories: BTreeSet<&str> = named.iter().copied().filter(outermost).collect();
        let above = directories.iter().flat_map(|directory| above(directory));
        Self {
            above: above.map(str::to_owned).collect(),
            directories: directories.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The one of a repository; `None` when its worktrees hold all of it.
    pub fn read(repository: &Repository) -> Result<Option<Self>, Error> {
        let text = match fs::read_to_string(repository.commondir().join(FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let patterns: BTreeSet<&str> = text.lines().collect();
        let named = patterns.iter().filter_map(|pattern| {
            let directory = pattern.strip_prefix('/')?.strip_suffix('/')?;
            // Of one that is above others the next line takes out what is below.
            (!patterns.contains(format!("!{pattern}*/").as_str())).then_some(directory)
        });
        Ok(Some(Self::of(named)))
    }

    /// Makes it that of `repository`, for the worktrees that are made from now on.
    pub fn write(&self, repository: &Repository) -> Result<(), Error> {
        let path = repository.commondir().join(FILE);
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder)?;
        let staged = path.with_extension("new");
        let mut file = File::create(&staged)?;
        file.write_all(self.patterns().as_bytes())?;
        file.sync_all()?;
        fs::rename(&staged, &path)?;
        sync_directory(folder)
    }

    /// Takes that of `repository` away.
    pub fn remove(repository: &Repository) -> Result<(), Error> {
        let path = repository.commondir().join(FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => sync_directory(path.parent().unwrap_or(&path)),
        }
    }

    /// As git writes it.
    fn patterns(&self) -> String {
        let mut text = "/*\n!/*/\n".to_owned();
        for directory in &self.above {
            text.extend(["/", directory, "/\n!/", directory, "/*/\n"]);
        }
        for directory in &self.directories {
            text.extend(["/", directory, "/\n"]);
        }
        text
    }

    /// The named directories.
    pub fn directories(&self) -> impl Iterator<Item = &str> {
        self.directories.iter().map(String::as_str)
    }

    /// Whether the file at `path` belongs to it.
    pub fn holds(&self, path: &[u8]) -> bool {
        self.reaches(directory_of(path))
    }

    /// Whether files right in `directory` belong to it.
    pub fn reaches(&self, directory: &[u8]) -> bool {
        // The names that it has are text.
        let text = directory.utf8_chunks().next();
        let text = text.map(|chunk| chunk.valid()).unwrap_or_default();
        let whole = text.len() == directory.len();
        directory.is_empty()
            || above(text).any(|above| self.directories.contains(above))
            || whole && (self.directories.contains(text) || self.above.contains(text))
    }
}

/// The directories above `directory`, but for the top.
fn above(directory: &str) -> impl Iterator<Item = &str> {
    let ends = directory.match_indices('/');
    ends.filter_map(|(end, _)| directory.get(..end))
}

fn directory_of(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/');
    end.and_then(|end| path.get(..end)).unwrap_or_default()
}

/// What a worktree lacks because of its repository's [`Cone`].
#[derive(Debug)]
pub struct Sight<'c> {
    cone: &'c Cone,
    top: PathBuf,
    /// Directories that were looked for.
    known: HashMap<Vec<u8>, Place>,
}

/// What is where a directory would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Directory,
    Nothing,
    /// A file or link, there or further up.
    Other,
}

impl<'c> Sight<'c> {
    /// In the tree of `repository`.
    pub fn new(cone: &'c Cone, repository: &Repository) -> Self {
        Self {
            cone,
            top: repository.workdir().unwrap_or(Path::new("")).to_owned(),
            known: HashMap::new(),
        }
    }

    /// Whether the file at `path` is left out: it does not belong to the cone, and is not there.
    pub fn lacks(&mut self, path: &[u8]) -> bool {
        !self.cone.holds(path) && !self.sees(path)
    }

    /// Whether there is something in the place of the file at `path`, or of a directory above it.
    fn sees(&mut self, path: &[u8]) -> bool {
        match self.look(directory_of(path)) {
            Place::Directory => {
                fs::symlink_metadata(self.top.join(OsStr::from_bytes(path))).is_ok()
            }
            Place::Nothing => false,
            Place::Other => true,
        }
    }

    fn look(&mut self, directory: &[u8]) -> Place {
        if directory.is_empty() {
            return Place::Directory;
        }
        if let Some(known) = self.known.get(directory) {
            return *known;
        }
        let place = match self.look(directory_of(directory)) {
            Place::Directory => {
                match fs::symlink_metadata(self.top.join(OsStr::from_bytes(directory))) {
                    Ok(meta) if meta.is_dir() => Place::Directory,
                    Ok(_) => Place::Other,
                    Err(_) => Place::Nothing,
                }
            }
            other => other,
        };
        self.known.insert(directory.to_owned(), place);
        place
    }

    /// Gives every entry of `index` its mark, or takes it. With `quiet` those with a mark also count as unchanged, so that
    /// libgit2 takes none of them for deleted; it would hide what is staged there, so such an index is not kept. Returns
    /// whether something changed.
    ///
    /// `index` is of no repository: one that is asks for the object of each entry, which a partial clone need not have.
    pub fn mark(&mut self, index: &mut Index, quiet: bool) -> Result<bool, Error> {
        let mut wrong = Vec::new();
        for mut entry in index.iter().filter(|entry| stage(entry) == 0) {
            let lacks = self.lacks(&entry.path);
            let unchanged = entry.flags & IndexEntryFlag::VALID.bits() != 0;
            if is_marked(&entry) != lacks || unchanged != (lacks && quiet) {
                set_mark(&mut entry, lacks);
                entry.flags &= !IndexEntryFlag::VALID.bits();
                if lacks && quiet {
                    entry.flags |= IndexEntryFlag::VALID.bits();
                }
                wrong.push(entry);
            }
        }
        for entry in &wrong {
            index.add(entry)?;
        }
        Ok(!wrong.is_empty())
    }
}

/// The index of a worktree as it is on the disk, of no repository: see [`Sight::mark`].
pub fn index(repository: &Repository) -> Result<Index, Error> {
    Ok(Index::open(&repository.path().join("index"))?)
}

fn stage(entry: &IndexEntry) -> u16 {
    (entry.flags >> 12) & 3
}

/// Whether `entry` is marked as left out.
pub fn is_marked(entry: &IndexEntry) -> bool {
    entry.flags_extended & IndexEntryExtendedFlag::SKIP_WORKTREE.bits() != 0
}

/// Gives `entry` the mark, or takes it.
pub fn set_mark(entry: &mut IndexEntry, left_out: bool) {
    entry.flags_extended &= !IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
    if left_out {
        entry.flags_extended |= IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
    }
}
