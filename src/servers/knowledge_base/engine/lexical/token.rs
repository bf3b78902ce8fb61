//! Tokenisers. `body` takes identifiers apart and reduces words to their stems; `exact` keeps them whole.
//!
//! | text | body | exact |
//! |---|---|---|
//! | `getUserByID` | get user by id | getuserbyid |
//! | `HTTPServer2` | http server 2 | httpserver2 |
//! | `std::fs::read_dir` | std fs read dir | std fs read_dir std::fs::read_dir |
//! | `検索する` | 検索 索す する | 検 索 す る |

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, Stemmer, TextAnalyzer, Token,
    TokenStream, Tokenizer,
};

pub const BODY: &str = "kb_body";
pub const EXACT: &str = "kb_exact";
/// Longer runs are data, not words.
const MAX_TOKEN: usize = 80;

pub fn body() -> TextAnalyzer {
    TextAnalyzer::builder(Cutter { cut: parts })
        .filter(RemoveLongFilter::limit(MAX_TOKEN))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::new(Language::English))
        .build()
}

pub fn exact() -> TextAnalyzer {
    TextAnalyzer::builder(Cutter { cut: wholes })
        .filter(RemoveLongFilter::limit(MAX_TOKEN))
        .filter(LowerCaser)
        .build()
}

/// Script without spaces between words: Han, kana, Hangul.
pub fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}'
        | '\u{3100}'..='\u{318f}' | '\u{31a0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{323af}')
}

type Spans = Vec<(usize, usize)>;

/// A run of characters of one sort.
struct Run {
    from: usize,
    to: usize,
    cjk: bool,
}

/// Maximal runs of letters, digits and `_`, apart from CJK runs.
fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, c) in text.char_indices() {
        let cjk = is_cjk(c);
        if !cjk && !c.is_alphanumeric() && c != '_' {
            continue;
        }
        let to = at + c.len_utf8();
        match runs.last_mut() {
            Some(run) if run.to == at && run.cjk == cjk => run.to = to,
            _ => runs.push(Run { from: at, to, cjk }),
        }
    }
    runs
}

fn parts(text: &str, spans: &mut Spans) {
    for run in runs(text) {
        let word = text.get(run.from..run.to).unwrap_or_default();
        if run.cjk {
            bigrams(word, run.from, spans);
        } else {
            subwords(word, run.from, spans);
        }
    }
}

fn bigrams(word: &str, base: usize, spans: &mut Spans) {
    let mut before: Option<usize> = None;
    for (at, c) in word.char_indices() {
        if let Some(first) = before {
            spans.push((base + first, base + at + c.len_utf8()));
        }
        before = Some(at);
    }
    if word.chars().nth(1).is_none() {
        spans.push((base, base + word.len()));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Upper,
    Lower,
    Digit,
}

/// Cuts at `_`, between letters and digits, at `aB`, and before the last capital of `ABc`.
fn subwords(word: &str, base: usize, spans: &mut Spans) {
    let mut start: Option<usize> = None;
    let mut before: Option<(usize, Class)> = None;
    let mut push = |from: usize, to: usize| {
        if from < to {
            spans.push((base + from, base + to));
        }
    };
    for (at, c) in word.char_indices() {
        if c == '_' {
            push(start.take().unwrap_or(at), at);
            before = None;
            continue;
        }
        let class = if c.is_numeric() {
            Class::Digit
        } else if c.is_uppercase() {
            Class::Upper
        } else {
            Class::Lower
        };
        let from = *start.get_or_insert(at);
        if let Some((last, was)) = before {
            let boundary = match (was, class) {
                (Class::Upper, Class::Lower) => Some(last),
                (a, b) if a == b => None,
                _ => Some(at),
            };
            if let Some(boundary) = boundary.filter(|&boundary| boundary > from) {
                push(from, boundary);
                start = Some(boundary);
            }
        }
        before = Some((at, class));
    }
    if let Some(from) = start {
        push(from, word.len());
    }
}

/// Words whole, then what connects several of them without a space (`a.b`, `a::b`, `a-b`, `a/b`), and `c++`, `c#`.
fn wholes(text: &str, spans: &mut Spans) {
    let runs = runs(text);
    let mut chain: Option<(usize, usize, usize)> = None;
    let close = |chain: Option<(usize, usize, usize)>, spans: &mut Spans| {
        if let Some((from, to, words)) = chain
            && words > 1
        {
            spans.push((from, to));
        }
    };
    for run in &runs {
        let word = text.get(run.from..run.to).unwrap_or_default();
        if run.cjk {
            close(chain.take(), spans);
            let chars = word.char_indices();
            spans.extend(chars.map(|(at, c)| (run.from + at, run.from + at + c.len_utf8())));
            continue;
        }
        let tail = text.get(run.to..).unwrap_or_default();
        let sharp = ["++", "#"].into_iter().find(|mark| {
            let rest = tail.strip_prefix(mark);
            word.len() <= 2
                && rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        });
        spans.push((run.from, run.to + sharp.map_or(0, str::len)));
        let joined = chain.and_then(|(from, to, words)| {
            let between = text.get(to..run.from)?;
            matches!(between, "." | ":" | "::" | "-" | "/").then_some((from, run.to, words + 1))
        });
        if joined.is_none() {
            close(chain.take(), spans);
        }
        chain = joined.or(Some((run.from, run.to, 1)));
    }
    close(chain, spans);
}

#[derive(Clone)]
struct Cutter {
    cut: fn(&str, &mut Spans),
}

struct Cut<'t> {
    text: &'t str,
    spans: std::vec::IntoIter<(usize, usize)>,
    token: Token,
}

impl Tokenizer for Cutter {
    type TokenStream<'a> = Cut<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Cut<'a> {
        let mut spans = Vec::new();
        (self.cut)(text, &mut spans);
        Cut {
            text,
            spans: spans.into_iter(),
            token: Token::default(),
        }
    }
}

impl TokenStream for Cut<'_> {
    fn advance(&mut self) -> bool {
        let Some((from, to)) = self.spans.next() else {
            return false;
        };
        self.token.position = self.token.position.wrapping_add(1);
        self.token.offset_from = from;
        self.token.offset_to = to;
        self.token.text.clear();
        self.token
            .text
            .push_str(self.text.get(from..to).unwrap_or_default());
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(mut analyzer: TextAnalyzer, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        analyzer
            .token_stream(text)
            .process(&mut |token| out.push(token.text.clone()));
        out
    }

    #[test]
    fn identifiers_come_apart_in_the_body() {
        for (text, expected) in [
            ("getUserByID", "get user by id"),
            ("HTTPServer2", "http server 2"),
            ("read_dir__x", "read dir x"),
            ("sha256sum", "sha 256 sum"),
            ("fn main() -> Result<()>", "fn main result"),
            ("Café running", "cafe run"),
            ("検索する", "検索 索す する"),
            ("字 a漢字b", "字 a 漢字 b"),
            ("___ -- ", ""),
        ] {
            assert_eq!(tokens(body(), text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn identifiers_stay_whole_in_the_exact_field() {
        for (text, expected) in [
            ("getUserByID", "getuserbyid"),
            (
                "std::fs::read_dir ok",
                "std fs read_dir ok std::fs::read_dir",
            ),
            (
                "v1.2.3, src/main.rs",
                "v1 2 3 src v1.2.3 main rs src/main.rs",
            ),
            ("C++ and C# c#x", "c++ and c# c x"),
            ("検索", "検 索"),
        ] {
            assert_eq!(tokens(exact(), text).join(" "), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn spans_are_slices_of_the_text(text in "[a-zA-Z0-9_ .:/#+é漢字の-]{0,60}") {
            for cut in [parts, wholes] {
                let mut spans = Vec::new();
                cut(&text, &mut spans);
                for (from, to) in spans {
                    prop_assert!(from < to && text.get(from..to).is_some());
                }
            }
        }
    }
}
