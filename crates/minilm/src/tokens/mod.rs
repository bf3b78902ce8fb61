//! BERT's WordPiece tokeniser, lower case, as the model was trained with: `parity/words.json` says it is the same.
//!
//! Text is only text: `[SEP]` in a document is three tokens, not the one that ends a passage.

mod normal;
mod trie;

use std::sync::OnceLock;

use normal::{Sort, ascii, write_normal};
use trie::Trie;

const VOCABULARY: &str = include_str!("../../../../assets/all-minilm-l6-v2/vocab.txt");

const UNKNOWN: u32 = 100;
const START: u32 = 101;
const END: u32 = 102;
/// Characters of a word; a longer one is unknown.
const LONGEST: usize = 100;

/// The tokeniser. Loads in some milliseconds, without the model.
pub struct Tokens {
    /// What a word starts with.
    starts: Trie,
    /// What it goes on with, written `##x` in the vocabulary.
    inner: Trie,
}

impl Tokens {
    /// The one tokeniser.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Tokens> = OnceLock::new();
        SHARED.get_or_init(|| {
            let (mut starts, mut inner) = (Vec::new(), Vec::new());
            for (id, word) in (0..).zip(VOCABULARY.lines()) {
                match word.strip_prefix("##").filter(|rest| !rest.is_empty()) {
                    Some(rest) => inner.push((rest.as_bytes(), id)),
                    None => starts.push((word.as_bytes(), id)),
                }
            }
            Self {
                starts: Trie::new(starts),
                inner: Trie::new(inner),
            }
        })
    }

    /// How many tokens `text` is, without those that mark its start and end.
    pub fn count(&self, text: &str) -> usize {
        let mut scan = Scan::new(self, usize::MAX);
        scan.text(text);
        scan.done + scan.ids.len()
    }

    /// The tokens of `text` between those that mark its start and end, `window` at most.
    pub fn encode(&self, text: &str, window: usize) -> Vec<u32> {
        let room = window.saturating_sub(2);
        let mut scan = Scan::new(self, room);
        scan.text(text);
        let mut ids = Vec::with_capacity(window.min(scan.ids.len() + 2));
        ids.push(START);
        ids.extend(scan.ids.into_iter().take(room));
        ids.push(END);
        ids
    }
}

/// One text on its way through.
struct Scan<'t> {
    tokens: &'t Tokens,
    /// Enough tokens; one that is only counted has no end.
    room: usize,
    ids: Vec<u32>,
    /// Tokens that were counted and dropped.
    done: usize,
    /// The word so far, normal.
    word: Vec<u8>,
}

impl<'t> Scan<'t> {
    fn new(tokens: &'t Tokens, room: usize) -> Self {
        Self {
            tokens,
            room,
            ids: Vec::new(),
            done: 0,
            word: Vec::with_capacity(64),
        }
    }

    fn text(&mut self, text: &str) {
        let mut rest = text;
        let mut normal = String::new();
        while !rest.is_empty() && self.ids.len() < self.room {
            let end = rest
                .bytes()
                .position(|byte| !byte.is_ascii())
                .unwrap_or(rest.len());
            let (plain, more) = rest.split_at(end);
            self.ascii(plain);
            let end = more
                .bytes()
                .position(|byte| byte.is_ascii())
                .unwrap_or(more.len());
            let (marked, more) = more.split_at(end);
            normal.clear();
            write_normal(marked, &mut normal);
            for c in normal.chars() {
                self.char(c);
            }
            rest = more;
        }
        self.close();
    }

    fn ascii(&mut self, text: &str) {
        for byte in text.bytes() {
            match ascii(byte) {
                Sort::Letter => self.word.push(byte.to_ascii_lowercase()),
                Sort::Space => {
                    self.close();
                    if self.ids.len() >= self.room {
                        return;
                    }
                }
                Sort::Mark => {
                    self.close();
                    self.word.push(byte);
                    self.close();
                }
                Sort::Nothing => {}
            }
        }
    }

    /// Takes a normal character.
    fn char(&mut self, c: char) {
        match normal::sort(c) {
            Sort::Letter => self
                .word
                .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Sort::Space => self.close(),
            Sort::Mark => {
                self.close();
                self.word
                    .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                self.close();
            }
            Sort::Nothing => {}
        }
    }

    /// Ends the word: the longest known start, then the longest known pieces that go on from it.
    fn close(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let from = self.ids.len();
        let mut trie = &self.tokens.starts;
        let mut rest = self.word.as_slice();
        let long = rest.len() > LONGEST && chars(rest) > LONGEST;
        while !rest.is_empty() && !long {
            let Some((length, id)) = trie.longest(rest) else {
                break;
            };
            self.ids.push(id);
            rest = rest.get(length..).unwrap_or_default();
            trie = &self.tokens.inner;
        }
        if !rest.is_empty() {
            self.ids.truncate(from);
            self.ids.push(UNKNOWN);
        }
        self.word.clear();
        if self.room == usize::MAX {
            self.done += self.ids.len();
            self.ids.clear();
        }
    }
}

/// Characters of UTF-8.
fn chars(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests;
