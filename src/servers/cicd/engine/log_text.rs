//! Logs as text for a reader: the end, a window, or the lines that match; without terminal colours, within bounds.

use std::{io, path::Path};

use grep_matcher::Matcher;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};

use super::log;

/// Bytes scanned at once.
const CHUNK: usize = 256 * 1024;
/// Longest line that is matched or kept whole.
const MAX_LINE: usize = 4096;

/// Text of a log, and where it stands in the whole output.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    /// Byte offset of the first byte.
    pub from: u64,
    /// Byte offset at which to go on; at the end of the log, its length.
    pub next: u64,
    /// Bytes of the whole output so far.
    pub total: u64,
}

/// A pattern that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("not a regular expression: {0}")]
    Pattern(#[from] grep_regex::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The last `lines` lines, at most `max` bytes of them.
pub fn tail(log: &Path, lines: usize, max: usize) -> io::Result<Text> {
    let total = log::total(log)?;
    let start = total.saturating_sub(max as u64);
    let Some(piece) = log::read(log, start, max)? else {
        return Ok(Text {
            from: total,
            next: total,
            total,
            ..Text::default()
        });
    };
    let body = piece.bytes.strip_suffix(b"\n").unwrap_or(&piece.bytes);
    let mut cut = body
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1);
    let keep = match cut.nth(lines.saturating_sub(1)) {
        Some(at) => at,
        // Fewer lines than asked for: drop the half line at the cut, if it is not all there is.
        None if piece.offset > 0 => body
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1),
        None => 0,
    };
    let kept = piece.bytes.get(keep..).unwrap_or_default();
    let from = piece.offset + keep as u64;
    Ok(Text {
        text: plain(kept),
        from,
        next: from + kept.len() as u64,
        total,
    })
}

/// Up to `max` bytes from `offset` on, ending with a whole line where one fits.
pub fn window(log: &Path, offset: u64, max: usize) -> io::Result<Text> {
    let total = log::total(log)?;
    let Some(piece) = log::read(log, offset, max)? else {
        return Ok(Text {
            from: total.min(offset),
            next: total,
            total,
            ..Text::default()
        });
    };
    let mut kept = piece.bytes.as_slice();
    if piece.offset + (kept.len() as u64) < total
        && let Some(end) = kept.iter().rposition(|byte| *byte == b'\n')
    {
        kept = kept.get(..=end).unwrap_or(kept);
    }
    Ok(Text {
        text: plain(kept),
        from: piece.offset,
        next: piece.offset + kept.len() as u64,
        total,
    })
}

/// Lines from `offset` on that match `pattern`, each as `offset: line`, until `max` bytes are full.
pub fn grep(
    log: &Path,
    pattern: &str,
    offset: u64,
    max: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Text, Error> {
    let matcher = RegexMatcherBuilder::new()
        .size_limit(1 << 20)
        .build(pattern)?;
    let total = log::total(log)?;
    let mut found = Text {
        from: offset,
        next: offset,
        total,
        ..Text::default()
    };
    while !stop() {
        let Some(piece) = log::read(log, found.next, CHUNK)? else {
            found.next = total;
            break;
        };
        let last = piece.offset + piece.bytes.len() as u64 >= total;
        found.next = piece.offset;
        let mut lines = piece
            .bytes
            .split_inclusive(|byte| *byte == b'\n')
            .peekable();
        while let Some(line) = lines.next() {
            let whole =
                line.ends_with(b"\n") || last || piece.bytes.len() < CHUNK || line.len() >= CHUNK;
            if !whole && lines.peek().is_none() {
                break; // The rest of this line comes with the next chunk.
            }
            if !push(&mut found, &matcher, line, max) {
                return Ok(found);
            }
            found.next += line.len() as u64;
        }
    }
    Ok(found)
}

/// Adds the line if it matches; false when it no longer fits.
fn push(found: &mut Text, matcher: &RegexMatcher, line: &[u8], max: usize) -> bool {
    let line = plain(line.get(..MAX_LINE).unwrap_or(line));
    let line = line.trim_end();
    if !matcher.is_match(line.as_bytes()).unwrap_or(false) {
        return true;
    }
    let entry = format!("{}: {line}\n", found.next);
    if !found.text.is_empty() && found.text.len() + entry.len() > max {
        return false;
    }
    found.text.push_str(&entry);
    true
}

/// UTF-8 without terminal control sequences; carriage returns within a line (progress bars) keep only what they leave.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (body, end) = line
            .strip_suffix('\n')
            .map_or((line, ""), |body| (body, "\n"));
        let body = body.strip_suffix('\r').unwrap_or(body);
        strip(body.rsplit('\r').next().unwrap_or(body), &mut out);
        out.push_str(end);
    }
    out
}

/// ECMA-48 control sequences (`ESC [ … final`), operating system commands (`ESC ] … BEL`), and other controls.
fn strip(line: &str, out: &mut String) {
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\\') {},
                _ => {}
            },
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        log::LogWriter::create(dir.path(), 1 << 20)
            .unwrap()
            .write(text.as_bytes())
            .unwrap();
        dir
    }

    #[test]
    fn the_tail_is_whole_lines() {
        let log = log_of("one\ntwo\nthree\n");
        assert_eq!(tail(log.path(), 2, 1000).unwrap().text, "two\nthree\n");
        assert_eq!(tail(log.path(), 9, 1000).unwrap().text, "one\ntwo\nthree\n");
        let cut = tail(log.path(), 9, 9).unwrap();
        assert_eq!(
            (cut.text.as_str(), cut.from, cut.next, cut.total),
            ("three\n", 8, 14, 14)
        );
    }

    #[test]
    fn windows_join_to_the_whole_log() {
        let text: String = (0..500).map(|n| format!("line {n}\n")).collect();
        let log = log_of(&text);
        let (mut all, mut at) = (String::new(), 0);
        loop {
            let window = window(log.path(), at, 100).unwrap();
            if window.text.is_empty() {
                break;
            }
            all.push_str(&window.text);
            at = window.next;
        }
        assert_eq!(all, text);
    }

    #[test]
    fn grep_says_where_and_can_go_on() {
        let log = log_of("a error 1\nb\nc Error 2\nd error 3\n");
        let first = grep(log.path(), "(?i)error", 0, 30, &|| false).unwrap();
        assert_eq!(first.text, "0: a error 1\n12: c Error 2\n");
        let rest = grep(log.path(), "(?i)error", first.next, 30, &|| false).unwrap();
        assert_eq!((rest.text.as_str(), rest.next), ("22: d error 3\n", 32));
        assert!(matches!(
            grep(log.path(), "(", 0, 30, &|| false),
            Err(Error::Pattern(_))
        ));
    }

    #[test]
    fn colours_and_progress_bars_are_gone() {
        assert_eq!(
            plain(b"\x1b[31mred\x1b[0m\r\n10%\r100%\nx\x1b]0;title\x07y\n\xff\n"),
            "red\n100%\nxy\n\u{fffd}\n"
        );
    }
}
