//! A few lines of a file of any size, in bounded memory: one pass to survey it, one to take the lines.

use std::io::{self, Read, Seek, SeekFrom};

use super::etag::Etag;
use super::newline::LineEnding;
use super::text::is_binary;

/// Read at a time.
const BLOCK: usize = 64 * 1024;

/// What the first pass learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    pub etag: String,
    pub bytes: u64,
    /// Lines, counting a last one without ending.
    pub lines: u64,
    pub line_ending: LineEnding,
    /// Whether the last line has an ending; true for an empty file.
    pub final_newline: bool,
    pub binary: bool,
    /// The first bytes, for telling the encoding.
    pub start: Vec<u8>,
}

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// From line `first` (from 1), `count` of them or all.
    From { first: u64, count: Option<u64> },
    /// The last `count` lines.
    Tail { count: u64 },
}

/// The lines that were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub bytes: Vec<u8>,
    /// The first line, from 1.
    pub first: u64,
    /// The line after the last one, from 1.
    pub next: u64,
    /// The budget ran out before the wanted lines did.
    pub truncated: bool,
}

/// Reads the whole of `file` once, unless it starts like a binary one. `stop` is asked once a block.
pub fn survey(file: &mut impl Read, stop: &dyn Fn() -> bool) -> io::Result<Survey> {
    let mut block = vec![0; BLOCK];
    let mut etag = Etag::default();
    let mut start = Vec::new();
    let (mut bytes, mut newlines, mut crlf, mut last) = (0_u64, 0_u64, 0_u64, b'\n');
    loop {
        let filled = fill(file, &mut block)?;
        if filled.is_empty() {
            break;
        }
        check(stop)?;
        if bytes == 0 {
            start = filled.iter().take(8192).copied().collect();
            // It will not be shown: the rest of it need not be read.
            if is_binary(&start) {
                break;
            }
        }
        etag.update(filled);
        let (found, with_return) = count_endings(filled, last);
        newlines += found;
        crlf += with_return;
        bytes += filled.len() as u64;
        last = filled.last().copied().unwrap_or(last);
    }
    let final_newline = last == b'\n';
    Ok(Survey {
        etag: etag.finish(),
        bytes,
        lines: newlines + u64::from(!final_newline),
        line_ending: LineEnding::of_counts(crlf, newlines),
        final_newline,
        binary: is_binary(&start),
        start,
    })
}

/// How much may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub bytes: usize,
    /// What showing a line costs beyond its own bytes.
    pub per_line: usize,
}

/// Takes the wanted lines within `budget` and then whole lines only, except that a first line longer than the budget is
/// cut.
pub fn take(
    file: &mut (impl Read + Seek),
    lines: u64,
    wanted: Wanted,
    budget: Budget,
    stop: &dyn Fn() -> bool,
) -> io::Result<Taken> {
    let (first, count) = match wanted {
        Wanted::From { first, count } => (first.max(1), count),
        Wanted::Tail { count } => (lines.saturating_sub(count) + 1, Some(count)),
    };
    let end = count.map_or(u64::MAX, |count| first.saturating_add(count));
    file.seek(SeekFrom::Start(0))?;
    let mut block = vec![0; BLOCK];
    let mut taken = Taken {
        bytes: Vec::new(),
        first,
        next: first,
        truncated: false,
    };
    let mut line = 1;
    'blocks: loop {
        let filled = fill(file, &mut block)?;
        if filled.is_empty() {
            break;
        }
        check(stop)?;
        for piece in filled.split_inclusive(|b| *b == b'\n') {
            if line >= end {
                break 'blocks;
            }
            if line >= first {
                let overhead = usize::try_from(line - first)
                    .unwrap_or(usize::MAX)
                    .saturating_mul(budget.per_line);
                let room = budget
                    .bytes
                    .saturating_sub(taken.bytes.len())
                    .saturating_sub(overhead);
                if piece.len() > room {
                    cut(&mut taken, piece, room, line);
                    return Ok(taken);
                }
                taken.bytes.extend_from_slice(piece);
            }
            line += u64::from(piece.ends_with(b"\n"));
        }
    }
    taken.next = if taken.bytes.is_empty() || taken.bytes.ends_with(b"\n") {
        line.max(first)
    } else {
        line + 1
    };
    if taken.bytes.is_empty() {
        taken.next = first;
    }
    Ok(taken)
}

/// Ends at the last whole line, or, when there is none, within the first.
fn cut(taken: &mut Taken, piece: &[u8], room: usize, line: u64) {
    taken.truncated = true;
    if let Some(end) = taken.bytes.iter().rposition(|b| *b == b'\n') {
        taken.bytes.truncate(end + 1);
        taken.next = line;
    } else {
        taken.bytes.extend(piece.iter().take(room));
        // Not in the middle of a character.
        if let Err(error) = std::str::from_utf8(&taken.bytes)
            && error.error_len().is_none()
        {
            taken.bytes.truncate(error.valid_up_to());
        }
        taken.next = line + 1;
    }
}

fn fill<'b>(file: &mut impl Read, block: &'b mut [u8]) -> io::Result<&'b [u8]> {
    loop {
        match file.read(block) {
            Ok(length) => return Ok(block.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn check(stop: &dyn Fn() -> bool) -> io::Result<()> {
    if stop() {
        Err(io::Error::from(io::ErrorKind::TimedOut))
    } else {
        Ok(())
    }
}

/// `\n`s in `block`, and those after a `\r`, where `before` is the byte before the block.
#[allow(
    clippy::naive_bytecount,
    reason = "vectorised well enough, and hashing the block costs far more"
)]
fn count_endings(block: &[u8], before: u8) -> (u64, u64) {
    let newlines = block.iter().filter(|b| **b == b'\n').count() as u64;
    let at_start = before == b'\r' && block.first() == Some(&b'\n');
    let inside = block
        .iter()
        .zip(block.iter().skip(1))
        .filter(|pair| matches!(pair, (b'\r', b'\n')))
        .count();
    (newlines, inside as u64 + u64::from(at_start))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn go(text: &str, wanted: Wanted, budget: usize) -> (String, u64, u64, bool) {
        let mut file = Cursor::new(text.as_bytes());
        let survey = survey(&mut file, &|| false).unwrap();
        let budget = Budget {
            bytes: budget,
            per_line: 0,
        };
        let taken = take(&mut file, survey.lines, wanted, budget, &|| false).unwrap();
        (
            String::from_utf8(taken.bytes).unwrap(),
            taken.first,
            taken.next,
            taken.truncated,
        )
    }

    const ALL: Wanted = Wanted::From {
        first: 1,
        count: None,
    };

    #[test]
    fn head_middle_and_tail() {
        let text = "1\n2\n3\n4";
        assert_eq!(go(text, ALL, 99), (text.into(), 1, 5, false));
        assert_eq!(
            go(
                text,
                Wanted::From {
                    first: 2,
                    count: Some(2)
                },
                99
            ),
            ("2\n3\n".into(), 2, 4, false)
        );
        assert_eq!(
            go(text, Wanted::Tail { count: 2 }, 99),
            ("3\n4".into(), 3, 5, false)
        );
        assert_eq!(go(text, Wanted::Tail { count: 9 }, 99).0, text);
        assert_eq!(
            go(
                text,
                Wanted::From {
                    first: 9,
                    count: None
                },
                99
            ),
            (String::new(), 9, 9, false)
        );
        assert_eq!(go("", ALL, 99), (String::new(), 1, 1, false));
    }

    #[test]
    fn a_full_budget_ends_at_a_line_or_inside_the_first() {
        assert_eq!(go("aa\nbb\ncc\n", ALL, 7), ("aa\nbb\n".into(), 1, 3, true));
        assert_eq!(go("aéaéaé\nb\n", ALL, 5), ("aéa".into(), 1, 2, true));
    }

    #[test]
    fn what_a_line_costs_to_show_counts_too() {
        let budget = Budget {
            bytes: 20,
            per_line: 8,
        };
        let taken = take(&mut Cursor::new("a\nb\nc\nd\n"), 4, ALL, budget, &|| false).unwrap();
        assert_eq!(
            (taken.bytes.as_slice(), taken.next, taken.truncated),
            (&b"a\nb\n"[..], 3, true)
        );
    }

    #[test]
    fn endings_are_counted_over_block_borders() {
        let mut text = "x".repeat(BLOCK - 1);
        text.push_str("\r\nend\r\n");
        let survey = survey(&mut Cursor::new(text), &|| false).unwrap();
        assert_eq!(
            (survey.lines, survey.line_ending, survey.final_newline),
            (2, LineEnding::Crlf, true)
        );
    }

    #[test]
    fn a_stopped_call_stops_reading() {
        assert!(survey(&mut Cursor::new("x"), &|| true).is_err());
    }

    proptest! {
        /// Following `next` reads every line once.
        #[test]
        fn pages_join_to_the_whole(lines in proptest::collection::vec("[ab]{0,6}", 0..12), end in any::<bool>(), budget in 7_usize..20) {
            let text = lines.join("\n") + if end { "\n" } else { "" };
            let (mut joined, mut first) = (String::new(), 1);
            loop {
                let (page, _, next, truncated) = go(&text, Wanted::From { first, count: None }, budget);
                joined += &page;
                if !truncated { break; }
                prop_assert!(next > first);
                first = next;
            }
            prop_assert_eq!(joined, text);
        }
    }
}
