//! A walk over a workspace in a fixed order, as ripgrep would walk it.
//!
//! Not `ignore::WalkBuilder`: that opens by path and reads `.gitignore` through links. Here every directory and every
//! ignore file is opened below the handle of the one above, and the order (by name, depth first) lets a page of results
//! be continued after any path.

use std::io::Read as _;
use std::ops::ControlFlow;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

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
    /// Continue after this path: neither it nor anything before it is visited.
    pub after: Option<RelPath>,
}

/// A file or directory met on the walk.
#[derive(Debug)]
pub struct Visit<'a> {
    /// Below the top of the walk's workspace.
    pub path: RelPath,
    /// `File` or `Directory`; links and special files are not visited.
    pub kind: Kind,
    /// The directory it is in, to open it by `name` without resolving the whole path again.
    pub within: &'a Beneath,
    /// Its name in that directory.
    pub name: RelPath,
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
    };
    // The ignore files above the starting point count too.
    let mut above = RelPath::root();
    for part in at.components() {
        walker.enter(&top.directory(&above, Links::Inside)?, &above);
        above = above.join(part).map_err(|_| Error::NotFound)?;
    }
    let dir = top.directory(at, Links::Inside)?;
    walker.directory(&dir, at, visit).map(drop)
}

struct Walker<'o> {
    options: &'o WalkOptions,
    levels: Vec<Level>,
}

/// The ignore rules of one directory.
struct Level {
    /// Bytes of a path below that come before the part relative to this directory.
    prefix: usize,
    /// `.ignore`, then `.gitignore`: the first that has something to say decides.
    rules: Vec<Gitignore>,
}

impl Walker<'_> {
    fn directory(
        &mut self,
        dir: &Beneath,
        path: &RelPath,
        visit: &mut dyn FnMut(&Visit<'_>) -> Result<Step, Error>,
    ) -> Result<ControlFlow<()>, Error> {
        self.enter(dir, path);
        let flow = self.entries(dir, path, visit);
        self.levels.pop();
        flow
    }

    fn entries(
        &mut self,
        dir: &Beneath,
        path: &RelPath,
        visit: &mut dyn FnMut(&Visit<'_>) -> Result<Step, Error>,
    ) -> Result<ControlFlow<()>, Error> {
        for entry in dir.own_entries()? {
            let Some(text) = entry.name.to_str() else {
                continue;
            };
            let (Ok(name), Ok(below)) = (RelPath::parse(text), path.join(text)) else {
                continue;
            };
            let is_directory = entry.kind == Kind::Directory;
            if !is_directory && entry.kind != Kind::File {
                continue;
            }
            if !self.options.hidden && text.starts_with('.')
                || self.is_ignored(&below, is_directory)
            {
                continue;
            }
            let place = self.place(&below);
            if place == Place::Before {
                continue;
            }
            if place == Place::After {
                let visited = Visit {
                    path: below.clone(),
                    kind: entry.kind,
                    within: dir,
                    name: name.clone(),
                };
                match visit(&visited)? {
                    Step::Continue => {}
                    Step::Skip => continue,
                    Step::Stop => return Ok(ControlFlow::Break(())),
                }
            }
            if is_directory && below.components().count() < MAX_DEPTH {
                // A directory that vanished or was swapped for a link meanwhile is no error of the caller's.
                let Ok(inner) = dir.directory(&name, Links::Refuse) else {
                    continue;
                };
                if self.directory(&inner, &below, visit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn enter(&mut self, dir: &Beneath, path: &RelPath) {
        let prefix = if path.is_root() {
            0
        } else {
            path.as_str().len() + 1
        };
        let rules = if self.options.ignored {
            Vec::new()
        } else {
            [".ignore", ".gitignore"]
                .iter()
                .filter_map(|name| rules_of(dir, name))
                .collect()
        };
        self.levels.push(Level { prefix, rules });
    }

    fn is_ignored(&self, path: &RelPath, is_directory: bool) -> bool {
        for level in self.levels.iter().rev() {
            let relative = path.as_str().get(level.prefix..).unwrap_or_default();
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

    /// Where `path` is relative to the point to continue after.
    fn place(&self, path: &RelPath) -> Place {
        let Some(after) = &self.options.after else {
            return Place::After;
        };
        let (mut here, mut there) = (path.components(), after.components());
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
    let (file, _) = dir.file(&RelPath::parse(name).ok()?).ok()?;
    let mut text = Vec::new();
    file.take(MAX_IGNORE_FILE).read_to_end(&mut text).ok()?;
    let mut builder = GitignoreBuilder::new("");
    for line in String::from_utf8_lossy(&text).lines() {
        // One bad pattern does not disable the others.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}
