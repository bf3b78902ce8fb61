//! Searching the files of a commit.

use git2::{Commit, ObjectType, Repository, Tree};
use grep_matcher::Matcher as _;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, sinks::Lossy};
use serde::{Deserialize, Serialize};

use super::{Error, shown};
use crate::base::beneath::RelPath;

/// Larger files are passed over, in bytes.
const MAX_FILE: usize = 8 << 20;
/// Longest line that is shown, in bytes.
const MAX_LINE: usize = 400;

/// What to search for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// A regular expression, or with `literal` a text.
    pub pattern: String,
    pub literal: bool,
    pub ignore_case: bool,
    /// Only at or below these; everywhere when empty.
    pub paths: Vec<RelPath>,
}

/// A line that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub path: String,
    /// From 1.
    pub line: u64,
    /// First byte of the match in the line, from 1.
    pub column: usize,
    pub text: String,
}

/// After which line a page goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    pub path: String,
    pub line: u64,
}

/// Matching lines after `after` in the order of paths, one more than `limit` at most.
pub fn grep(
    repository: &Repository,
    commit: &Commit<'_>,
    wanted: &Wanted,
    after: Option<&After>,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Found>, Error> {
    let matcher = RegexMatcherBuilder::new()
        .case_insensitive(wanted.ignore_case)
        .fixed_strings(wanted.literal)
        .line_terminator(Some(b'\n'))
        .size_limit(1 << 20)
        .build(&wanted.pattern)
        .map_err(|error| Error::BadPattern(error.to_string()))?;
    let searcher = SearcherBuilder::new()
        .binary_detection(BinaryDetection::quit(0))
        .line_number(true)
        .build();
    let mut grep = Grep {
        repository,
        wanted,
        matcher,
        searcher,
        after,
        most: limit + 1,
        stop,
        found: Vec::new(),
    };
    grep.directory(&commit.tree()?, "")?;
    Ok(grep.found)
}

struct Grep<'g> {
    repository: &'g Repository,
    wanted: &'g Wanted,
    matcher: RegexMatcher,
    searcher: Searcher,
    after: Option<&'g After>,
    most: usize,
    stop: &'g dyn Fn() -> bool,
    found: Vec<Found>,
}

impl Grep<'_> {
    fn directory(&mut self, tree: &Tree<'_>, prefix: &str) -> Result<(), Error> {
        for entry in tree {
            if (self.stop)() {
                return Err(Error::Stopped);
            }
            if self.found.len() >= self.most {
                return Ok(());
            }
            let path = format!("{prefix}{}", shown(entry.name_bytes()));
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let below = format!("{path}/");
                    let before = self
                        .after
                        .is_some_and(|after| below < after.path && !after.path.starts_with(&below));
                    if !before && self.is_wanted(&path, true) {
                        self.directory(&self.repository.find_tree(entry.id())?, &below)?;
                    }
                }
                Some(ObjectType::Blob) => {
                    let before = self.after.is_some_and(|after| path < after.path);
                    if !before && self.is_wanted(&path, false) {
                        self.file(entry.id(), path)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_wanted(&self, path: &str, directory: bool) -> bool {
        let paths = &self.wanted.paths;
        let below = |path: &str, top: &str| {
            path.strip_prefix(top)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        paths.is_empty()
            || paths.iter().any(|wanted| {
                wanted.is_root()
                    || below(path, wanted.as_str())
                    || (directory && below(wanted.as_str(), path))
            })
    }

    fn file(&mut self, id: git2::Oid, path: String) -> Result<(), Error> {
        if self.repository.odb()?.read_header(id)?.0 > MAX_FILE {
            return Ok(());
        }
        let blob = self.repository.find_blob(id)?;
        let skip = self
            .after
            .filter(|after| after.path == path)
            .map_or(0, |after| after.line);
        let (matcher, found, most) = (&self.matcher, &mut self.found, self.most);
        let take = |line: u64, text: &str| {
            if line > skip {
                let at = matcher
                    .find(text.as_bytes())
                    .ok()
                    .flatten()
                    .map_or(0, |found| found.start());
                let text = text.trim_end_matches(['\n', '\r']);
                let end = text.floor_char_boundary(MAX_LINE);
                let mut shown = text.get(..end).unwrap_or(text).to_owned();
                if end < text.len() {
                    shown.push('…');
                }
                found.push(Found {
                    path: path.clone(),
                    line,
                    column: at + 1,
                    text: shown,
                });
            }
            Ok(found.len() < most)
        };
        Ok(self
            .searcher
            .search_slice(matcher, blob.content(), Lossy(take))?)
    }
}
