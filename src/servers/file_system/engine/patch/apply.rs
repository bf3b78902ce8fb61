//! Putting hunks into a file: each where it says and only there, or at the one other place that fits, which is told.

use std::collections::VecDeque;

use super::{Change, End, Hunk, Line};
use crate::servers::file_system::engine::{
    near_miss::{self, NearMiss},
    text,
};

/// What did not matter when a hunk was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    Nothing,
    /// How lines end; those put in end as the lines around them.
    LineEndings,
    /// That, and which bytes those are that are not UTF-8 and are shown as U+FFFD.
    InvalidBytes,
    /// All that, and white space at the ends of lines.
    TrailingSpace,
}

/// How a hunk was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Its first line in the old file, from 1.
    pub line: usize,
    /// How many lines further down than the patch said.
    pub offset: isize,
    pub ignored: Ignored,
}

/// Why a hunk was not. `hunk` counts from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// Its lines are nowhere.
    NotFound { hunk: usize, near: Option<NearMiss> },
    /// Its lines are in these places, from 1, and not where it says.
    Ambiguous { hunk: usize, lines: Vec<usize> },
    /// A line that `@@` names is not there.
    NoAnchor { hunk: usize, anchor: String },
    /// It has no line to be found by.
    NoPlace { hunk: usize },
}

/// The new lines, and what became of each hunk.
pub fn apply(old: &[Line], hunks: &[Hunk]) -> Result<(Vec<Line>, Vec<Done>), Misfit> {
    let style = style(old);
    let mut new: Vec<Line> = Vec::with_capacity(old.len());
    let mut all = Vec::with_capacity(hunks.len());
    let (mut cursor, mut shift) = (0, 0_isize);
    // The last line was put in without a word about its end.
    let mut tacit_end = false;
    for (index, hunk) in hunks.iter().enumerate() {
        let (at, ignored) = place(old, hunk, index, cursor, shift)?;
        if let Some(said) = hunk.at {
            shift = at as isize - said as isize;
        }
        all.push(Done {
            line: at + 1,
            offset: if hunk.at.is_some() { shift } else { 0 },
            ignored,
        });
        new.extend(old.iter().take(at).skip(cursor).cloned());
        cursor = at;
        // How the lines end that the next ones stand for.
        let mut replaced = VecDeque::new();
        for line in &hunk.lines {
            match line.change {
                Change::Context => {
                    new.extend(old.get(cursor).cloned());
                    cursor += 1;
                    tacit_end = false;
                    replaced.clear();
                }
                Change::Remove => {
                    replaced.extend(old.get(cursor).map(|line| line.end));
                    cursor += 1;
                }
                Change::Insert => {
                    let said = line.end.filter(|_| ignored == Ignored::Nothing);
                    tacit_end = said.is_none();
                    let like = replaced.pop_front().filter(|end| *end != End::None);
                    let tacit = || like.unwrap_or_else(|| end_at(old, cursor, style));
                    new.push(Line {
                        text: line.text.clone(),
                        end: said.unwrap_or_else(tacit),
                    });
                }
            }
        }
    }
    tacit_end &= cursor >= old.len();
    new.extend(old.iter().skip(cursor).cloned());
    let had_end = old.last().is_none_or(|line| line.end != End::None);
    if let Some((last, others)) = new.split_last_mut() {
        for line in others.iter_mut().filter(|line| line.end == End::None) {
            line.end = style;
        }
        if tacit_end {
            last.end = match (had_end, last.end) {
                (false, _) => End::None,
                (true, End::None) => style,
                (true, end) => end,
            };
        }
    }
    Ok((new, all))
}

/// How most lines end.
fn style(lines: &[Line]) -> End {
    let count = |end| lines.iter().filter(|line| line.end == end).count();
    if count(End::Crlf) > count(End::Lf) {
        End::Crlf
    } else {
        End::Lf
    }
}

/// The ending of the line at `at`, else of the one before it.
fn end_at(lines: &[Line], at: usize, style: End) -> End {
    let around = [
        lines.get(at),
        at.checked_sub(1).and_then(|at| lines.get(at)),
    ];
    let ends = around.into_iter().flatten().map(|line| line.end);
    ends.into_iter()
        .find(|end| *end != End::None)
        .unwrap_or(style)
}

/// Where the hunk belongs, at or after `cursor`.
fn place(
    old: &[Line],
    hunk: &Hunk,
    index: usize,
    cursor: usize,
    shift: isize,
) -> Result<(usize, Ignored), Misfit> {
    let from = after_anchors(old, hunk, index, cursor)?;
    let wanted: Vec<_> = hunk
        .lines
        .iter()
        .filter(|l| l.change != Change::Insert)
        .collect();
    if wanted.is_empty() {
        return match hunk.at {
            Some(at) if (cursor..=old.len()).contains(&at) => Ok((at, Ignored::Nothing)),
            None if hunk.at_end || old.is_empty() => Ok((old.len(), Ignored::Nothing)),
            None if !hunk.anchors.is_empty() => Ok((from, Ignored::Nothing)),
            _ => Err(Misfit::NoPlace { hunk: index }),
        };
    }
    let last = old.len().checked_sub(wanted.len());
    let not_found = || Misfit::NotFound {
        hunk: index,
        near: near(old, &wanted),
    };
    let last = last.ok_or_else(not_found)?;
    let levels = [
        Ignored::Nothing,
        Ignored::LineEndings,
        Ignored::InvalidBytes,
        Ignored::TrailingSpace,
    ];
    for ignored in levels {
        let fits = |at: usize| {
            let there = old.iter().skip(at);
            wanted.iter().zip(there).all(|(want, have)| match ignored {
                Ignored::Nothing => {
                    want.text == have.text && want.end.is_none_or(|end| end == have.end)
                }
                Ignored::LineEndings => want.text == have.text,
                Ignored::InvalidBytes => same(&want.text, &have.text),
                Ignored::TrailingSpace => same(want.text.trim_end(), have.text.trim_end()),
            })
        };
        if let Some(said) = hunk.at {
            let moved = said.saturating_add_signed(shift);
            if let Some(at) = [moved, said]
                .into_iter()
                .find(|at| (from..=last).contains(at) && fits(*at))
            {
                return Ok((at, ignored));
            }
        }
        if hunk.at_end && last >= from && fits(last) {
            return Ok((last, ignored));
        }
        let places: Vec<usize> = (from..=last).filter(|at| fits(*at)).collect();
        match places.as_slice() {
            [] => {}
            [one] => return Ok((*one, ignored)),
            // `@@` named the part of the file: the first place in it.
            [first, ..] if !hunk.anchors.is_empty() => return Ok((*first, ignored)),
            several => {
                return Err(Misfit::Ambiguous {
                    hunk: index,
                    lines: several.iter().take(20).map(|at| at + 1).collect(),
                });
            }
        }
    }
    Err(not_found())
}

/// Whether `want` is `have`, or what callers are shown of it.
fn same(want: &str, have: &str) -> bool {
    want == have || (want.contains(char::REPLACEMENT_CHARACTER) && want == text::shown(have))
}

/// The line after the last of the hunk's anchors: each is the first that fits after the one before, as it is written or, when
/// there is none, apart from the white space around it.
fn after_anchors(old: &[Line], hunk: &Hunk, index: usize, cursor: usize) -> Result<usize, Misfit> {
    let mut from = cursor;
    for anchor in &hunk.anchors {
        let rest = || old.iter().skip(from);
        let found = rest()
            .position(|line| line.text == *anchor)
            .or_else(|| rest().position(|line| line.text.trim() == anchor.trim()));
        from += 1 + found.ok_or_else(|| Misfit::NoAnchor {
            hunk: index,
            anchor: anchor.clone(),
        })?;
    }
    Ok(from)
}

fn near(old: &[Line], wanted: &[&super::HunkLine]) -> Option<NearMiss> {
    let join = |lines: &mut dyn Iterator<Item = &str>| {
        lines.fold(String::new(), |all, line| all + line + "\n")
    };
    let have = join(&mut old.iter().map(|line| line.text.as_str()));
    let want = join(&mut wanted.iter().map(|line| line.text.as_str()));
    near_miss::find(&have, &want)
}
