//! From bytes to text, whatever the encoding. Valid UTF-8 stays as it is, byte for byte, so that citations are exact;
//! only a byte order mark is dropped.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::Fault;

/// Bytes that are looked at for marks of what is no text.
const HEAD: usize = 8192;

/// Decodes `bytes`. `charset` is what the sender says; it is believed where the bytes are not UTF-8.
pub fn decode(bytes: &[u8], charset: Option<&str>) -> Result<String, Fault> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(mark..).unwrap_or_default();
        return text(encoding, rest);
    }
    if let Some(encoding) = wide(bytes) {
        return text(encoding, bytes);
    }
    if looks_binary(bytes) {
        return Err(binary());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let told = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = match told {
        Some(encoding) if encoding != UTF_8 => encoding,
        _ if is_mostly_utf8(bytes) => UTF_8,
        _ => guess(bytes),
    };
    text(encoding, bytes)
}

fn text(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, Fault> {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    if text.contains('\0') {
        return Err(binary());
    }
    Ok(text.into_owned())
}

fn binary() -> Fault {
    Fault::unreadable(
        "it is binary data, not text: markdown, text, html, pdf, docx and code are read",
    )
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Whether these are bytes that no text has.
pub fn looks_binary(bytes: &[u8]) -> bool {
    if Encoding::for_bom(bytes).is_some() || wide(bytes).is_some() {
        return false;
    }
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    // Tab, line ends, form feed, and the escapes of terminals and of ISO 2022 are in texts.
    let odd = |byte: &&u8| **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    head.contains(&0) || head.iter().filter(odd).count() * 50 > head.len()
}

/// UTF-16 without a mark: every other byte of a text in a Latin script is 0, and no other.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..HEAD.min(bytes.len()))?;
    let (mut even, mut odd) = (0, 0);
    for pair in head.chunks_exact(2) {
        match pair {
            [0, 0] => return None,
            [0, _] => even += 1,
            [_, 0] => odd += 1,
            _ => {}
        }
    }
    let pairs = head.len() / 2;
    match (even, odd) {
        (0, odd) if pairs >= 4 && odd * 10 > pairs * 9 => Some(UTF_16LE),
        (even, 0) if pairs >= 4 && even * 10 > pairs * 9 => Some(UTF_16BE),
        _ => None,
    }
}

/// UTF-8 with a few broken bytes in it, such as a text that was cut off.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut wide, mut broken) = (0_usize, 0_usize);
    for part in bytes.utf8_chunks() {
        wide += part.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!part.invalid().is_empty());
    }
    wide > broken
}

#[cfg(test)]
mod tests {
    use encoding_rs::{GBK, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_dropped_and_wide_text_is_read() {
        assert_eq!(decode(b"\xef\xbb\xbfa\r\n", None).unwrap(), "a\r\n");
        assert_eq!(decode(b"\xff\xfea\0\xe9\0", None).unwrap(), "aé");
        assert_eq!(decode(b"\xfe\xff\0a", None).unwrap(), "a");
        let bare: Vec<u8> = "no mark"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(decode(&bare, None).unwrap(), "no mark");
    }

    #[test]
    fn legacy_encodings_are_recognised() {
        let german = "Die Größe der Überschrift überrascht auch höfliche Gäste in Köln.";
        let russian = "Документация по установке программы на сервер";
        let japanese = "これは文書です。検索できるようにします。日本語の文章を読みます。";
        let chinese = "这是一个文档，用来测试编码的识别。知识库可以搜索中文文本。";
        for (encoding, text) in [
            (WINDOWS_1252, german),
            (WINDOWS_1251, russian),
            (SHIFT_JIS, japanese),
            (GBK, chinese),
        ] {
            let (bytes, _, lost) = encoding.encode(text);
            assert!(!lost);
            assert_eq!(decode(&bytes, None).unwrap(), text, "{}", encoding.name());
            let label = Some(encoding.name());
            assert_eq!(decode(&bytes, label).unwrap(), text, "{}", encoding.name());
        }
    }

    #[test]
    fn a_text_that_was_cut_off_stays_utf_8() {
        let text = "naïve café — déjà vu";
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend(b"\xc3");
        assert_eq!(decode(&bytes, None).unwrap(), format!("{text}\u{fffd}"));
    }

    #[test]
    fn binary_is_refused() {
        for bytes in [&b"\x7fELF\x02\x01\x01\0\0\0"[..], &[1; 100], b"a\0b\0\0c"] {
            assert!(matches!(decode(bytes, None), Err(Fault::Unreadable(_))));
        }
    }

    proptest! {
        #[test]
        fn valid_text_is_kept_byte_for_byte(text in "[^\\x00-\\x08\\x0b\\x0e-\\x1f\u{feff}]{0,80}") {
            prop_assert_eq!(decode(text.as_bytes(), Some("shift_jis")).unwrap(), text);
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(text) = decode(&bytes, None) {
                prop_assert!(!text.contains('\0'));
            }
        }
    }
}
