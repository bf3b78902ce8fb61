//! What BERT does to a text before it looks words up: control characters go, Han characters stand alone, accents and capitals go.

use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization;

/// What a character is to a tokeniser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Part of a word.
    Letter,
    /// Ends a word.
    Space,
    /// A word of its own.
    Mark,
    /// Left out.
    Nothing,
}

/// What an ASCII character is.
pub fn ascii(byte: u8) -> Sort {
    match byte {
        b'\t' | b'\n' | b'\r' | b' ' => Sort::Space,
        0..=31 | 127 => Sort::Nothing,
        _ if byte.is_ascii_punctuation() => Sort::Mark,
        _ => Sort::Letter,
    }
}

/// What a normal character is.
pub fn sort(c: char) -> Sort {
    use GeneralCategory as G;
    if c.is_whitespace() {
        return Sort::Space;
    }
    let mark = c.is_ascii_punctuation()
        || matches!(
            get_general_category(c),
            G::ConnectorPunctuation
                | G::DashPunctuation
                | G::OpenPunctuation
                | G::ClosePunctuation
                | G::InitialPunctuation
                | G::FinalPunctuation
                | G::OtherPunctuation
        );
    if mark { Sort::Mark } else { Sort::Letter }
}

/// Writes the normal form of `text`.
pub fn write_normal(text: &str, out: &mut String) {
    let clean = text.chars().filter(|&c| !is_control(c));
    let apart = clean.flat_map(|c| {
        let (before, after) = if is_han(c) {
            (Some(' '), Some(' '))
        } else {
            (None, None)
        };
        before.into_iter().chain([c]).chain(after)
    });
    let bare = apart
        .nfd()
        .filter(|&c| get_general_category(c) != GeneralCategory::NonspacingMark);
    out.extend(bare.flat_map(char::to_lowercase));
}

fn is_control(c: char) -> bool {
    use GeneralCategory as G;
    c == '\u{fffd}'
        || matches!(
            get_general_category(c),
            G::Control | G::Format | G::PrivateUse
        )
}

fn is_han(c: char) -> bool {
    matches!(c,
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2a6df}'
        | '\u{2a700}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{2f800}'..='\u{2fa1f}')
}
