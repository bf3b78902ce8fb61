//! Applying a patch to files.
//!
//! libgit2 works out the new files in memory; they are read and written through the workspace's handle, so that no path
//! of a patch leads out of it. Bytes that the patch does not name stay as they are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use git2::{ApplyOptions, Delta, Diff, ErrorCode, Index, Oid, Repository};

use super::integrate::tree;
use super::merge::{self, Side};
use super::{Error, add, patch_text, shown, sparse};
use crate::base::beneath::{Beneath, Error as FileError, Links, RelPath};
use crate::project::workspace::sparse::Cone;

/// Largest file that is patched, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// What a patch did to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patched {
    pub path: RelPath,
    /// The old path of a renamed or copied file.
    pub from: Option<RelPath>,
    pub status: Delta,
    /// The new content and mode; `None` when it is removed.
    after: Option<(Oid, u32)>,
    /// The file ends its lines with CR LF, the patch does not.
    crlf: bool,
}

/// How to apply it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Stage the files too.
    pub stage: bool,
    /// Only say what would happen.
    pub dry: bool,
}

/// Applies all of `patch`, a unified diff, or nothing. True when line endings were matched loosely.
///
/// # Errors
/// [`Error::BadPatch`]; [`Error::PatchMisses`] names the first file that is not as the patch expects.
pub fn apply(
    repository: &Repository,
    files: &Beneath,
    patch: &[u8],
    options: Options,
) -> Result<(Vec<Patched>, bool), Error> {
    if options.dry {
        merge::in_memory(repository)?;
    }
    let (patched, loose) = match work_out(repository, files, patch, false) {
        Err(Error::PatchMisses { path, why }) => match work_out(repository, files, patch, true) {
            Ok(patched) => (patched, true),
            Err(_) => return Err(Error::PatchMisses { path, why }),
        },
        exact => (exact?, false),
    };
    if !options.stage {
        refuse_forgotten(repository, &patched)?;
    }
    if !options.dry {
        for file in &patched {
            put(repository, files, file)?;
        }
        if options.stage {
            stage(repository, &patched)?;
        }
    }
    Ok((patched, loose))
}

/// The files after the patch. With `loose`, files that end all lines with CR LF are patched as if they ended them with LF.
fn work_out(
    repository: &Repository,
    files: &Beneath,
    patch: &[u8],
    loose: bool,
) -> Result<Vec<Patched>, Error> {
    let bad = |error: git2::Error| Error::BadPatch(error.message().to_owned());
    let patch = if loose {
        without_cr(patch)
    } else {
        patch.to_vec()
    };
    let patch = patch_text::canonical(&patch);
    let diff = Diff::from_buffer(&patch).map_err(bad)?;
    if diff.deltas().len() == 0 {
        return Err(Error::BadPatch("it holds no difference".into()));
    }
    let mut before = Index::new()?;
    let mut crlf = BTreeMap::new();
    for delta in diff.deltas() {
        let old = delta.old_file().path_bytes();
        if delta.status() == Delta::Added {
            let path = path(delta.new_file().path_bytes())?;
            let left_out = sparse::is_left_out(&repository.index()?, path.as_str().as_bytes());
            if left_out || exists(files, &path)? {
                return Err(misses(&path, "it exists already"));
            }
            continue;
        }
        let path = path(old)?;
        let (mut content, mode) = match left_out(repository, &path)? {
            Some(found) => found,
            None => read(files, &path)?,
        };
        let ends = loose && all_crlf(&content);
        if ends {
            content = without_cr(&content);
        }
        crlf.insert(path.clone(), ends);
        let side = Side {
            id: repository.blob(&content)?,
            mode,
        };
        before.add(&tree::entry(path.as_str(), &side, 0))?;
    }
    let before = repository.find_tree(before.write_tree_to(repository)?)?;
    let at = RefCell::new(String::new());
    let mut options = ApplyOptions::new();
    options.delta_callback(|delta| {
        let path = delta.and_then(|delta| {
            delta
                .old_file()
                .path_bytes()
                .or(delta.new_file().path_bytes())
                .map(shown)
        });
        *at.borrow_mut() = path.unwrap_or_default();
        true
    });
    let after = match repository.apply_to_tree(&before, &diff, Some(&mut options)) {
        Err(error) if error.code() == ErrorCode::ApplyFail => {
            let path = at.borrow().clone();
            return Err(Error::PatchMisses {
                path,
                why: error.message().to_owned(),
            });
        }
        after => after.map_err(bad)?,
    };
    let mut patched = Vec::new();
    for delta in diff.deltas() {
        let gone = delta.status() == Delta::Deleted;
        let (old, new) = (delta.old_file().path_bytes(), delta.new_file().path_bytes());
        let target = path(if gone { old } else { new.or(old) })?;
        let from = old.filter(|_| matches!(delta.status(), Delta::Renamed | Delta::Copied));
        let found = after
            .get_path(Path::new(target.as_str()), 0)
            .filter(|_| !gone);
        if let Some(entry) = &found
            && entry.mode & 0o170_000 != 0o100_000
        {
            return Err(Error::Unsafe(format!(
                "{target}: a patch may not make links or submodules here"
            )));
        }
        let from = from.map(|from| path(Some(from))).transpose()?;
        patched.push(Patched {
            crlf: crlf
                .get(from.as_ref().unwrap_or(&target))
                .copied()
                .unwrap_or(false),
            path: target,
            from,
            status: delta.status(),
            after: found.map(|entry| (entry.id, entry.mode)),
        });
    }
    Ok(patched)
}

fn path(bytes: Option<&[u8]>) -> Result<RelPath, Error> {
    let text = bytes.map(shown).unwrap_or_default();
    RelPath::parse(&text).map_err(|why| Error::BadPath { path: text, why })
}

fn misses(path: &RelPath, why: &str) -> Error {
    Error::PatchMisses {
        path: path.to_string(),
        why: why.to_owned(),
    }
}

fn exists(files: &Beneath, path: &RelPath) -> Result<bool, Error> {
    parent(files, path)?;
    match files.kind(path) {
        Ok(_) => Ok(true),
        Err(FileError::NotFound | FileError::NotADirectory) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

/// Refuses a path that leads through a link.
fn parent(files: &Beneath, path: &RelPath) -> Result<(), Error> {
    match files.directory(&path.parent(), Links::Refuse) {
        Err(FileError::Symlink) => Err(Error::ThroughLink(path.to_string())),
        _ => Ok(()),
    }
}

fn read(files: &Beneath, path: &RelPath) -> Result<(Vec<u8>, u32), Error> {
    parent(files, path)?;
    let (mut file, stat) = match files.file(path) {
        Err(FileError::NotFound | FileError::NotADirectory) => {
            return Err(misses(path, "there is no such file"));
        }
        found => found?,
    };
    if stat.st_size.cast_unsigned() > MAX_FILE {
        return Err(Error::TooLarge(MAX_FILE));
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    let mode = if stat.st_mode & 0o100 == 0 {
        0o100_644
    } else {
        0o100_755
    };
    Ok((content, mode))
}

/// A file that is left out of the tree, as the index has it.
fn left_out(repository: &Repository, path: &RelPath) -> Result<Option<(Vec<u8>, u32)>, Error> {
    let index = repository.index()?;
    if !sparse::is_left_out(&index, path.as_str().as_bytes()) {
        return Ok(None);
    }
    let entry = index.get_path(Path::new(path.as_str()), 0);
    let entry = entry.filter(|entry| entry.mode & 0o170_000 == 0o100_000);
    let entry = entry.ok_or_else(|| misses(path, "it is a link or submodule"))?;
    let blob = repository.find_blob(entry.id)?;
    if blob.size() as u64 > MAX_FILE {
        return Err(Error::TooLarge(MAX_FILE));
    }
    Ok(Some((blob.content().to_vec(), entry.mode)))
}

/// Refuses to remove a file that the sparse paths leave out without staging that: a missing one is not taken for deleted.
fn refuse_forgotten(repository: &Repository, patched: &[Patched]) -> Result<(), Error> {
    let Some(cone) = Cone::read(repository)? else {
        return Ok(());
    };
    for file in patched {
        let renamed = file.from.as_ref().filter(|_| file.status == Delta::Renamed);
        let gone = match file.after {
            None => Some(&file.path),
            Some(_) => renamed,
        };
        if let Some(path) = gone.filter(|path| !cone.holds(path.as_str().as_bytes())) {
            return Err(Error::Unsafe(format!(
                "{path} is outside of the repository's sparse paths: pass stage: true to delete it"
            )));
        }
    }
    Ok(())
}

fn put(repository: &Repository, files: &Beneath, file: &Patched) -> Result<(), Error> {
    if let Some((id, mode)) = file.after {
        let blob = repository.find_blob(id)?;
        let with_cr;
        let content = if file.crlf {
            with_cr = with_crlf(blob.content());
            &with_cr
        } else {
            blob.content()
        };
        tree::write(files, &file.path, content)?;
        tree::set_executable(files, &file.path, mode == 0o100_755)?;
    } else {
        remove(repository, files, &file.path)?;
    }
    if let Some(from) = file.from.as_ref().filter(|_| file.status == Delta::Renamed) {
        remove(repository, files, from)?;
    }
    Ok(())
}

fn remove(repository: &Repository, files: &Beneath, path: &RelPath) -> Result<(), Error> {
    if sparse::is_left_out(&repository.index()?, path.as_str().as_bytes()) {
        return Ok(());
    }
    Ok(files.remove(path)?)
}

fn stage(repository: &Repository, patched: &[Patched]) -> Result<(), Error> {
    let mut index = repository.index()?;
    index.read(true)?;
    for file in patched {
        let at = Path::new(file.path.as_str());
        if file.after.is_some() {
            index.add_path(at)?;
        } else {
            index.remove_path(at)?;
        }
        if let Some(from) = file.from.as_ref().filter(|_| file.status == Delta::Renamed) {
            index.remove_path(Path::new(from.as_str()))?;
        }
    }
    add::save(&mut index)
}

fn all_crlf(content: &[u8]) -> bool {
    let mut previous = 0;
    let mut any = false;
    for byte in content {
        if *byte == b'\n' {
            if previous != b'\r' {
                return false;
            }
            any = true;
        }
        previous = *byte;
    }
    any
}

fn without_cr(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut bytes = content.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\r' || bytes.peek() != Some(&b'\n') {
            out.push(byte);
        }
    }
    out
}

fn with_crlf(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 16);
    for byte in content {
        if *byte == b'\n' {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn line_endings_come_back(text in "[a\n\r]{0,40}") {
            let crlf = with_crlf(&without_cr(text.as_bytes()));
            if all_crlf(text.as_bytes()) {
                proptest::prop_assert_eq!(crlf, text.as_bytes());
            }
        }
    }
}
