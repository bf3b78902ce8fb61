//! Exactly-once replacement, all or nothing.

use std::ops::Range;

use super::near_miss::{self, NearMiss};
use super::newline::Lines;

/// One replacement. Every `\n` in `old` also matches `\r\n`.
#[derive(Debug, Clone)]
pub struct Edit {
    pub old: String,
    pub new: String,
    /// Replace every occurrence instead of requiring exactly one.
    pub all: bool,
}

/// How an edit found its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched {
    Exactly,
    /// Only when white space at the ends of lines and between words was disregarded.
    ApartFromWhitespace,
}

/// What one edit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub matched: Matched,
    pub replacements: usize,
    /// First line that it changed, from 1, as numbered before this edit.
    pub line: usize,
}

/// Why nothing was changed. `index` counts the edits of the call from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("the text to replace is empty")]
    Empty { index: usize },
    #[error("the new text is the same as the old")]
    NoChange { index: usize },
    #[error("the text to replace is not in the file")]
    NotFound {
        index: usize,
        near: Option<NearMiss>,
    },
    #[error("the text to replace is in the file {count} times")]
    Ambiguous {
        index: usize,
        count: usize,
        lines: Vec<usize>,
    },
}

/// Most line numbers that an ambiguous edit lists.
const MAX_LISTED: usize = 20;

/// Applies `edits` one after the other, each to the result of the one before.
pub fn apply(raw: &str, edits: &[Edit]) -> Result<(String, Vec<Done>), EditError> {
    let mut lines = Lines::split(raw);
    let mut done = Vec::with_capacity(edits.len());
    for (index, edit) in edits.iter().enumerate() {
        done.push(one(&mut lines, edit, index)?);
    }
    Ok((lines.join(), done))
}

fn one(lines: &mut Lines, edit: &Edit, index: usize) -> Result<Done, EditError> {
    let old = Lines::split(&edit.old).text;
    if old.is_empty() {
        return Err(EditError::Empty { index });
    }
    if edit.old == edit.new {
        return Err(EditError::NoChange { index });
    }
    let exact: Vec<Range<usize>> = lines
        .text
        .match_indices(&old)
        .map(|(at, found)| at..at + found.len())
        .collect();
    let (matched, ranges, new) = match exact.len() {
        0 => {
            let (range, new) = without_whitespace(&lines.text, &old, &edit.new, index)?;
            (Matched::ApartFromWhitespace, vec![range], new)
        }
        1 => (Matched::Exactly, exact, edit.new.clone()),
        _ if edit.all => (Matched::Exactly, exact, edit.new.clone()),
        count => {
            let starts = exact.iter().map(|range| range.start);
            return Err(EditError::Ambiguous {
                index,
                count,
                lines: line_numbers(&lines.text, starts),
            });
        }
    };
    let line = ranges
        .first()
        .map_or(1, |range| line_of(&lines.text, range.start));
    lines.replace(&ranges, &new);
    Ok(Done {
        matched,
        replacements: ranges.len(),
        line,
    })
}

/// The second try: whole lines that are equal word by word. The new text is indented as the file is.
fn without_whitespace(
    text: &str,
    old: &str,
    new: &str,
    index: usize,
) -> Result<(Range<usize>, String), EditError> {
    let wanted: Vec<&str> = old.strip_suffix('\n').unwrap_or(old).split('\n').collect();
    let not_found = || EditError::NotFound {
        index,
        near: near_miss::find(text, old),
    };
    if wanted.iter().all(|line| line.trim().is_empty()) {
        return Err(not_found());
    }
    let lines: Vec<(usize, &str)> = with_offsets(text);
    let same = |have: &str, want: &str| have.split_whitespace().eq(want.split_whitespace());
    let found: Vec<&[(usize, &str)]> = lines
        .windows(wanted.len())
        .filter(|window| {
            window
                .iter()
                .zip(&wanted)
                .all(|((_, have), want)| same(have, want))
        })
        .collect();
    let window = match found.as_slice() {
        [] => return Err(not_found()),
        [window] => *window,
        several => {
            let starts = several
                .iter()
                .filter_map(|window| window.first())
                .map(|(at, _)| *at);
            let lines = line_numbers(text, starts);
            return Err(EditError::Ambiguous {
                index,
                count: several.len(),
                lines,
            });
        }
    };
    let (Some((start, _)), Some((last, last_line))) = (window.first(), window.last()) else {
        return Err(not_found());
    };
    let mut end = last + last_line.len();
    // `old` took the line's ending with it only if it was written with one.
    if !old.ends_with('\n') {
        end -= usize::from(last_line.ends_with('\n'));
    }
    let have = window
        .iter()
        .map(|(_, line)| *line)
        .find(|line| !line.trim().is_empty());
    let want = wanted.iter().find(|line| !line.trim().is_empty());
    let new = match (have, want) {
        (Some(have), Some(want)) => reindent(new, indent(want), indent(have)),
        _ => new.to_owned(),
    };
    Ok((*start..end, new))
}

/// Lines with their endings, and where they start.
fn with_offsets(text: &str) -> Vec<(usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let start = at;
            at += line.len();
            (start, line)
        })
        .collect()
}

fn indent(line: &str) -> &str {
    let width = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(..width).unwrap_or_default()
}

/// `text` with `from` at the start of its lines turned into `to`.
fn reindent(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.strip_prefix(from) {
            Some(rest) if !line.trim().is_empty() => {
                out.push_str(to);
                out.push_str(rest);
            }
            _ => out.push_str(line),
        }
    }
    out
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

fn line_numbers(text: &str, starts: impl Iterator<Item = usize>) -> Vec<usize> {
    starts
        .take(MAX_LISTED)
        .map(|at| line_of(text, at))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edit(old: &str, new: &str) -> Edit {
        Edit {
            old: old.into(),
            new: new.into(),
            all: false,
        }
    }

    #[test]
    fn a_dollar_is_a_dollar_and_crlf_stays() {
        let (text, done) = apply("a\r\nb $1\r\n", &[edit("a\nb $1", "x\n$& $1")]).unwrap();
        assert_eq!(text, "x\r\n$& $1\r\n");
        assert_eq!(
            done,
            [Done {
                matched: Matched::Exactly,
                replacements: 1,
                line: 1
            }]
        );
    }

    #[test]
    fn three_places_are_counted_and_named_and_nothing_changes() {
        let error = apply("a\nb\na\na\n", &[edit("b", "c"), edit("a", "x")]).unwrap_err();
        assert_eq!(
            error,
            EditError::Ambiguous {
                index: 1,
                count: 3,
                lines: vec![1, 3, 4]
            }
        );
        let all = Edit {
            all: true,
            ..edit("a", "x")
        };
        assert_eq!(apply("a\nb\na\na\n", &[all]).unwrap().0, "x\nb\nx\nx\n");
    }

    #[test]
    fn a_second_try_forgives_whitespace_and_keeps_the_files_indentation() {
        let file = "fn f() {\n\tif x {\n\t\tgo( );\n\t}\n}\n";
        let (text, done) = apply(
            file,
            &[edit("if x {\n    go( ); \n}", "if y {\n    go();\n}")],
        )
        .unwrap();
        assert_eq!(done[0].matched, Matched::ApartFromWhitespace);
        assert_eq!(
            text,
            "fn f() {\n\tif y {\n    go();\n}\n}\n"
                .replace("\n    go", "\n\t    go")
                .replace("\n}\n}", "\n\t}\n}")
        );
        let twice = apply("  a b\n a  b\n", &[edit("a b ", "x")]).unwrap_err();
        assert_eq!(
            twice,
            EditError::Ambiguous {
                index: 0,
                count: 2,
                lines: vec![1, 2]
            }
        );
    }

    #[test]
    fn what_is_not_there_shows_what_is_nearest() {
        let Err(EditError::NotFound {
            index: 0,
            near: Some(near),
        }) = apply(
            "let total = sum(items);\n",
            &[edit("let total = sum(item);", "x")],
        )
        else {
            panic!("expected a near miss");
        };
        assert_eq!(
            (near.line, near.text.as_str()),
            (1, "let total = sum(items);\n")
        );
        assert_eq!(
            apply("a", &[edit("", "x")]),
            Err(EditError::Empty { index: 0 })
        );
        assert_eq!(
            apply("a", &[edit("a", "a")]),
            Err(EditError::NoChange { index: 0 })
        );
    }

    #[test]
    fn a_line_taken_with_its_ending_is_replaced_with_its_ending() {
        let (text, _) = apply("  a   b\nc\n", &[edit("a b\n", "")]).unwrap();
        assert_eq!(text, "c\n");
        let (text, _) = apply("  a   b\nc\n", &[edit("a b", "x")]).unwrap();
        assert_eq!(text, "  x\nc\n");
    }

    proptest! {
        /// Editing somewhere leaves every byte elsewhere, and undoing an edit gives the file back.
        #[test]
        fn an_edit_can_be_undone(before in "[a-c\r\n \u{10FF80}]{0,20}", after in "[a-c\r\n \u{10FF80}]{0,20}") {
            let raw = format!("{before}\nTHE-OLD\n{after}");
            let (changed, _) = apply(&raw, &[edit("THE-OLD", "the-new")]).unwrap();
            prop_assert_eq!(&changed, &raw.replace("THE-OLD", "the-new"));
            prop_assert_eq!(apply(&changed, &[edit("the-new", "THE-OLD")]).unwrap().0, raw);
        }
    }
}
