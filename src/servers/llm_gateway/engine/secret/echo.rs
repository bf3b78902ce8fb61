//! Finds a key in what a provider says: whole, in base64 at any alignment, URL-encoded, in part, or shortened (`sk-ab***xyz`).

use base64::{Engine, engine::general_purpose};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const MASK: &str = "***";
/// Longest part of a key that may stay, plus one.
const PART: usize = 8;
/// The same in base64, whose letters are likelier to be chance.
const ENCODED_PART: usize = 12;
/// Letters of a key's beginning or end that give away a shortened one.
const SHORT_PART: usize = 3;
/// How many beginnings of parts are told apart.
const BEGINNINGS: usize = 1024;
/// How providers leave out the middle of a key.
const GAPS: [&str; 4] = [MASK, "...", "…", "••"];

/// `text` without `key`.
pub fn scrub(text: &str, key: &str) -> String {
    if key.is_empty() {
        return text.to_owned();
    }
    let url = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
    let mut text = mask(text, &[key, &url], PART);
    for offset in 0..3 {
        let mut shifted = vec![0_u8; offset];
        shifted.extend_from_slice(key.as_bytes());
        for engine in [
            general_purpose::STANDARD_NO_PAD,
            general_purpose::URL_SAFE_NO_PAD,
        ] {
            let encoded = engine.encode(&shifted);
            // Letters that also stand for what is before or after the key are no part of it.
            let first = (offset * 8).div_ceil(6);
            let last = encoded.len() - usize::from(shifted.len() % 3 != 0);
            let part = encoded.get(first..last).unwrap_or_default();
            text = mask(&text, &[part], ENCODED_PART);
        }
    }
    without_short(&text, key)
}

/// Whether `key` is in `bytes`, which may be many: Horspool's search looks at few of them.
/// <https://doi.org/10.1002/spe.4380100608>
pub fn is_in(bytes: &[u8], key: &str) -> bool {
    let Some((last, before)) = key.as_bytes().split_last() else {
        return false;
    };
    let mut skips = [key.len(); 256];
    for (at, byte) in before.iter().enumerate() {
        if let Some(skip) = skips.get_mut(usize::from(*byte)) {
            *skip = before.len() - at;
        }
    }
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + key.len()) {
        let Some((end, start)) = window.split_last() else {
            return false;
        };
        if end == last && start == before {
            return true;
        }
        at += skips.get(usize::from(*end)).copied().unwrap_or(1);
    }
    false
}

/// `text` with every part of `forms` masked that is at least `least` bytes long, or all of the shortest.
fn mask(text: &str, forms: &[&str], least: usize) -> String {
    let least = forms.iter().map(|form| form.len()).fold(least, usize::min);
    if least == 0 {
        return text.to_owned();
    }
    let parts = || {
        let all = forms.iter().map(|form| form.as_bytes().windows(least));
        all.flatten()
    };
    let mut begins = [false; BEGINNINGS];
    for part in parts() {
        if let Some(begins) = begins.get_mut(beginning(part)) {
            *begins = true;
        }
    }
    let is_part = |window: &[u8]| {
        let may_be = begins.get(beginning(window)).copied().unwrap_or(true);
        may_be && parts().any(|part| part == window)
    };
    let (mut out, mut kept) = (String::new(), 0);
    let mut end = None;
    for (at, window) in text.as_bytes().windows(least).enumerate() {
        if !is_part(window) {
            continue;
        }
        if end.is_none_or(|end| at > end) {
            out.push_str(text.get(kept..at).unwrap_or_default());
            out.push_str(MASK);
        }
        kept = at + least;
        end = Some(kept);
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    out
}

/// A number for the first two letters of a part: most texts share none with a key, and are let through by a look at them.
fn beginning(part: &[u8]) -> usize {
    let letters = part.iter().take(2).map(|letter| usize::from(*letter));
    letters.fold(0, |number, letter| (number << 3) ^ letter) % BEGINNINGS
}

/// `text` without words that are `key` with its middle left out.
fn without_short(text: &str, key: &str) -> String {
    let head = key.get(..SHORT_PART).unwrap_or(key);
    let tail = key
        .get(key.len().saturating_sub(SHORT_PART)..)
        .unwrap_or(key);
    let separates = |c: char| c.is_whitespace() || "\"'`:=,;()[]{}<>".contains(c);
    text.split_inclusive(separates)
        .map(|piece| {
            let word = piece.trim_end_matches(|c| separates(c) || ".!?".contains(c));
            let short = GAPS.iter().any(|gap| word.contains(gap))
                && (word.starts_with(head) || word.ends_with(tail));
            match piece.strip_prefix(word) {
                Some(rest) if short => format!("{MASK}{rest}"),
                _ => piece.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "sk-proj-Zm9v+QmFy/1234wxyz";

    #[test]
    fn a_key_is_found_in_every_guise() {
        let base64 = |text: &str| general_purpose::STANDARD.encode(text);
        for (said, left) in [
            (format!("bad key {KEY}!"), "bad key ***!"),
            (
                "Incorrect API key provided: sk-pr*********wxyz. You can".to_owned(),
                "Incorrect API key provided: ***. You can",
            ),
            ("key 'sk-proj-...wxyz'".to_owned(), "key '***'"),
            ("key=sk-proj-Zm9v+QmF".to_owned(), "key=***"),
            ("…xyz is wrong".to_owned(), "*** is wrong"),
            (
                "?key=sk%2Dproj%2DZm9v%2BQmFy%2F1234wxyz&a".to_owned(),
                "?key=***&a",
            ),
            (
                "please wait... and retry".to_owned(),
                "please wait... and retry",
            ),
        ] {
            assert_eq!(scrub(&said, KEY), left);
        }
        for before in ["", "a", "ab", "Bearer "] {
            let said = base64(&format!("{before}{KEY} after"));
            let left = scrub(&said, KEY);
            assert!(left.len() < said.len() - 28, "{said} {left}");
        }
        assert_eq!(scrub("x marks", "x"), "*** marks");
        assert_eq!(scrub("all stays", ""), "all stays");
    }

    proptest! {
        #[test]
        fn a_key_is_found_where_it_is(text in "[ab]{0,30}", key in "[ab]{1,5}") {
            prop_assert_eq!(is_in(text.as_bytes(), &key), text.contains(&key));
        }

        #[test]
        fn a_key_never_stays(before in "\\PC{0,20}", key in "[!-~é]{1,30}", after in "\\PC{0,20}") {
            let left = scrub(&format!("{before}{key}{after}"), &key);
            prop_assert!(!left.contains(&key) || MASK.contains(&key), "{left}");
        }
    }
}
