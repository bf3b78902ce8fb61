//! Secrets that the hub gives out: `syx_<43 base 62><6 base 62>`. The first letters say what it is for, the next part is 256 random
//! bits, the last their CRC-32, so that scanners recognise a leaked one and a mistyped one is refused without asking the database.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

const BODY: usize = 43;
const CHECK: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A service token.
    Service,
    /// An access token of the hub's own authorization server.
    Access,
    /// A refresh token.
    Refresh,
    /// An authorization code.
    Code,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Service, Self::Access, Self::Refresh, Self::Code];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Service => "syx_",
            Self::Access => "sya_",
            Self::Refresh => "syr_",
            Self::Code => "syc_",
        }
    }
}

/// A token in the clear. Shown once, never stored; its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is for.
    pub kind: Kind,
    text: String,
}

impl Token {
    /// A new random token.
    pub fn generate(kind: Kind) -> Result<Self, getrandom::Error> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits)?;
        let body = base62(&bits, BODY);
        let check = checksum(&body);
        let text = format!("{}{body}{check}", kind.prefix());
        Ok(Self { kind, text })
    }

    /// `text` as a token, if it is well-formed and its checksum is right.
    pub fn parse(text: &str) -> Option<Self> {
        let known = |kind: Kind| Some((kind, text.strip_prefix(kind.prefix())?));
        let (kind, rest) = Kind::ALL.into_iter().find_map(known)?;
        let (body, check) = rest.split_at_checked(BODY)?;
        (check.len() == CHECK && checksum(body) == check).then(|| Self {
            kind,
            text: text.to_owned(),
        })
    }

    /// The text, to show it once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is stored instead of the token: HMAC-SHA-256 under the hub's key, in hexadecimal.
    pub fn hash(&self, key: &[u8; 32]) -> String {
        let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key) else {
            // HMAC takes keys of any length (RFC 2104): this cannot happen, and matches no stored hash if it does.
            return String::new();
        };
        mac.update(self.text.as_bytes());
        hex(&mac.finalize().into_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

fn checksum(body: &str) -> String {
    base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECK)
}

fn digit(value: u16) -> char {
    char::from(BASE62.get(usize::from(value)).copied().unwrap_or(b'0'))
}

/// `bytes` as a big-endian number in base 62, padded with zeros to `len` digits.
fn base62(bytes: &[u8], len: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = Vec::with_capacity(len);
    for _ in 0..len {
        let mut rest = 0_u16;
        for byte in &mut number {
            let here = rest * 256 + u16::from(*byte);
            *byte = u8::try_from(here / 62).unwrap_or(u8::MAX);
            rest = here % 62;
        }
        digits.push(digit(rest));
    }
    digits.iter().rev().collect()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ok = write!(out, "{byte:02x}");
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_53_characters_and_reads_back() {
        let token = Token::generate(Kind::Service).unwrap();
        assert_eq!(token.reveal().len(), 53);
        assert_eq!(Token::parse(token.reveal()), Some(token.clone()));
        assert_ne!(token, Token::generate(Kind::Service).unwrap());
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn a_changed_character_is_noticed() {
        let token = Token::generate(Kind::Service).unwrap().reveal().to_owned();
        for at in 4..53 {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(
                Token::parse(std::str::from_utf8(&other).unwrap()),
                None,
                "at {at}"
            );
        }
    }

    #[test]
    fn a_secret_says_what_it_is_for() {
        for kind in Kind::ALL {
            let token = Token::generate(kind).unwrap();
            assert_eq!(Token::parse(token.reveal()).unwrap().kind, kind);
        }
    }

    #[test]
    fn the_hash_depends_on_the_key() {
        let token = Token::generate(Kind::Service).unwrap();
        assert_eq!(token.hash(&[1; 32]), token.hash(&[1; 32]));
        assert_ne!(token.hash(&[1; 32]), token.hash(&[2; 32]));
        assert_eq!(token.hash(&[1; 32]).len(), 64);
    }

    #[test]
    fn base62_counts() {
        assert_eq!(base62(&[61], 2), "0z");
        assert_eq!(base62(&[62], 2), "10");
        assert_eq!(base62(&[0xff; 32], BODY).len(), BODY);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in "(sy[xarc]_)?\\PC{0,60}") { let _: Option<Token> = Token::parse(&text); }
    }
}
