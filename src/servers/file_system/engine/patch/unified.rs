//! Unified diffs, plain ones and those of git.

use super::{Action, Change, End, FilePatch, Hunk, HunkLine, NoPatch};

/// Reads all files of a diff. What stands between them, such as a mail's text, is passed over.
pub(super) fn parse(lines: &[&str]) -> Result<Vec<FilePatch>, NoPatch> {
    let mut reader = Reader { lines, at: 0 };
    let mut files = Vec::new();
    while let Some(line) = reader.peek() {
        if line.starts_with("diff --git ") {
            files.push(reader.git_file()?);
        } else if line.starts_with("--- ") && reader.ahead(1).is_some_and(|l| l.starts_with("+++ "))
        {
            files.push(reader.file(Header::default())?);
        } else if line.starts_with("@@ -") {
            return Err(reader.wrong("a hunk without the --- and +++ lines that name its file"));
        } else {
            reader.at += 1;
        }
    }
    Ok(files)
}

/// What git says of a file before its hunks.
#[derive(Debug, Default)]
struct Header {
    git: bool,
    start: usize,
    /// Of `diff --git`, where old and new name are the same.
    name: Option<String>,
    from: Option<String>,
    to: Option<String>,
    old_mode: Option<String>,
    new_mode: Option<String>,
    added: bool,
    deleted: bool,
    copied: bool,
}

struct Reader<'l> {
    lines: &'l [&'l str],
    at: usize,
}

impl<'l> Reader<'l> {
    fn peek(&self) -> Option<&'l str> {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Option<&'l str> {
        self.lines.get(self.at + by).copied()
    }

    fn wrong(&self, what: impl Into<String>) -> NoPatch {
        NoPatch::at(self.at + 1, what)
    }

    fn git_file(&mut self) -> Result<FilePatch, NoPatch> {
        let names = self.peek().unwrap_or_default().trim_end();
        let names = names.strip_prefix("diff --git ").unwrap_or_default();
        let mut header = Header {
            git: true,
            start: self.at,
            name: same_name(names),
            ..Header::default()
        };
        self.at += 1;
        while let Some(line) = self.peek().map(|line| line.trim_end_matches('\r')) {
            if line.starts_with("--- ") {
                return self.file(header);
            }
            if line.starts_with("diff --git ") || line.starts_with("@@") {
                break;
            }
            let value = |word: &str| line.strip_prefix(word).map(str::to_owned);
            if line.starts_with("Binary files ") || line == "GIT binary patch" {
                return Err(self.wrong("binary changes are not taken: write the file otherwise"));
            } else if let Some(mode) = value("new file mode ") {
                (header.added, header.new_mode) = (true, Some(mode));
            } else if let Some(mode) = value("deleted file mode ") {
                (header.deleted, header.old_mode) = (true, Some(mode));
            } else if let Some(mode) = value("old mode ") {
                header.old_mode = Some(mode);
            } else if let Some(mode) = value("new mode ") {
                header.new_mode = Some(mode);
            } else if let Some(name) = value("rename from ") {
                header.from = Some(unquote(&name));
            } else if let Some(name) = value("rename to ") {
                header.to = Some(unquote(&name));
            } else if line.starts_with("copy from ") {
                header.copied = true;
            }
            self.at += 1;
        }
        finish(header, None, None, Vec::new())
    }

    /// From the `---` line on.
    fn file(&mut self, mut header: Header) -> Result<FilePatch, NoPatch> {
        if !header.git {
            header.start = self.at;
        }
        let old = self.peek().and_then(|line| line.strip_prefix("--- "));
        self.at += 1;
        let new = self.peek().and_then(|line| line.strip_prefix("+++ "));
        let (Some(old), Some(new)) = (old, new) else {
            return Err(self.wrong("a +++ line must follow the --- line"));
        };
        self.at += 1;
        let (old, new) = names(old, new, header.git);
        let mut hunks = Vec::new();
        while self.peek().is_some_and(|line| line.starts_with("@@")) {
            hunks.push(self.hunk()?);
        }
        finish(header, old, new, hunks)
    }

    fn hunk(&mut self) -> Result<Hunk, NoPatch> {
        let head = self.peek().unwrap_or_default();
        let range = Range::parse(head).ok_or_else(|| {
            self.wrong("a hunk starts with @@ -line,count +line,count @@; without line numbers use *** Begin Patch")
        })?;
        let mut hunk = Hunk {
            patch_line: self.at + 1,
            // Without old lines, the number is that of the line before.
            at: Some(if range.old == 0 {
                range.start
            } else {
                range.start.saturating_sub(1)
            }),
            ..Hunk::default()
        };
        self.at += 1;
        let (mut old, mut new) = (range.old, range.new);
        while old > 0 || new > 0 {
            let miscounted = || {
                NoPatch::at(
                    hunk.patch_line,
                    format!(
                        "the hunk says {} old and {} new lines, and has others: count again, or use *** Begin Patch, \
                         which needs no numbers",
                        range.old, range.new
                    ),
                )
            };
            let line = self.peek().ok_or_else(miscounted)?;
            let change = match line.bytes().next() {
                Some(b' ' | b'\r') | None => Change::Context,
                Some(b'-') => Change::Remove,
                Some(b'+') => Change::Insert,
                _ => return Err(miscounted()),
            };
            if change != Change::Insert {
                old = old.checked_sub(1).ok_or_else(miscounted)?;
            }
            if change != Change::Remove {
                new = new.checked_sub(1).ok_or_else(miscounted)?;
            }
            let text = line.strip_prefix([' ', '-', '+']).unwrap_or(line);
            let (text, end) = match text.strip_suffix('\r') {
                Some(text) => (text, End::Crlf),
                None => (text, End::Lf),
            };
            hunk.lines.push(HunkLine {
                change,
                text: text.to_owned(),
                end: Some(end),
            });
            self.at += 1;
            if self.peek().is_some_and(|line| line.starts_with('\\')) {
                if let Some(last) = hunk.lines.last_mut() {
                    // The `\r` of such a line is the line's own.
                    if last.end == Some(End::Crlf) {
                        last.text.push('\r');
                    }
                    last.end = Some(End::None);
                }
                self.at += 1;
            }
        }
        Ok(hunk)
    }
}

/// What the header and the hunks say together.
fn finish(
    header: Header,
    old: Option<String>,
    new: Option<String>,
    hunks: Vec<Hunk>,
) -> Result<FilePatch, NoPatch> {
    let wrong = |what: &str| NoPatch::at(header.start + 1, what);
    let modes = [&header.old_mode, &header.new_mode];
    if modes
        .into_iter()
        .flatten()
        .any(|mode| !mode.starts_with("100"))
    {
        return Err(wrong(
            "symbolic links and submodules are not patched, only files",
        ));
    }
    if header.copied {
        return Err(wrong(
            "copies are not taken: use copy_file, then patch the copy",
        ));
    }
    let executable = header.new_mode.as_deref().map(|mode| mode.ends_with("755"));
    let name = || header.name.clone();
    if header.added || (old.is_none() && new.is_some()) {
        let path = new.or_else(name).ok_or_else(|| wrong("no name"))?;
        let content = added(&hunks).ok_or_else(|| wrong("a new file has only + lines"))?;
        let executable = executable.unwrap_or(false);
        return Ok(FilePatch {
            path,
            action: Action::Add {
                content,
                executable,
            },
        });
    }
    if header.deleted || (new.is_none() && old.is_some()) {
        let path = old.or_else(name).ok_or_else(|| wrong("no name"))?;
        let action = Action::Delete { hunks };
        return Ok(FilePatch { path, action });
    }
    let renamed = header.from.is_some() && header.to.is_some();
    let path = header.from.or(old).or(header.name);
    let path =
        path.ok_or_else(|| wrong("the file's name cannot be told: give --- and +++ lines"))?;
    let to = if renamed { header.to } else { new };
    let to = to.filter(|to| *to != path);
    if hunks.is_empty() && to.is_none() && executable.is_none() {
        return Err(wrong("nothing is changed: there is no hunk"));
    }
    let action = Action::Update {
        to,
        hunks,
        executable,
    };
    Ok(FilePatch { path, action })
}

struct Range {
    start: usize,
    old: usize,
    new: usize,
}

impl Range {
    /// `@@ -1,2 +3,4 @@ …`; a count of 1 may be left out.
    fn parse(head: &str) -> Option<Self> {
        let (ranges, _) = head.strip_prefix("@@ -")?.split_once(" @@")?;
        let (old, new) = ranges.split_once(" +")?;
        let part = |text: &str| -> Option<(usize, usize)> {
            let (start, count) = text.split_once(',').unwrap_or((text, "1"));
            Some((start.parse().ok()?, count.parse().ok()?))
        };
        let ((start, old), (_, new)) = (part(old)?, part(new)?);
        Some(Self { start, old, new })
    }
}

/// The whole of a new file.
fn added(hunks: &[Hunk]) -> Option<String> {
    let mut text = String::new();
    for line in hunks.iter().flat_map(|hunk| &hunk.lines) {
        if line.change != Change::Insert {
            return None;
        }
        text.push_str(&line.text);
        text.push_str(match line.end {
            Some(End::Crlf) => "\r\n",
            Some(End::None) => "",
            _ => "\n",
        });
    }
    Some(text)
}

/// Old and new name; `None` for `/dev/null`. Git's prefixes are taken off, and those of a plain diff that has both.
fn names(old: &str, new: &str, git: bool) -> (Option<String>, Option<String>) {
    let (old, new) = (bare(old), bare(new));
    let (is_old, is_new) = (old != "/dev/null", new != "/dev/null");
    let has = |name: &str, prefix, there: bool| !there || name.starts_with(prefix);
    let prefixed = git || (has(&old, "a/", is_old) && has(&new, "b/", is_new));
    let strip = |name: String, prefix| match name.strip_prefix(prefix) {
        Some(rest) if prefixed => rest.to_owned(),
        _ => name,
    };
    (
        is_old.then(|| strip(old.clone(), "a/")),
        is_new.then(|| strip(new.clone(), "b/")),
    )
}

/// A name without the time stamp that `diff -u` puts after a tab, and without quotes.
fn bare(name: &str) -> String {
    let name = name.trim_end_matches('\r');
    if name.starts_with('"') {
        return unquote(name);
    }
    name.split('\t').next().unwrap_or_default().to_owned()
}

/// The name in `a/name b/name`, when both are the same: nothing else can be told apart for sure.
fn same_name(names: &str) -> Option<String> {
    if let Some(rest) = names.strip_prefix('"') {
        let (first, _) = rest.split_once("\" ")?;
        return unquote(&format!("\"{first}\""))
            .strip_prefix("a/")
            .map(str::to_owned);
    }
    let half = names.len().checked_sub(1)? / 2;
    let (old, new) = (names.get(..half)?, names.get(half + 1..)?);
    let (old, new) = (old.strip_prefix("a/")?, new.strip_prefix("b/")?);
    (old == new).then(|| old.to_owned())
}

/// Git's C-style quoting: `"caf\303\251"`. What is not quoted stays.
fn unquote(name: &str) -> String {
    let Some(inner) = name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return name.to_owned();
    };
    let mut bytes = Vec::new();
    let mut rest = inner.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'r') => bytes.push(b'\r'),
            Some(digit @ b'0'..=b'3') => {
                let mut value = digit - b'0';
                for _ in 0..2 {
                    if let Some(next @ b'0'..=b'7') = rest.peek().copied() {
                        value = value.wrapping_mul(8).wrapping_add(next - b'0');
                        rest.next();
                    }
                }
                bytes.push(value);
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
