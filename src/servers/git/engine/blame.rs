//! Who last changed each line.

use std::collections::HashMap;
use std::path::Path;

use git2::{BlameOptions, Commit, Oid, Repository};

use super::{Backend, Error, blob, shown};
use crate::base::beneath::RelPath;
use crate::servers::git::cli::{Place, Program, Word};

/// Lines in a row that one commit brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    pub commit: Oid,
    /// First line, from 1.
    pub start: usize,
    pub lines: usize,
    /// The first line's number in `commit`.
    pub original_start: usize,
    /// The file's path in `commit`, where it was another.
    pub original_path: Option<String>,
}

/// The hunks of the lines `first` to `last` of the file at `path` in `commit`, in order, and who found them.
///
/// # Errors
/// [`Error::NoLine`] when the file is shorter than `first`; [`Error::Binary`].
pub fn blame(
    repository: &Repository,
    git: Option<&Program>,
    commit: &Commit<'_>,
    path: &RelPath,
    (first, last): (usize, usize),
    stop: &dyn Fn() -> bool,
) -> Result<(Vec<Hunk>, Backend), Error> {
    let Some(git) = git else {
        return Ok((
            by_library(repository, commit, path, first, last)?,
            Backend::Libgit2,
        ));
    };
    let said = git
        .command(Place::bare(repository), "blame")
        .flag("--incremental")
        .flag("--no-textconv")
        .option("-L", format!("{first},{last}"))
        .word(Word::object(commit.id()))
        .paths([path])
        .output(stop)?;
    let mut hunks = read(&shown(&said), path);
    hunks.sort_unstable_by_key(|hunk| hunk.start);
    Ok((hunks, Backend::Git))
}

/// The lines of a text file in `commit`.
pub fn lines(
    repository: &Repository,
    commit: &Commit<'_>,
    path: &RelPath,
) -> Result<Vec<String>, Error> {
    let found = blob::find(repository, commit, path)?;
    if found.size.unwrap_or(0) > blob::MAX_HELD {
        return Err(Error::TooLarge(blob::MAX_HELD as u64));
    }
    let blob = repository.find_blob(found.id)?;
    if blob.is_binary() {
        return Err(Error::Binary(path.to_string()));
    }
    Ok(shown(blob.content())
        .lines()
        .map(ToOwned::to_owned)
        .collect())
}

fn by_library(
    repository: &Repository,
    commit: &Commit<'_>,
    path: &RelPath,
    first: usize,
    last: usize,
) -> Result<Vec<Hunk>, Error> {
    let mut options = BlameOptions::new();
    options
        .newest_commit(commit.id())
        .min_line(first)
        .max_line(last);
    let blame = repository.blame_file(Path::new(path.as_str()), Some(&mut options))?;
    let hunks = blame.iter().map(|hunk| {
        let old = hunk
            .path()
            .map(|path| shown(path.as_os_str().as_encoded_bytes()));
        Hunk {
            commit: hunk.final_commit_id(),
            start: hunk.final_start_line(),
            lines: hunk.lines_in_hunk(),
            original_start: hunk.orig_start_line(),
            original_path: old.filter(|old| old != path.as_str()),
        }
    });
    Ok(hunks.collect())
}

/// Reads `git blame --incremental`: `<id> <original line> <line> <count>`, then headers up to `filename`.
fn read(said: &str, path: &RelPath) -> Vec<Hunk> {
    let mut hunks = Vec::new();
    let mut at: Option<(Oid, usize, usize, usize)> = None;
    let mut names: HashMap<String, String> = HashMap::new();
    for line in said.lines() {
        if let Some(name) = line.strip_prefix("filename ") {
            let Some((commit, original_start, start, lines)) = at.take() else {
                continue;
            };
            let name = names
                .entry(name.to_owned())
                .or_insert_with(|| unquote(name));
            hunks.push(Hunk {
                commit,
                start,
                lines,
                original_start,
                original_path: Some(name.clone()).filter(|old| old != path.as_str()),
            });
        } else if at.is_none() {
            at = head(line);
        }
    }
    hunks
}

fn head(line: &str) -> Option<(Oid, usize, usize, usize)> {
    let mut parts = line.split(' ');
    let id = Oid::from_str(parts.next()?).ok()?;
    let mut number = || parts.next()?.parse().ok();
    Some((id, number()?, number()?, number()?))
}

/// A name as git quotes those with control characters, quotes or backslashes: `"a\tb"`.
fn unquote(name: &str) -> String {
    let Some(inner) = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
    else {
        return name.to_owned();
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b't') => out.push(b'\t'),
            Some(b'n') => out.push(b'\n'),
            Some(b'v') => out.push(11),
            Some(b'f') => out.push(12),
            Some(b'r') => out.push(b'\r'),
            Some(digit @ b'0'..=b'3') => {
                let octal = |digit: u8| digit.wrapping_sub(b'0') & 7;
                let rest = bytes
                    .by_ref()
                    .take(2)
                    .fold(octal(digit), |sum, next| (sum << 3) | octal(next));
                out.push(rest);
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    shown(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_are_read() {
        for (quoted, name) in [
            ("a b", "a b"),
            (r#""a\tb\"c\\""#, "a\tb\"c\\"),
            (r#""\303\251""#, "é"),
            (r#""\""#, ""),
        ] {
            assert_eq!(unquote(quoted), name, "{quoted}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(said in "([0-9a-f]{40} [0-9]{1,2} [0-9]{1,2} [0-9]\n|filename [ -~]{0,9}\n|[ -~]{0,20}\n){0,20}") {
            read(&said, &RelPath::root());
        }
    }
}
