//! A text with the places of its lines.

use std::ops::Range;

/// A text and where each of its lines starts.
pub struct Lines<'t> {
    pub text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub fn of(text: &'t str) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            starts.push(at);
            at += line.len();
        }
        Self { text, starts }
    }

    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// The bytes of lines `from..to` (counted from 0), line ends included.
    pub fn bytes(&self, from: usize, to: usize) -> Range<usize> {
        let at = |line: usize| self.starts.get(line).copied().unwrap_or(self.text.len());
        at(from)..at(to)
    }

    /// Line `index` without its line end.
    pub fn get(&self, index: usize) -> Option<&'t str> {
        if index >= self.len() {
            return None;
        }
        self.text
            .get(self.bytes(index, index + 1))
            .map(|line| line.trim_end_matches(['\n', '\r']))
    }

    pub fn slice(&self, bytes: Range<usize>) -> &'t str {
        self.text.get(bytes).unwrap_or_default()
    }

    /// The line that `byte` stands on, counted from 1.
    pub fn number(&self, byte: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|&start| start <= byte).max(1))
            .unwrap_or(u32::MAX)
    }
}
