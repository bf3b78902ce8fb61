//! Changes of several files that happen all or not at all: each is checked before the first is made, and made ones are undone
//! when a later one fails.

use rustix::fs::RawMode;

use super::trash;
use crate::base::{
    beneath::{Beneath, Durability, Error, Existing, RelPath},
    clock::Millis,
};

/// One change, checked.
#[derive(Debug)]
pub enum Step {
    /// Makes a file that is not there.
    Create {
        path: RelPath,
        content: Vec<u8>,
        mode: Option<RawMode>,
    },
    /// Gives a file new content, mode, or both.
    Replace {
        path: RelPath,
        old: Vec<u8>,
        old_mode: RawMode,
        content: Vec<u8>,
        mode: Option<RawMode>,
    },
    Move {
        from: RelPath,
        to: RelPath,
    },
    /// To the trash.
    Delete {
        path: RelPath,
    },
    /// Brings a file in from the place's staging directory.
    Import {
        from: RelPath,
        to: RelPath,
    },
}

impl Step {
    /// The file that the step is about.
    pub fn path(&self) -> &RelPath {
        match self {
            Self::Create { path, .. } | Self::Replace { path, .. } | Self::Delete { path } => path,
            Self::Move { to, .. } | Self::Import { to, .. } => to,
        }
    }

    /// Bytes that it adds.
    pub fn growth(&self) -> u64 {
        match self {
            Self::Create { content, .. } => content.len() as u64,
            Self::Replace { old, content, .. } => content.len().saturating_sub(old.len()) as u64,
            Self::Move { .. } | Self::Delete { .. } | Self::Import { .. } => 0,
        }
    }
}

/// Where steps are done.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    pub files: &'p Beneath,
    pub trash: &'p Beneath,
    /// Where imported files are.
    pub staging: Option<&'p Beneath>,
    pub now: Millis,
    pub durability: Durability,
}

/// Does all steps, or none and says which failed.
pub fn run(place: Place<'_>, steps: &[Step]) -> Result<Vec<trash::Item>, (usize, Error)> {
    let mut deleted = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if let Err(error) = place.step(step, &mut deleted) {
            for done in steps.iter().take(index).rev() {
                if let Err(error) = place.undo(done, &mut deleted) {
                    tracing::warn!(%error, path = %done.path(), "could not undo a change of several files");
                }
            }
            return Err((index, error));
        }
    }
    Ok(deleted)
}

impl Place<'_> {
    fn step(&self, step: &Step, deleted: &mut Vec<trash::Item>) -> Result<(), Error> {
        match step {
            Step::Create {
                path,
                content,
                mode,
            } => self.put(path, content, *mode, Existing::Refuse),
            Step::Replace {
                path,
                content,
                mode,
                ..
            } => self.put(path, content, *mode, Existing::Replace),
            Step::Move { from, to } => self.rename(from, to),
            Step::Delete { path } => {
                let Self { files, trash, .. } = self;
                deleted.push(trash::put(files, trash, path, self.now, self.durability)?);
                Ok(())
            }
            Step::Import { from, to } => {
                let staging = self.staging.ok_or(Error::NotFound)?;
                self.files
                    .create_directories(&to.parent(), self.durability)?;
                staging.move_to(from, self.files, to, Existing::Refuse, self.durability)
            }
        }
    }

    fn undo(&self, step: &Step, deleted: &mut Vec<trash::Item>) -> Result<(), Error> {
        match step {
            Step::Create { path, .. } | Step::Import { to: path, .. } => self.files.remove(path),
            Step::Replace {
                path,
                old,
                old_mode,
                ..
            } => self.put(path, old, Some(*old_mode), Existing::Replace),
            Step::Move { from, to } => self.rename(to, from),
            Step::Delete { path } => match deleted.pop() {
                Some(item) => trash::restore(self.files, self.trash, &item, path, self.durability),
                None => Ok(()),
            },
        }
    }

    fn put(
        &self,
        path: &RelPath,
        content: &[u8],
        mode: Option<RawMode>,
        existing: Existing,
    ) -> Result<(), Error> {
        self.files
            .create_directories(&path.parent(), self.durability)?;
        self.files
            .write_with(path, mode, existing, self.durability, |file| {
                use std::io::Write as _;
                Ok(file.write_all(content)?)
            })
    }

    fn rename(&self, from: &RelPath, to: &RelPath) -> Result<(), Error> {
        self.files
            .create_directories(&to.parent(), self.durability)?;
        self.files
            .rename(from, to, Existing::Refuse, self.durability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_undoes_what_was_done() {
        let outer = tempfile::tempdir().unwrap();
        for name in ["in", "trash"] {
            std::fs::create_dir(outer.path().join(name)).unwrap();
        }
        let files = Beneath::open(&outer.path().join("in")).unwrap();
        let trash = Beneath::open(&outer.path().join("trash")).unwrap();
        let at = |name: &str| outer.path().join("in").join(name);
        for name in ["changed", "moved", "deleted"] {
            std::fs::write(at(name), name).unwrap();
        }
        let path = |text| RelPath::parse(text).unwrap();
        let create = |to| Step::Create {
            path: path(to),
            content: b"new".to_vec(),
            mode: None,
        };
        let mut steps = vec![
            create("new"),
            Step::Replace {
                path: path("changed"),
                old: b"changed".to_vec(),
                old_mode: 0o644,
                content: b"other".to_vec(),
                mode: Some(0o755),
            },
            Step::Move {
                from: path("moved"),
                to: path("dir/there"),
            },
            Step::Delete {
                path: path("deleted"),
            },
            create("changed"),
        ];
        let place = Place {
            files: &files,
            trash: &trash,
            staging: None,
            now: 1,
            durability: Durability::Synced,
        };
        let failed = run(place, &steps);
        assert!(matches!(failed, Err((4, Error::Exists))), "{failed:?}");
        for name in ["changed", "moved", "deleted"] {
            assert_eq!(std::fs::read_to_string(at(name)).unwrap(), name);
        }
        assert!(!at("new").exists() && !at("dir/there").exists());
        steps.pop();
        assert_eq!(run(place, &steps).unwrap().len(), 1);
        assert_eq!(std::fs::read_to_string(at("changed")).unwrap(), "other");
        assert!(at("dir/there").exists() && !at("deleted").exists());
    }
}
