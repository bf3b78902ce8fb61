//! Content search with ripgrep's matcher and searcher, a page at a time.

use std::fs::File;

use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{
    BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkContextKind, SinkMatch,
};
use ignore::types::{Types, TypesBuilder};
use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

use super::find::Globs;
use crate::base::beneath::{Beneath, Error as FileError, Kind, RelPath};
use crate::project::workspace::{Step, Visit, WalkOptions, walk};

/// Longest shown line, in bytes.
const MAX_LINE: usize = 400;
/// Memory for one file in multi-line search, and for one line otherwise.
const HEAP: usize = 32 << 20;
/// Memory for one compiled expression.
const REGEX_SIZE: usize = 10 << 20;
/// Text of all matches on a page, in bytes.
const PAGE_BYTES: usize = 32 * 1024;

/// What is looked for and where.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub pattern: String,
    pub path: RelPath,
    /// Only files that match one of these; a glob without `/` matches names anywhere.
    pub globs: Vec<String>,
    /// Only files of these of ripgrep's types.
    pub types: Vec<String>,
    pub literal: bool,
    pub ignore_case: bool,
    pub word: bool,
    pub multiline: bool,
    pub hidden: bool,
    pub ignored: bool,
    pub context: usize,
    pub output: Output,
}

/// What a hit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    #[default]
    Lines,
    Files,
    Count,
}

/// Where a page ended: continue after this line of this file, or after the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    pub path: String,
    pub line: Option<u64>,
}

/// A matching line, file or count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hit {
    pub path: String,
    /// From 1; of the first line of a multi-line match.
    pub line: Option<u64>,
    pub text: String,
    pub before: Vec<String>,
    pub after: Vec<String>,
    pub count: Option<u64>,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    pub hits: Vec<Hit>,
    pub next: Option<After>,
    /// Files that were searched for this page.
    pub searched: u64,
    /// Files that could not be searched: unreadable, linked elsewhere, or too long a line.
    pub skipped: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("not a regular expression: {0}")]
    Pattern(String),
    #[error("not a glob: {0}")]
    Glob(String),
    #[error("{0:?} is not a file type: use names such as rust, py, js, ts, md, or a glob")]
    Type(String),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("stopped")]
    Stopped,
}

/// Searches after `after` until `limit` hits, the end of the page's bytes, or the end.
pub fn search(
    top: &Beneath,
    query: &Query,
    after: Option<&After>,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Page, SearchError> {
    let filter = Filter::new(query)?;
    let mut run = Run {
        query,
        matcher: matcher(query)?,
        searcher: searcher(query),
        page: Page::default(),
        bytes: 0,
        limit,
    };
    if top.kind(&query.path)? == Kind::File {
        let line = after.and_then(|after| after.line).unwrap_or(0);
        if after.is_none() || line > 0 {
            run.file(top.file(&query.path), &query.path, line);
        }
        return Ok(run.page);
    }
    let mut options = WalkOptions {
        hidden: query.hidden,
        ignored: query.ignored,
        ..WalkOptions::default()
    };
    if let Some(after) = after {
        let path = RelPath::parse(&after.path).map_err(|_| FileError::NotFound)?;
        if let Some(line) = after.line
            && run.file(top.file(&path), &path, line)
        {
            return Ok(run.page);
        }
        options.after = Some(path);
    }
    let mut stopped = false;
    walk(top, &query.path, &options, &mut |visit: &Visit<'_>| {
        if visit.kind != Kind::File || !filter.admits(visit, &query.path) {
            return Ok(Step::Continue);
        }
        stopped = stop();
        if stopped || run.file(visit.open(), visit.path, 0) {
            return Ok(Step::Stop);
        }
        Ok(Step::Continue)
    })?;
    if stopped {
        Err(SearchError::Stopped)
    } else {
        Ok(run.page)
    }
}

struct Run<'q> {
    query: &'q Query,
    matcher: RegexMatcher,
    searcher: Searcher,
    page: Page,
    bytes: usize,
    limit: usize,
}

impl Run<'_> {
    /// Searches the file at `path` for matches after line `after`. True when the page is full.
    fn file(
        &mut self,
        opened: Result<(File, Stat), FileError>,
        path: &RelPath,
        after: u64,
    ) -> bool {
        let Ok((file, _)) = opened else {
            self.page.skipped += 1;
            return false;
        };
        self.page.searched += 1;
        let mut sink = Collect {
            output: self.query.output,
            path: path.as_str(),
            after,
            room: self.limit - self.page.hits.len(),
            bytes: self.bytes,
            hits: Vec::new(),
            count: 0,
            pending: Vec::new(),
            full: false,
        };
        let done = self.searcher.search_file(&self.matcher, &file, &mut sink);
        if done.is_err() {
            self.page.skipped += 1;
        }
        if self.query.output != Output::Lines && sink.count > 0 {
            let count = (self.query.output == Output::Count).then_some(sink.count);
            sink.bytes += path.as_str().len() + 32;
            sink.hits.push(Hit {
                path: path.to_string(),
                count,
                ..Hit::default()
            });
        }
        self.bytes = sink.bytes;
        let stopped_inside = sink.full;
        self.page.hits.append(&mut sink.hits);
        let full = stopped_inside || self.page.hits.len() >= self.limit || self.bytes >= PAGE_BYTES;
        if full {
            let line = if stopped_inside {
                self.page.hits.last().and_then(|hit| hit.line)
            } else {
                None
            };
            self.page.next = Some(After {
                path: path.to_string(),
                line,
            });
        }
        full
    }
}

/// Takes what the searcher finds in one file.
struct Collect<'p> {
    output: Output,
    path: &'p str,
    after: u64,
    room: usize,
    bytes: usize,
    hits: Vec<Hit>,
    count: u64,
    /// Context lines that belong before the next match.
    pending: Vec<String>,
    full: bool,
}

impl Sink for Collect<'_> {
    type Error = std::io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        self.count += 1;
        match self.output {
            Output::Files => return Ok(false),
            Output::Count => return Ok(true),
            Output::Lines => {}
        }
        let before = std::mem::take(&mut self.pending);
        let line = found.line_number();
        if line.is_some_and(|line| line <= self.after) {
            return Ok(true);
        }
        if self.hits.len() >= self.room || (self.bytes >= PAGE_BYTES && !self.hits.is_empty()) {
            self.full = true;
            return Ok(false);
        }
        let text = shorten(found.bytes(), MAX_LINE * 4);
        self.bytes +=
            self.path.len() + text.len() + before.iter().map(String::len).sum::<usize>() + 48;
        self.hits.push(Hit {
            path: self.path.to_owned(),
            line,
            text,
            before,
            ..Hit::default()
        });
        Ok(true)
    }

    fn context(&mut self, _: &Searcher, context: &SinkContext<'_>) -> Result<bool, Self::Error> {
        let text = shorten(context.bytes(), MAX_LINE);
        match (context.kind(), self.hits.last_mut()) {
            (SinkContextKind::After, Some(hit)) => {
                self.bytes += text.len();
                hit.after.push(text);
            }
            (SinkContextKind::Before, _) => self.pending.push(text),
            _ => {}
        }
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> Result<bool, Self::Error> {
        self.pending.clear();
        Ok(true)
    }
}

/// One line, or the lines of a multi-line match, without the last ending.
fn shorten(bytes: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    let mut out: String = text.chars().take(most).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

fn matcher(query: &Query) -> Result<RegexMatcher, SearchError> {
    let mut builder = RegexMatcherBuilder::new();
    builder
        .multi_line(true)
        .case_insensitive(query.ignore_case)
        .word(query.word)
        .fixed_strings(query.literal)
        .size_limit(REGEX_SIZE)
        .dfa_size_limit(REGEX_SIZE);
    if !query.multiline {
        // `$` before `\r\n` too; and `\n` in the pattern is then an error that says so.
        builder.crlf(true).line_terminator(Some(b'\n'));
    }
    builder
        .build(&query.pattern)
        .map_err(|error| SearchError::Pattern(error.to_string()))
}

fn searcher(query: &Query) -> Searcher {
    let context = if query.output == Output::Lines {
        query.context
    } else {
        0
    };
    SearcherBuilder::new()
        .line_number(true)
        .multi_line(query.multiline)
        .before_context(context)
        .after_context(context)
        .binary_detection(BinaryDetection::quit(0))
        .heap_limit(Some(HEAP))
        .build()
}

struct Filter {
    globs: Option<Globs>,
    types: Option<Types>,
}

impl Filter {
    fn new(query: &Query) -> Result<Self, SearchError> {
        let globs = Globs::new(query.globs.iter().map(String::as_str))
            .map_err(|error| SearchError::Glob(error.to_string()))?;
        // ripgrep knows some 250 types: they are made ready only for who asks for one.
        let types = if query.types.is_empty() {
            None
        } else {
            let mut types = TypesBuilder::new();
            types.add_defaults();
            for name in &query.types {
                types.select(name);
            }
            let built = types.build();
            Some(built.map_err(|_| SearchError::Type(query.types.join(", ")))?)
        };
        Ok(Self {
            globs: (!globs.is_empty()).then_some(globs),
            types,
        })
    }

    /// Globs see the path from where the search started, and from the workspace.
    fn admits(&self, visit: &Visit<'_>, from: &RelPath) -> bool {
        let path = visit.path.as_str();
        let inner = path
            .get(
                if from.is_root() {
                    0
                } else {
                    from.as_str().len() + 1
                }..,
            )
            .unwrap_or(path);
        self.globs
            .as_ref()
            .is_none_or(|globs| globs.is_match(inner) || globs.is_match(path))
            && self
                .types
                .as_ref()
                .is_none_or(|types| types.matched(path, false).is_whitelist())
    }
}
