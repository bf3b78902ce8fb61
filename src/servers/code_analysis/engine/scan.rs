//! The source files below a directory, each with its definitions.

use std::{
    collections::BTreeMap,
    io::Read,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustix::fs::Stat;

use super::{
    cache::{Cache, Outcome, Parsed, Stamp, content_of},
    language::Language,
    parse,
    source::{self, Skip},
};
use crate::{
    base::beneath::{Beneath, Error, Kind, RelPath},
    project::workspace::{Step, WalkOptions, walk},
};

/// A file changed less than this before a reading may change again within the same tick of the file system's clock.
const SETTLED_NS: i128 = 2_000_000_000;
/// Threads of one scan.
const MOST_THREADS: usize = 4;

/// A file with its definitions.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: String,
    pub parsed: Arc<Parsed>,
}

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// In the order of their paths' components.
    pub files: Vec<Source>,
    /// How many files were left out, and why.
    pub skipped: BTreeMap<Skip, usize>,
}

/// How to scan.
pub struct Scanner<'a> {
    pub cache: &'a Cache,
    /// Largest file, in bytes.
    pub max_bytes: u64,
    /// The time now, in milliseconds since the Unix epoch.
    pub now_ms: i64,
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl Scanner<'_> {
    /// The source files at and below `at`. A file that is named itself is told even when a program wrote it.
    pub fn scan(&self, files: &Beneath, at: &RelPath) -> Result<Scan, Error> {
        if files.kind(at)? == Kind::File {
            let language = Language::of(at.as_str());
            let outcomes =
                language.map(|language| (at.as_str().to_owned(), self.file(files, at, language)));
            return Ok(collect(outcomes, true));
        }
        let mut paths = Vec::new();
        let options = WalkOptions::default();
        walk(files, at, &options, &mut |visit| {
            if (self.stop)() {
                return Ok(Step::Stop);
            }
            if visit.kind == Kind::File
                && let Some(language) = Language::of(visit.path.as_str())
            {
                paths.push((visit.path.clone(), language));
            }
            Ok(Step::Continue)
        })?;
        Ok(collect(self.all(files, &paths), false))
    }

    /// Reads and parses on several threads, in the order given.
    fn all(&self, files: &Beneath, paths: &[(RelPath, Language)]) -> Vec<(String, Outcome)> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(paths.len()));
        let work = || {
            let mut own = Vec::new();
            while !(self.stop)() {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((path, language)) = paths.get(at) else {
                    break;
                };
                own.push((
                    at,
                    path.as_str().to_owned(),
                    self.file(files, path, *language),
                ));
            }
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(&mut own);
        };
        let threads = thread::available_parallelism()
            .map_or(1, |n| n.get().min(MOST_THREADS))
            .min(paths.len() / 64 + 1);
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(at, ..)| *at);
        done.into_iter()
            .map(|(_, path, outcome)| (path, outcome))
            .collect()
    }

    fn file(&self, files: &Beneath, path: &RelPath, language: Language) -> Outcome {
        let (file, stat) = files.file(path).map_err(|_| Skip::Unreadable)?;
        let (stamp, inode) = stamp(&stat);
        if stamp.size > self.max_bytes {
            return Err(Skip::TooLarge);
        }
        if let Some(content) = self.cache.content(inode, stamp)
            && let Some(outcome) = self.cache.parse(language, &content)
        {
            return outcome;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0) + 1);
        file.take(self.max_bytes + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| Skip::Unreadable)?;
        if bytes.len() as u64 > self.max_bytes {
            return Err(Skip::TooLarge);
        }
        let content = content_of(&bytes);
        if stamp.changed.max(stamp.modified) + SETTLED_NS < i128::from(self.now_ms) * 1_000_000 {
            self.cache.note(inode, stamp, content);
        }
        if let Some(outcome) = self.cache.parse(language, &content) {
            return outcome;
        }
        let outcome = parsed(language, &bytes);
        self.cache.keep(language, content, outcome.clone());
        outcome
    }
}

fn parsed(language: Language, bytes: &[u8]) -> Outcome {
    let text = source::decode(bytes)?;
    if source::is_minified(&text) {
        return Err(Skip::Minified);
    }
    let symbols = parse::symbols(language, &text)?;
    Ok(Arc::new(Parsed {
        symbols,
        generated: source::is_generated(&text),
    }))
}

fn collect(outcomes: impl IntoIterator<Item = (String, Outcome)>, generated: bool) -> Scan {
    let mut scan = Scan::default();
    for (path, outcome) in outcomes {
        let outcome = outcome.and_then(|parsed| {
            if parsed.generated && !generated {
                Err(Skip::Generated)
            } else {
                Ok(parsed)
            }
        });
        match outcome {
            Ok(parsed) => scan.files.push(Source { path, parsed }),
            Err(skip) => *scan.skipped.entry(skip).or_default() += 1,
        }
    }
    scan
}

#[allow(
    clippy::useless_conversion,
    reason = "the fields of stat differ between architectures"
)]
fn stamp(stat: &Stat) -> (Stamp, (u64, u64)) {
    let nanos = |seconds: i64, rest: i128| i128::from(seconds) * 1_000_000_000 + rest;
    let stamp = Stamp {
        size: u64::try_from(stat.st_size).unwrap_or(u64::MAX),
        modified: nanos(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
        changed: nanos(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
    };
    (stamp, (stat.st_dev.into(), stat.st_ino.into()))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn scan(root: &std::path::Path, cache: &Cache, now_ms: i64) -> Vec<String> {
        let scanner = Scanner {
            cache,
            max_bytes: 1000,
            now_ms,
            stop: &|| false,
        };
        let scan = scanner
            .scan(&Beneath::open(root).unwrap(), &RelPath::root())
            .unwrap();
        let names = |source: &Source| {
            let names: Vec<&str> = source
                .parsed
                .symbols
                .iter()
                .map(|symbol| symbol.name.as_str())
                .collect();
            format!("{} {}", source.path, names.join(","))
        };
        let skipped = scan
            .skipped
            .iter()
            .map(|(skip, n)| format!("{} {n}", skip.as_str()));
        scan.files.iter().map(names).chain(skipped).collect()
    }

    #[test]
    fn reads_what_is_source_and_counts_what_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/b.py"), "def two(): pass\n").unwrap();
        fs::write(dir.path().join("a.rs"), "fn one() {}\n").unwrap();
        fs::write(dir.path().join("big.rs"), "x".repeat(1001)).unwrap();
        fs::write(dir.path().join("bin.rs"), "a\0b").unwrap();
        fs::write(dir.path().join("gen.rs"), "// @generated\nfn made() {}\n").unwrap();
        fs::write(dir.path().join("notes.txt"), "fn no() {}").unwrap();
        fs::write(dir.path().join(".gitignore"), "out/\n").unwrap();
        fs::create_dir(dir.path().join("out")).unwrap();
        fs::write(dir.path().join("out/c.rs"), "fn no() {}\n").unwrap();
        symlink("/etc", dir.path().join("etc")).unwrap();
        let found = scan(dir.path(), &Cache::new(1000), 0);
        assert_eq!(
            found,
            [
                "a.rs one",
                "sub/b.py two",
                "too_large 1",
                "binary 1",
                "generated 1"
            ]
        );
    }

    #[test]
    fn an_edit_is_seen_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(1000);
        for (name, now) in [
            ("one", 0),
            ("two", i64::MAX / 2_000_000),
            ("six", i64::MAX / 2_000_000),
        ] {
            fs::write(dir.path().join("a.rs"), format!("fn {name}() {{}}\n")).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(scan(dir.path(), &cache, now), [format!("a.rs {name}")]);
            assert_eq!(scan(dir.path(), &cache, now), [format!("a.rs {name}")]);
        }
    }
}
