//! Where a text that is too long is cut.

use std::ops::Range;

/// Ends of the pieces that a text is broken into.
type Break = fn(&str) -> Vec<usize>;

/// Of prose, the coarsest break first.
pub const PROSE: &[Break] = &[lines, sentences, words, characters];
/// Of a program.
pub const CODE: &[Break] = &[blank_lines, lines, words, characters];

/// Parts of `text[bytes]` of at most `max` tokens each, in order and without gaps, cut at the coarsest `breaks` that do. Only
/// what has no break at all may be longer.
pub fn cut(
    text: &str,
    bytes: Range<usize>,
    breaks: &[Break],
    max: u32,
    tokens: &dyn Fn(&str) -> u32,
) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut open: Option<(Range<usize>, u32)> = None;
    let slice = |bytes: &Range<usize>| text.get(bytes.clone()).unwrap_or_default();
    let mut atoms = Vec::new();
    atomise(text, bytes, breaks, max, tokens, &mut atoms);
    for (atom, count) in atoms {
        match &mut open {
            Some((part, sum))
                if sum.saturating_add(count) <= max || slice(part).trim().is_empty() =>
            {
                part.end = atom.end;
                *sum = sum.saturating_add(count);
            }
            _ => {
                parts.extend(open.take().map(|(part, _)| part));
                open = Some((atom, count));
            }
        }
    }
    parts.extend(open.map(|(part, _)| part));
    parts
}

/// Pieces of at most `max` tokens with their counts, as coarse as can be.
fn atomise(
    text: &str,
    bytes: Range<usize>,
    breaks: &[Break],
    max: u32,
    tokens: &dyn Fn(&str) -> u32,
    atoms: &mut Vec<(Range<usize>, u32)>,
) {
    let slice = text.get(bytes.clone()).unwrap_or_default();
    let count = tokens(slice);
    let Some((first, finer)) = breaks.split_first().filter(|_| count > max) else {
        atoms.push((bytes, count));
        return;
    };
    let mut start = 0;
    for end in first(slice).into_iter().chain([slice.len()]) {
        if end > start {
            let piece = bytes.start + start..bytes.start + end;
            atomise(text, piece, finer, max, tokens, atoms);
            start = end;
        }
    }
}

fn lines(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(at, _)| at + 1).collect()
}

fn blank_lines(text: &str) -> Vec<usize> {
    let mut at = 0;
    let mut ends = Vec::new();
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.trim().is_empty() {
            ends.push(at);
        }
    }
    ends
}

fn sentences(text: &str) -> Vec<usize> {
    let marks = text.char_indices().zip(text.chars().skip(1));
    marks
        .filter_map(|((at, c), next)| match c {
            '。' | '！' | '？' => Some(at + c.len_utf8()),
            '.' | '!' | '?' | ';' if next.is_whitespace() => Some(at + 1 + next.len_utf8()),
            _ => None,
        })
        .collect()
}

fn words(text: &str) -> Vec<usize> {
    text.char_indices()
        .filter(|(_, c)| c.is_whitespace())
        .map(|(at, c)| at + c.len_utf8())
        .collect()
}

/// Runs of at most 64 characters: what has no white space has no better place.
fn characters(text: &str) -> Vec<usize> {
    text.char_indices()
        .skip(64)
        .step_by(64)
        .map(|(at, _)| at)
        .collect()
}
