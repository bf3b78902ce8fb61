//! The passage of a chunk that shows why it was found.

use std::{collections::HashSet, ops::Range};

use tantivy::tokenizer::TextAnalyzer;

use super::{Query, token};

/// Only this much of a chunk is looked at: a long table says what it is about at its top.
const LOOK: usize = 32 * 1024;

/// A passage and the words in it that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The passage.
    pub text: String,
    /// Where in `text` a word matched, in bytes, in order and apart from one another.
    pub highlights: Vec<Range<usize>>,
}

/// Makes snippets for one query.
pub struct Highlighter {
    analyzer: TextAnalyzer,
    stems: HashSet<String>,
}

impl Highlighter {
    /// For the words of `query`.
    pub fn new(query: &Query) -> Self {
        Self {
            analyzer: token::body(),
            stems: query.stems.iter().cloned().collect(),
        }
    }

    /// The passage of at most `max` bytes of `text` with most of the query's words in it.
    pub fn snippet(&mut self, text: &str, max: usize) -> Snippet {
        let text = text.get(..floor(text, LOOK)).unwrap_or(text);
        let matches = self.matches(text);
        let start = best_start(text, &matches, max);
        let end = word_end(text, start, max);
        let mut highlights: Vec<Range<usize>> = Vec::new();
        for found in matches {
            if found.bytes.start < start || found.bytes.end > end {
                continue;
            }
            let at = found.bytes.start - start..found.bytes.end - start;
            match highlights.last_mut() {
                // CJK bigrams overlap.
                Some(last) if last.end >= at.start => last.end = last.end.max(at.end),
                _ => highlights.push(at),
            }
        }
        Snippet {
            text: text.get(start..end).unwrap_or_default().to_owned(),
            highlights,
        }
    }

    fn matches(&mut self, text: &str) -> Vec<Match> {
        let mut matches = Vec::new();
        let stems = &self.stems;
        self.analyzer.token_stream(text).process(&mut |token| {
            if stems.contains(&token.text) {
                matches.push(Match {
                    bytes: token.offset_from..token.offset_to,
                    stem: token.text.clone(),
                });
            }
        });
        matches
    }
}

struct Match {
    bytes: Range<usize>,
    stem: String,
}

/// The start of the window that holds most different words, then most words, then stands first.
fn best_start(text: &str, matches: &[Match], max: usize) -> usize {
    let mut best = (0, 0);
    let mut start = 0;
    for (at, first) in matches.iter().enumerate() {
        let window: Vec<&Match> = matches
            .iter()
            .skip(at)
            .take_while(|other| other.bytes.end <= first.bytes.start + max * 3 / 4)
            .collect();
        let different: HashSet<&str> = window.iter().map(|found| found.stem.as_str()).collect();
        let worth = (different.len(), window.len());
        if worth > best {
            best = worth;
            start = first.bytes.start;
        }
        if at > 400 {
            break;
        }
    }
    if text.len() <= max {
        return 0;
    }
    // Some words before the first match, from the start of its line if that is near.
    let lead = floor(text, start.saturating_sub(max / 4));
    let before = text.get(lead..start).unwrap_or_default();
    let line = before.rfind('\n').map(|at| lead + at + 1);
    let word = before
        .find(char::is_whitespace)
        .map(|at| lead + at)
        .map(|at| {
            at + text
                .get(at..)
                .map_or(0, |rest| rest.len() - rest.trim_start().len())
        });
    if lead == 0 {
        return line.unwrap_or(0);
    }
    line.or(word).unwrap_or(lead).min(start)
}

/// `start + max`, or the end of a word shortly before.
fn word_end(text: &str, start: usize, max: usize) -> usize {
    let hard = floor(text, start.saturating_add(max));
    if hard >= text.len() {
        return text.len();
    }
    let window = text.get(start..hard).unwrap_or_default();
    window
        .rfind(char::is_whitespace)
        .filter(|&at| at > window.len() / 2)
        .map_or(hard, |at| start + at)
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn snippet(query: &str, text: &str, max: usize) -> Snippet {
        Highlighter::new(&Query::parse(query)).snippet(text, max)
    }

    #[test]
    fn it_shows_the_densest_passage_and_marks_the_words() {
        let text = format!(
            "{} lease here. {}\nA lease expires when its owner stops renewing leases.\n{}",
            "filler ".repeat(30),
            "padding ".repeat(30),
            "rest ".repeat(50)
        );
        let found = snippet("lease expiry expires", &text, 80);
        assert!(found.text.starts_with("A lease expires"), "{}", found.text);
        let marked: Vec<&str> = found
            .highlights
            .iter()
            .map(|r| &found.text[r.clone()])
            .collect();
        assert_eq!(marked, ["lease", "expires", "leases"]);
    }

    #[test]
    fn a_short_text_is_shown_whole_and_parts_of_identifiers_are_marked() {
        let found = snippet("user", "fn getUserById()", 100);
        assert_eq!(found.text, "fn getUserById()");
        assert_eq!(found.highlights.first(), Some(&(6..10)));
        assert_eq!(
            snippet("検索語", "全文検索語彙", 100).highlights.first(),
            Some(&(6..15))
        );
    }

    proptest! {
        #[test]
        fn highlights_lie_in_the_passage(text in "[a-c é漢字の\n.]{0,200}", max in 1usize..60) {
            let found = snippet("a b 漢字", &text, max);
            prop_assert!(text.contains(&found.text));
            prop_assert!(found.text.len() <= max.max(4) || found.text.len() <= text.len().min(max));
            for r in &found.highlights {
                prop_assert!(found.text.get(r.clone()).is_some_and(|s| !s.is_empty()));
            }
        }
    }
}
