//! A file's version: a hash of its content.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Hashes content as it passes by.
#[derive(Debug, Default)]
pub struct Etag(Sha256);

impl Etag {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// 32 hexadecimal digits: the first half of the SHA-256.
    pub fn finish(self) -> String {
        of_whole(&self.finish_whole())
    }

    /// The whole SHA-256 in hexadecimal digits.
    pub fn finish_whole(self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.0.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// The version of a content whose SHA-256 is `whole`.
pub fn of_whole(whole: &str) -> String {
    whole.chars().take(32).collect()
}

/// The version of `content`.
pub fn of(content: &[u8]) -> String {
    let mut etag = Etag::default();
    etag.update(content);
    etag.finish()
}

/// Whether a caller's `if_match` names `current`; quotes around it, as in HTTP, do not matter.
pub fn matches(if_match: &str, current: &str) -> bool {
    if_match.trim().trim_matches('"') == current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_has_one_etag_however_it_arrives() {
        let mut parts = Etag::default();
        parts.update(b"ab");
        parts.update(b"c");
        let whole = of(b"abc");
        assert_eq!(parts.finish(), whole);
        assert_eq!(whole, "ba7816bf8f01cfea414140de5dae2223");
        assert!(matches(&format!("\"{whole}\""), &whole));
        assert!(!matches("", &whole));
    }
}
