//! Text with its line endings set aside, so that it can be matched and edited as if every ending were `\n`.

use schemars::JsonSchema;
use serde::Serialize;

/// How the lines of a file end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum LineEnding {
    /// `\n`, or a file without any line ending.
    Lf,
    /// `\r\n`.
    Crlf,
    /// Both.
    Mixed,
}

impl LineEnding {
    pub fn of_counts(crlf: u64, all: u64) -> Self {
        match crlf {
            0 => Self::Lf,
            _ if crlf == all => Self::Crlf,
            _ => Self::Mixed,
        }
    }

    pub fn of(text: &str) -> Self {
        Self::of_counts(
            text.matches("\r\n").count() as u64,
            text.matches('\n').count() as u64,
        )
    }
}

/// `text` has only `\n`; the ending of line `i` was `\r\n` where `crlf[i]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    pub text: String,
    crlf: Vec<bool>,
}

impl Lines {
    pub fn split(raw: &str) -> Self {
        let mut text = String::with_capacity(raw.len());
        let mut crlf = Vec::new();
        for line in raw.split_inclusive('\n') {
            if let Some(start) = line.strip_suffix("\r\n") {
                text.push_str(start);
                text.push('\n');
                crlf.push(true);
            } else {
                text.push_str(line);
                crlf.extend(line.ends_with('\n').then_some(false));
            }
        }
        Self { text, crlf }
    }

    /// The text with its own endings.
    pub fn join(&self) -> String {
        if !self.crlf.contains(&true) {
            return self.text.clone();
        }
        let mut raw = String::with_capacity(self.text.len() + self.crlf.len());
        let mut endings = self.crlf.iter();
        for line in self.text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(start) if endings.next() == Some(&true) => {
                    raw.push_str(start);
                    raw.push_str("\r\n");
                }
                _ => raw.push_str(line),
            }
        }
        raw
    }

    /// Replaces `ranges` of `text` (ascending, not overlapping, at character boundaries) by `new`. The endings of the
    /// inserted lines follow the lines around them; a `\r\n` in `new` is kept as written.
    pub fn replace(&mut self, ranges: &[std::ops::Range<usize>], new: &str) {
        let new = Self::split(new);
        let mut text = String::with_capacity(self.text.len() + new.text.len());
        let mut crlf = Vec::with_capacity(self.crlf.len() + new.crlf.len());
        let mut done = 0;
        let mut ending = 0;
        for range in ranges {
            let kept = self.text.get(done..range.start).unwrap_or_default();
            let gone = self.text.get(range.clone()).unwrap_or_default();
            let kept_endings = kept.matches('\n').count();
            crlf.extend(self.crlf.iter().skip(ending).take(kept_endings));
            ending += kept_endings;
            let style = self.style_at(ending);
            crlf.extend(new.crlf.iter().map(|explicit| *explicit || style));
            ending += gone.matches('\n').count();
            text.push_str(kept);
            text.push_str(&new.text);
            done = range.end;
        }
        text.push_str(self.text.get(done..).unwrap_or_default());
        crlf.extend(self.crlf.iter().skip(ending));
        *self = Self { text, crlf };
    }

    /// The ending of line `at`, else of the line before it, else of none.
    fn style_at(&self, at: usize) -> bool {
        self.crlf
            .get(at)
            .or(self.crlf.last())
            .copied()
            .unwrap_or(false)
    }
}

#[cfg(test)]
#[allow(
    clippy::single_range_in_vec_init,
    reason = "one range is what is meant"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inserted_lines_take_the_endings_around_them() {
        let mut lines = Lines::split("a\r\nb\r\nc");
        lines.replace(&[2..3], "x\ny");
        assert_eq!(lines.join(), "a\r\nx\r\ny\r\nc");
        let mut mixed = Lines::split("a\nb\r\nc\n");
        mixed.replace(&[0..1, 4..5], "1\n2");
        assert_eq!(mixed.join(), "1\n2\nb\r\n1\n2\n");
        let mut plain = Lines::split("a\n");
        plain.replace(&[0..1], "x\r\ny");
        assert_eq!(plain.join(), "x\r\ny\n");
    }

    #[test]
    fn endings_are_named() {
        assert_eq!(LineEnding::of("a"), LineEnding::Lf);
        assert_eq!(LineEnding::of("a\r\n"), LineEnding::Crlf);
        assert_eq!(LineEnding::of("a\r\nb\n"), LineEnding::Mixed);
    }

    proptest! {
        #[test]
        fn splitting_loses_nothing(raw in "[ab\r\n]{0,30}") {
            prop_assert_eq!(Lines::split(&raw).join(), raw);
        }

        #[test]
        fn replacing_a_piece_by_itself_in_a_uniform_file_changes_nothing(
            lines in proptest::collection::vec("[ab]{0,3}", 1..6), crlf in any::<bool>(), from in 0_usize..8, len in 0_usize..8,
        ) {
            let raw = lines.join(if crlf { "\r\n" } else { "\n" });
            let mut split = Lines::split(&raw);
            let from = from.min(split.text.len());
            let to = (from + len).min(split.text.len());
            let piece = split.text[from..to].to_owned();
            split.replace(&[from..to], &piece);
            prop_assert_eq!(split.join(), raw);
        }
    }
}
