//! A commit's files, written out for a run.

use git2::{Commit, ObjectType, Repository, Tree};

use super::{Error, shown};
use crate::base::beneath::{Beneath, MAX_DEPTH, RelPath};
use crate::project::workspace::modules;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    pub files: u64,
    pub bytes: u64,
}

const LINK: i32 = 0o120_000;
const EXECUTABLE: i32 = 0o100_755;

/// Writes the files of `commit` below `into`, an empty directory: content as it is in the repository, the executable
/// bit, symbolic links that stay inside. Of submodules those are written that were fetched; others become empty directories.
///
/// # Errors
/// [`Error::Unsafe`] for links that lead outside and for names such as `.git` or `..`; [`Error::TooLarge`] above
/// `most` bytes. What was written before stays.
pub fn export(
    repository: &Repository,
    commit: &Commit<'_>,
    into: &Beneath,
    most: u64,
    stop: &dyn Fn() -> bool,
) -> Result<Exported, Error> {
    let mut export = Export {
        parent: repository,
        most,
        stop,
        done: Exported::default(),
    };
    export.tree(repository, &commit.tree()?, into, &RelPath::root())?;
    Ok(export.done)
}

struct Export<'e> {
    /// Seen from which the paths are.
    parent: &'e Repository,
    most: u64,
    stop: &'e dyn Fn() -> bool,
    done: Exported,
}

/// Whether [`export`] would write the files of `commit`; nothing is written.
pub fn check(
    repository: &Repository,
    commit: &Commit<'_>,
    most: u64,
    stop: &dyn Fn() -> bool,
) -> Result<(), Error> {
    let odb = repository.odb()?;
    let (mut bytes, mut waiting) = (0, vec![(RelPath::root(), commit.tree()?)]);
    while let Some((at, tree)) = waiting.pop() {
        if stop() {
            return Err(Error::Stopped);
        }
        for entry in &tree {
            let (_, path) = names(&entry, &at)?;
            match entry.kind() {
                Some(ObjectType::Tree) => waiting.push((path, repository.find_tree(entry.id())?)),
                Some(ObjectType::Blob) => {
                    bytes += odb.read_header(entry.id())?.0 as u64;
                    if bytes > most {
                        return Err(Error::TooLarge(most));
                    }
                    if entry.filemode() == LINK {
                        target(repository.find_blob(entry.id())?.content(), &path)?;
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The name of an entry of the directory `at`, and its path.
fn names(entry: &git2::TreeEntry<'_>, at: &RelPath) -> Result<(RelPath, RelPath), Error> {
    let shown_name = shown(entry.name_bytes());
    let unsafe_name = || {
        Error::Unsafe(format!(
            "the tree holds the name {shown_name:?}, which is not safe to write"
        ))
    };
    let text = entry.name().map_err(|_| unsafe_name())?;
    let name = RelPath::parse(text).map_err(|_| unsafe_name())?;
    if name.as_str() != text || text.contains('/') {
        return Err(unsafe_name());
    }
    let path = at.join(text).map_err(|_| unsafe_name())?;
    Ok((name, path))
}

/// Where the link at `path` leads, which is in the tree.
fn target<'c>(content: &'c [u8], path: &RelPath) -> Result<&'c str, Error> {
    let target = std::str::from_utf8(content).ok();
    let inside = target.filter(|target| stays_inside(target, path.components().count() - 1));
    inside.ok_or_else(|| Error::Unsafe(format!("the link {path} leads outside of the tree")))
}

impl Export<'_> {
    fn tree(
        &mut self,
        repository: &Repository,
        tree: &Tree<'_>,
        into: &Beneath,
        at: &RelPath,
    ) -> Result<(), Error> {
        for entry in tree {
            if (self.stop)() {
                return Err(Error::Stopped);
            }
            let (name, path) = names(&entry, at)?;
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let below = into.make_directory(&name)?;
                    self.tree(
                        repository,
                        &repository.find_tree(entry.id())?,
                        &below,
                        &path,
                    )?;
                }
                Some(ObjectType::Blob) => self.blob(repository, &entry, into, &name, &path)?,
                _ => {
                    let below = into.make_directory(&name)?;
                    let store = modules::store(self.parent, &path)?;
                    if let Some(store) = &store
                        && let Ok(commit) = store.find_commit(entry.id())
                    {
                        self.tree(store, &commit.tree()?, &below, &path)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn blob(
        &mut self,
        repository: &Repository,
        entry: &git2::TreeEntry<'_>,
        into: &Beneath,
        name: &RelPath,
        path: &RelPath,
    ) -> Result<(), Error> {
        let (size, _) = repository.odb()?.read_header(entry.id())?;
        self.done.bytes += size as u64;
        if self.done.bytes > self.most {
            return Err(Error::TooLarge(self.most));
        }
        let blob = repository.find_blob(entry.id())?;
        if entry.filemode() == LINK {
            into.make_link(name, target(blob.content(), path)?)?;
        } else {
            into.make_file(name, blob.content(), entry.filemode() == EXECUTABLE)?;
        }
        self.done.files += 1;
        Ok(())
    }
}

/// Whether a link in a directory `depth` levels down stays in the tree wherever its parts lead.
///
/// `..` is allowed only at the start, where it goes up real directories: after a name it would go up from wherever that
/// name, perhaps a link too, leads.
fn stays_inside(target: &str, depth: usize) -> bool {
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return false;
    }
    let mut parts = target
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .peekable();
    let mut up = 0;
    while parts.next_if_eq(&"..").is_some() {
        up += 1;
    }
    let rest: Vec<&str> = parts.collect();
    up <= depth && rest.len() <= MAX_DEPTH && !rest.contains(&"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_may_go_up_only_as_far_as_the_top() {
        for (target, depth, inside) in [
            ("a", 0, true),
            ("./a/b", 0, true),
            ("..", 1, true),
            ("../b", 1, true),
            ("../../b", 2, true),
            ("../b", 0, false),
            ("../../b", 1, false),
            ("/etc/passwd", 3, false),
            ("a/../b", 3, false),
            ("../a/..", 3, false),
            ("", 0, false),
        ] {
            assert_eq!(stays_inside(target, depth), inside, "{target:?} at {depth}");
        }
    }
}
