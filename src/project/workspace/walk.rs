//! A walk over a workspace in a fixed order, as ripgrep would walk it.
//!
//! Not `ignore::WalkBuilder`: that opens by path and reads `.gitignore` through links. Here every directory and every
//! ignore file is opened below the handle of the one above, and the order (by name, depth first) lets a page of results
//! be continued after any path.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::ops::ControlFlow;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{AtFlags, Stat};

use crate::base::beneath::{Beneath, Error, Kind, Links, MAX_DEPTH, RelPath};

/// Larger ignore files are read up to here.
const MAX_IGNORE_FILE: u64 = 1 << 20;

/// What the walk leaves out.
#[derive(Debug, Clone, Default)]
pub struct WalkOptions {
    /// Visit names that start with a dot.
    pub hidden: bool,
    /// Visit what `.gitignore` and `.ignore` files exclude.
    pub ignored: bool,
    /// Visit symbolic links too. They are not followed either way.
    pub links: bool,
    /// Continue after this path: neither it nor anything before it is visited.
    pub after: Option<RelPath>,
}

/// A file or directory met on the walk.
#[derive(Debug)]
pub struct Visit<'a> {
    /// Below the top of the walk's workspace.
    pub path: &'a RelPath,
    /// `File` or `Directory`, and `Symlink` where they are asked for; special files are not visited.
    pub kind: Kind,
    within: &'a Beneath,
    name: &'a str,
}

impl Visit<'_> {
    /// Opens the file, by its name in the directory that the walk has open.
    pub fn open(&self) -> Result<(File, Stat), Error> {
        self.within.child_file(self.name)
    }

    /// Metadata of what was met itself.
    pub fn metadata(&self) -> Result<Stat, Error> {
        Ok(rustix::fs::statat(
            self.within,
            self.name,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }
}

/// What the visitor wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Continue,
    /// Do not enter this directory.
    Skip,
    Stop,
}

/// Visits everything below `at`. Names that are not UTF-8 cannot be addressed and are left out.
pub fn walk(
    top: &Beneath,
    at: &RelPath,
    options: &WalkOptions,
    visit: &mut dyn FnMut(&Visit<'_>) -> Result<Step, Error>,
) -> Result<(), Error> {
    let mut walker = Walker {
        options,
        levels: Vec::new(),
        path: RelPath::root(),
    };
    // The ignore files above the starting point count too.
    for part in at.components() {
        let dir = top.directory(&walker.path, Links::Inside)?;
        walker.enter(&dir, &IGNORE_FILES);
        walker.path.push(part).map_err(|_| Error::NotFound)?;
    }
    let dir = top.directory(at, Links::Inside)?;
    walker.directory(&dir, visit).map(drop)
}

/// The first that has something to say decides.
const IGNORE_FILES: [&str; 2] = [".ignore", ".gitignore"];

struct Walker<'o> {
    options: &'o WalkOptions,
    levels: Vec<Level>,
    /// Where the walk is.
    path: RelPath,
}

/// The ignore rules of one directory.
struct Level {
    /// Bytes of a path below that come before the part relative to this directory.
    prefix: usize,
    /// Those of [`IGNORE_FILES`].
    rules: Vec<Gitignore>,
}

impl Walker<'_> {
    fn directory(
        &mut self,
        dir: &Beneath,
        visit: &mut dyn FnMut(&Visit<'_>) -> Result<Step, Error>,
    ) -> Result<ControlFlow<()>, Error> {
        let entries = dir.own_entries()?;
        let has = |name: &&str| {
            let found =
                entries.binary_search_by(|entry| entry.name.as_os_str().cmp(OsStr::new(name)));
            found.is_ok()
        };
        let rules: Vec<&str> = IGNORE_FILES.into_iter().filter(has).collect();
        self.enter(dir, &rules);
        for entry in entries {
            let Some(name) = entry.name.to_str() else {
                continue;
            };
            if !self.options.hidden && name.starts_with('.') || self.path.push(name).is_err() {
                continue;
            }
            let flow = self.entry(dir, name, entry.kind, visit);
            self.path.pop();
            if flow?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.levels.pop();
        Ok(ControlFlow::Continue(()))
    }

    /// Visits the entry at `self.path`, then what is below it.
    fn entry(
        &mut self,
        within: &Beneath,
        name: &str,
        kind: Kind,
        visit: &mut dyn FnMut(&Visit<'_>) -> Result<Step, Error>,
    ) -> Result<ControlFlow<()>, Error> {
        let wanted = match kind {
            Kind::File | Kind::Directory => true,
            Kind::Symlink => self.options.links,
            Kind::Special => false,
        };
        let is_directory = kind == Kind::Directory;
        let place = self.place();
        if !wanted || place == Place::Before || self.is_ignored(is_directory) {
            return Ok(ControlFlow::Continue(()));
        }
        if place == Place::After {
            let visited = Visit {
                path: &self.path,
                kind,
                within,
                name,
            };
            match visit(&visited)? {
                Step::Continue => {}
                Step::Skip => return Ok(ControlFlow::Continue(())),
                Step::Stop => return Ok(ControlFlow::Break(())),
            }
        }
        // A directory that vanished or was swapped for a link meanwhile is no error of the caller's.
        if is_directory
            && self.path.components().count() < MAX_DEPTH
            && let Ok(inner) = within.child_directory(name)
        {
            return self.directory(&inner, visit);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Takes up the ignore rules of the directory `dir`, which is at `self.path`.
    fn enter(&mut self, dir: &Beneath, names: &[&str]) {
        let prefix = if self.path.is_root() {
            0
        } else {
            self.path.as_str().len() + 1
        };
        let rules = if self.options.ignored {
            Vec::new()
        } else {
            names
                .iter()
                .filter_map(|name| rules_of(dir, name))
                .collect()
        };
        self.levels.push(Level { prefix, rules });
    }

    fn is_ignored(&self, is_directory: bool) -> bool {
        for level in self
            .levels
            .iter()
            .rev()
            .filter(|level| !level.rules.is_empty())
        {
            let relative = self.path.as_str().get(level.prefix..).unwrap_or_default();
            for rules in &level.rules {
                match rules.matched(relative, is_directory) {
                    Match::Ignore(_) => return true,
                    Match::Whitelist(_) => return false,
                    Match::None => {}
                }
            }
        }
        false
    }

    /// Where the walk is relative to the point to continue after.
    fn place(&self) -> Place {
        let Some(after) = &self.options.after else {
            return Place::After;
        };
        let (mut here, mut there) = (self.path.components(), after.components());
        loop {
            match (here.next(), there.next()) {
                // The point lies in this directory, or is this entry: what is inside may still come after.
                (None, _) => return Place::Around,
                (Some(_), None) => return Place::After,
                (Some(a), Some(b)) if a == b => {}
                (Some(a), Some(b)) => return if a < b { Place::Before } else { Place::After },
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Around,
    After,
}

fn rules_of(dir: &Beneath, name: &str) -> Option<Gitignore> {
    let (file, _) = dir.child_file(name).ok()?;
    let mut text = Vec::new();
    file.take(MAX_IGNORE_FILE).read_to_end(&mut text).ok()?;
    let mut builder = GitignoreBuilder::new("");
    for line in String::from_utf8_lossy(&text).lines() {
        // One bad pattern does not disable the others.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}
