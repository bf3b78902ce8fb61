//! Two trees compared by the git program, page by page: where many files were renamed, libgit2 takes several times as
//! long.

mod first;
mod lists;

use std::ops::ControlFlow;
use std::sync::Arc;

use git2::{Delta, Oid, Repository};

use super::diff::{After, FileDiff, Format, PAGE_BYTES, Page};
use super::status::Change;
use super::{Error, patch, shown};
use crate::base::beneath::RelPath;
use crate::servers::git::cli::{Command, Place, Program, Word};

pub use lists::Lists;

/// Most of a patch that is held at once, in bytes.
const MAX_SECTION: usize = 16 << 20;

/// The two trees, and what of them is compared.
#[derive(Clone, Copy)]
pub struct Trees<'t> {
    pub repository: &'t Repository,
    pub git: &'t Program,
    pub old: Oid,
    pub new: Oid,
    /// Unchanged lines around each change.
    pub context: u32,
}

/// Files that differ, by path.
#[derive(Debug, Clone)]
pub struct Listed {
    pub files: Arc<Vec<Raw>>,
    /// Whether all renames were looked for, or the first files are right only.
    pub whole: bool,
}

/// A file that differs, as its names are in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    path: Vec<u8>,
    from: Option<Vec<u8>>,
    change: Change,
    modes: (String, String),
}

impl Trees<'_> {
    fn command(&self) -> Command {
        self.git
            .command(Place::bare(self.repository), "diff-tree")
            .flag("-r")
            .flag("--find-renames")
            .flag("--no-ext-diff")
            .flag("--no-textconv")
            .variable("GIT_ATTR_SOURCE", self.new.to_string())
    }

    fn trees(&self, command: Command) -> Command {
        command
            .word(Word::object(self.old))
            .word(Word::object(self.new))
    }

    /// Every file that differs, from `lists` when it was asked before; for who has `enough` in the first ones no more than is
    /// needed for those.
    pub fn list(
        &self,
        lists: &Lists,
        paths: &[RelPath],
        enough: Option<usize>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Listed, Error> {
        let all = |files| Listed { files, whole: true };
        let place = self.repository.commondir().to_owned();
        let question = (place, self.old, self.new, paths.to_vec());
        if let Some(found) = lists.get(&question) {
            return Ok(all(found));
        }
        if let Some(enough) = enough
            && let Some(first) = self.first(paths, enough, stop)?
        {
            return Ok(Listed {
                files: Arc::new(first),
                whole: false,
            });
        }
        let found = Arc::new(self.look(paths, None, stop)?);
        lists.put(question, &found);
        Ok(all(found))
    }

    fn raw(&self) -> Command {
        self.command().flag("--raw").flag("-z").flag("--no-abbrev")
    }

    /// The list, with renames of files that are alike by `similarity`, by half unless given.
    fn look(
        &self,
        paths: &[RelPath],
        similarity: Option<&str>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<Raw>, Error> {
        let mut command = self.raw();
        if let Some(similarity) = similarity {
            command = command.option("--find-renames=", similarity);
        }
        let paths = paths.iter().filter(|path| !path.is_root());
        let said = self.trees(command).paths(paths).output(stop)?;
        Ok(read(&said))
    }

    /// The files after `after`, at most `limit`.
    pub fn page(
        &self,
        all: &[Raw],
        format: Format,
        after: Option<&After>,
        limit: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<Page, Error> {
        let start = all.partition_point(|raw| match after {
            Some(After {
                path,
                line: Some(_),
            }) => shown(&raw.path) < *path,
            Some(After { path, line: None }) => shown(&raw.path) <= *path,
            None => false,
        });
        let rest = all.get(start..).unwrap_or_default();
        let wanted = rest.get(..limit.min(rest.len())).unwrap_or_default();
        let mut skip = after.and_then(|after| after.line).unwrap_or(0);
        let mut texts = if format == Format::NameStatus {
            Vec::new()
        } else {
            self.texts(wanted, format, skip, stop)?
        };
        texts.reverse();
        let mut page = Page::default();
        let mut room = PAGE_BYTES;
        for raw in wanted {
            let mut item = raw.item();
            if format != Format::NameStatus {
                let Some(text) = texts.pop() else { break };
                text.count(&mut item, format);
                let whole = if format == Format::Stat || item.binary {
                    ""
                } else {
                    text.0.as_str()
                };
                let (piece, used) = patch::piece(whole, skip, room);
                if used == 0 && !whole.is_empty() && !page.items.is_empty() {
                    break;
                }
                room = room.saturating_sub(piece.len());
                item.continued = skip + used < whole.lines().count();
                item.patch = piece;
                if item.continued {
                    let line = skip + used;
                    page.next = Some(After {
                        path: item.path.clone(),
                        line: Some(line),
                    });
                    page.items.push(item);
                    return Ok(page);
                }
                skip = 0;
            }
            room = room.saturating_sub(item.path.len() + 96);
            page.items.push(item);
            if room == 0 {
                break;
            }
        }
        if start + page.items.len() < all.len() {
            page.next = page.items.last().map(|last| After {
                path: last.path.clone(),
                line: None,
            });
        }
        Ok(page)
    }

    /// The patches of `wanted` in order, until a page is full.
    fn texts(
        &self,
        wanted: &[Raw],
        format: Format,
        skip: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<Text>, Error> {
        let mut command = self
            .command()
            .flag("--patch")
            .flag("--full-index")
            .option("--unified=", self.context.to_string());
        if format == Format::Word {
            command = command.flag("--word-diff=plain");
        }
        let paths = wanted
            .iter()
            .flat_map(|raw| [Some(raw.path.as_slice()), raw.from.as_deref()])
            .flatten();
        let mut said = Vec::new();
        let mut starts = Vec::new();
        let (mut scanned, mut cut) = (0, false);
        self.trees(command)
            .raw_paths(paths)
            .each(stop, &mut |piece| {
                said.extend_from_slice(piece);
                scan(&said, &mut scanned, &mut starts);
                // Where the page goes on within a file, that file does not count.
                let base = if skip > 0 {
                    starts.get(1).copied().unwrap_or(usize::MAX)
                } else {
                    0
                };
                let whole = starts.last().map_or(0, |last| last.saturating_sub(base));
                cut = (format != Format::Stat && whole >= PAGE_BYTES) || said.len() > MAX_SECTION;
                if cut {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        if cut && starts.len() > 1 {
            // The last section may have been cut off.
            said.truncate(starts.pop().unwrap_or_default());
        }
        let ends = starts.iter().skip(1).copied().chain([said.len()]);
        let texts = starts
            .iter()
            .zip(ends)
            .map(|(start, end)| Text(shown(said.get(*start..end).unwrap_or_default())));
        Ok(texts.collect())
    }
}

/// Notes where sections start in what came since `scanned`. Within a section every line starts with another character.
fn scan(said: &[u8], scanned: &mut usize, starts: &mut Vec<usize>) {
    const START: &[u8] = b"diff --git ";
    while let Some(rest) = said.get(*scanned..) {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return;
        };
        if rest.starts_with(START) {
            starts.push(*scanned);
        }
        *scanned += end + 1;
    }
}

/// A file's section of a patch.
struct Text(String);

impl Text {
    fn count(&self, item: &mut FileDiff, format: Format) {
        let body = self.0.lines().skip_while(|line| !line.starts_with("@@"));
        item.binary = self
            .0
            .lines()
            .any(|line| line.starts_with("Binary files ") && line.ends_with(" differ"));
        if item.binary || format == Format::Word {
            return;
        }
        let (mut insertions, mut deletions) = (0, 0);
        for line in body {
            insertions += usize::from(line.starts_with('+'));
            deletions += usize::from(line.starts_with('-'));
        }
        item.insertions = Some(insertions);
        item.deletions = Some(deletions);
    }
}

impl Raw {
    fn item(&self) -> FileDiff {
        let both =
            !matches!(self.change, Change::Added | Change::Deleted) && self.modes.0 != self.modes.1;
        FileDiff {
            path: shown(&self.path),
            from: self.from.as_deref().map(shown),
            change: self.change,
            binary: false,
            insertions: None,
            deletions: None,
            modes: both.then(|| self.modes.clone()),
            patch: String::new(),
            continued: false,
        }
    }
}

/// Reads `--raw -z`: `:<mode> <mode> <id> <id> <status>`, then one path, or two after a rename or copy.
fn read(said: &[u8]) -> Vec<Raw> {
    let mut fields = said.split(|byte| *byte == 0);
    let mut all = Vec::new();
    while let Some(head) = fields.next().filter(|head| !head.is_empty()) {
        let head = shown(head);
        let mut words = head.trim_start_matches(':').split(' ');
        let (Some(old), Some(new), Some(status)) = (words.next(), words.next(), words.nth(2))
        else {
            break;
        };
        let delta = match status.chars().next() {
            Some('A') => Delta::Added,
            Some('D') => Delta::Deleted,
            Some('R') => Delta::Renamed,
            Some('C') => Delta::Copied,
            Some('T') => Delta::Typechange,
            _ => Delta::Modified,
        };
        let Some(first) = fields.next() else { break };
        let second = if matches!(delta, Delta::Renamed | Delta::Copied) {
            fields.next()
        } else {
            None
        };
        let Some(change) = Change::of_delta(delta) else {
            continue;
        };
        all.push(Raw {
            path: second.unwrap_or(first).to_vec(),
            from: second.map(|_| first.to_vec()),
            change,
            modes: (old.to_owned(), new.to_owned()),
        });
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_lines_are_read() {
        let said = b":100644 100755 1 2 M\0a\0:100644 100644 1 2 R090\0old\0b\0:000000 100644 0 2 A\0c\xff\0";
        let all = read(said);
        let seen: Vec<_> = all
            .iter()
            .map(|raw| (shown(&raw.path), raw.change, raw.from.clone()))
            .collect();
        assert_eq!(
            seen,
            [
                ("a".into(), Change::Modified, None),
                ("b".into(), Change::Renamed, Some(b"old".to_vec())),
                ("c\u{fffd}".into(), Change::Added, None)
            ]
        );
        assert_eq!(
            all[0].item().modes,
            Some(("100644".into(), "100755".into()))
        );
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(said in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            read(&said);
            scan(&said, &mut 0, &mut Vec::new());
        }
    }
}
