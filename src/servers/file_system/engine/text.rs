//! Bytes to text and back without losing any.
//!
//! UTF-8 that is broken somewhere is decoded as Python's `surrogateescape` does it, with private-use characters: each
//! byte that is not UTF-8 becomes one character, and becomes that byte again. So a Latin-1 `é` in a file that is edited
//! elsewhere survives, and what is shown to the caller says that it was there.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The byte `b` that is not UTF-8 stands as the character `ESCAPE + b`, in the last private-use plane.
const ESCAPE: u32 = 0x0010_FF00;
/// How far a NUL is looked for to tell a binary file.
const SNIFF: usize = 8192;

/// How a file's bytes spell text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Encoding {
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-8 with a byte order mark.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// UTF-16, little endian, with a byte order mark.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big endian, with a byte order mark.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// ISO 8859-1: every byte is a character.
    #[serde(rename = "latin-1")]
    Latin1,
}

/// Why bytes are not text, or text has no bytes in this encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("the file is binary")]
    Binary,
    #[error("the file has a UTF-16 byte order mark but is not UTF-16")]
    BrokenUtf16,
    #[error("the character {0:?} cannot be written in this file's encoding")]
    NotInEncoding(char),
}

/// Decoded text. `body` is without byte order mark and may hold escaped bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub encoding: Encoding,
    pub body: String,
    /// Bytes that are not UTF-8.
    pub invalid: Option<Invalid>,
}

/// Bytes that are not UTF-8 in a file that is read as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Invalid {
    /// How many bytes are not UTF-8. Each is shown as U+FFFD here and is kept by edit_file.
    pub count: u64,
    /// Offset of the first of them, in bytes from where the shown text starts.
    pub first_byte: u64,
}

/// What the first bytes say; without a mark, UTF-8.
pub fn detect(start: &[u8]) -> Encoding {
    match start {
        [0xef, 0xbb, 0xbf, ..] => Encoding::Utf8Bom,
        [0xff, 0xfe, ..] => Encoding::Utf16Le,
        [0xfe, 0xff, ..] => Encoding::Utf16Be,
        _ => Encoding::Utf8,
    }
}

/// Whether a file that starts so is binary: a NUL early on, in anything but UTF-16.
pub fn is_binary(start: &[u8]) -> bool {
    !matches!(detect(start), Encoding::Utf16Le | Encoding::Utf16Be)
        && start.iter().take(SNIFF).any(|b| *b == 0)
}

impl Text {
    /// Decodes a whole file; `wanted` overrides what its start says.
    pub fn decode(bytes: &[u8], wanted: Option<Encoding>) -> Result<Self, TextError> {
        if is_binary(bytes) {
            return Err(TextError::Binary);
        }
        let found = detect(bytes);
        let encoding = match wanted {
            // A mark is never taken for text.
            Some(Encoding::Utf8) | None => found,
            Some(other) => other,
        };
        let (body, invalid) = match encoding {
            Encoding::Utf8 | Encoding::Utf8Bom => escape(bytes.strip_prefix(BOM).unwrap_or(bytes)),
            Encoding::Utf16Le => (utf16(bytes, u16::from_le_bytes)?, None),
            Encoding::Utf16Be => (utf16(bytes, u16::from_be_bytes)?, None),
            Encoding::Latin1 => (bytes.iter().map(|b| char::from(*b)).collect(), None),
        };
        Ok(Self {
            encoding,
            body,
            invalid,
        })
    }

    /// Decodes some lines of a file that is known to be text; `at_start` when a byte order mark may come first.
    pub fn decode_piece(bytes: &[u8], encoding: Encoding, at_start: bool) -> Self {
        let (body, invalid) = match encoding {
            Encoding::Latin1 => (bytes.iter().map(|b| char::from(*b)).collect(), None),
            _ if at_start => escape(bytes.strip_prefix(BOM).unwrap_or(bytes)),
            _ => escape(bytes),
        };
        Self {
            encoding,
            body,
            invalid,
        }
    }

    /// The bytes of `body` in this text's encoding: `text.encode(&text.body)` is the file it came from.
    pub fn encode(&self, body: &str) -> Result<Vec<u8>, TextError> {
        encode(body, self.encoding, self.invalid.is_some())
    }
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// The bytes of `body` in `encoding`; `escaped` turns escaped bytes back.
pub fn encode(body: &str, encoding: Encoding, escaped: bool) -> Result<Vec<u8>, TextError> {
    let mut bytes = Vec::with_capacity(body.len() + 3);
    match encoding {
        Encoding::Utf8 | Encoding::Utf8Bom => {
            if encoding == Encoding::Utf8Bom {
                bytes.extend_from_slice(BOM);
            }
            if !escaped {
                bytes.extend_from_slice(body.as_bytes());
                return Ok(bytes);
            }
            let mut buffer = [0; 4];
            for c in body.chars() {
                match escaped_byte(c) {
                    Some(byte) => bytes.push(byte),
                    None => bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
                }
            }
        }
        Encoding::Utf16Le => {
            let units = std::iter::once(0xfeff).chain(body.encode_utf16());
            bytes.extend(units.flat_map(u16::to_le_bytes));
        }
        Encoding::Utf16Be => {
            let units = std::iter::once(0xfeff).chain(body.encode_utf16());
            bytes.extend(units.flat_map(u16::to_be_bytes));
        }
        Encoding::Latin1 => {
            for c in body.chars() {
                bytes.push(u8::try_from(u32::from(c)).map_err(|_| TextError::NotInEncoding(c))?);
            }
        }
    }
    Ok(bytes)
}

/// Text as it may be shown: escaped bytes become U+FFFD.
pub fn shown(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    for c in body.chars() {
        let _ = out.write_char(if escaped_byte(c).is_some() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        });
    }
    out
}

fn escaped_byte(c: char) -> Option<u8> {
    let byte = u32::from(c).checked_sub(ESCAPE)?;
    u8::try_from(byte).ok().filter(|byte| *byte >= 0x80)
}

/// Decodes UTF-8, escaping what is not.
fn escape(bytes: &[u8]) -> (String, Option<Invalid>) {
    let mut body = String::with_capacity(bytes.len());
    let (mut count, mut first, mut at) = (0_u64, None, 0_u64);
    for chunk in bytes.utf8_chunks() {
        body.push_str(chunk.valid());
        at += chunk.valid().len() as u64;
        for byte in chunk.invalid() {
            first.get_or_insert(at);
            count += 1;
            at += 1;
            body.extend(char::from_u32(ESCAPE + u32::from(*byte)));
        }
    }
    let invalid = first.map(|first_byte| Invalid { count, first_byte });
    if invalid.is_some() {
        // A character that looks like one of our escapes would come back as a byte: take its own bytes as escaped too.
        body = requote(&body, bytes).unwrap_or(body);
    }
    (body, invalid)
}

/// Decodes again byte by byte above ASCII when `body` holds a genuine character of the escape range.
fn requote(body: &str, bytes: &[u8]) -> Option<String> {
    let escapes = body.chars().filter(|c| escaped_byte(*c).is_some()).count();
    let invalid = bytes
        .utf8_chunks()
        .map(|chunk| chunk.invalid().len())
        .sum::<usize>();
    if escapes == invalid {
        return None;
    }
    let lift = |b: &u8| {
        if b.is_ascii() {
            Some(char::from(*b))
        } else {
            char::from_u32(ESCAPE + u32::from(*b))
        }
    };
    Some(bytes.iter().filter_map(lift).collect())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, TextError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(TextError::BrokenUtf16);
    }
    let units = pairs.iter().map(|pair| unit(*pair)).enumerate();
    let units = units
        .filter(|(at, unit)| *at != 0 || *unit != 0xfeff)
        .map(|(_, unit)| unit);
    char::decode_utf16(units)
        .collect::<Result<_, _>>()
        .map_err(|_| TextError::BrokenUtf16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_recognised_and_not_part_of_the_text() {
        let text = Text::decode(b"\xef\xbb\xbfhi", None).unwrap();
        assert_eq!(
            (text.encoding, text.body.as_str()),
            (Encoding::Utf8Bom, "hi")
        );
        let text = Text::decode(b"\xff\xfeh\0i\0", None).unwrap();
        assert_eq!(
            (text.encoding, text.body.as_str()),
            (Encoding::Utf16Le, "hi")
        );
        assert_eq!(
            Text::decode(b"\xff\xfeh", None),
            Err(TextError::BrokenUtf16)
        );
        assert_eq!(Text::decode(b"a\0b", None), Err(TextError::Binary));
    }

    #[test]
    fn latin_1_is_kept_and_told() {
        let text = Text::decode(b"caf\xe9 \xfc", None).unwrap();
        assert_eq!(
            text.invalid,
            Some(Invalid {
                count: 2,
                first_byte: 3
            })
        );
        assert_eq!(shown(&text.body), "caf\u{fffd} \u{fffd}");
        assert_eq!(
            text.encode(&text.body.replace("caf", "CAF")).unwrap(),
            b"CAF\xe9 \xfc"
        );
        let text = Text::decode(b"caf\xe9", Some(Encoding::Latin1)).unwrap();
        assert_eq!(text.body, "café");
        assert_eq!(text.encode("thé").unwrap(), b"th\xe9");
        assert_eq!(text.encode("→"), Err(TextError::NotInEncoding('→')));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            bytes in proptest::collection::vec(prop_oneof![Just(0xf4_u8), Just(0x8f), Just(0xbf), 1_u8..], 0..40),
            wanted in proptest::option::of(Just(Encoding::Latin1)),
        ) {
            if let Ok(text) = Text::decode(&bytes, wanted) {
                prop_assert_eq!(text.encode(&text.body).unwrap(), bytes);
            }
        }
    }
}
