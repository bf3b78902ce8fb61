//! Packet lines: four hexadecimal digits of length, then the bytes. <https://git-scm.com/docs/gitprotocol-common#_pkt_line_format>

/// Longest packet, its length included.
pub const MAX: usize = 65_520;

/// A packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'b> {
    /// The end of a part.
    Flush,
    /// Some bytes.
    Line(&'b [u8]),
}

/// These are no packet lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request is not in git's packet lines")]
pub struct Malformed;

/// Appends `text` as a packet. It must be shorter than [`MAX`].
pub fn line(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(format!("{:04x}", text.len() + 4).as_bytes());
    out.extend_from_slice(text);
}

/// Appends the end of a part.
pub fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

/// The first packet of `bytes` and how long it is; `None` while it is not all there.
pub fn first(bytes: &[u8]) -> Result<Option<(Packet<'_>, usize)>, Malformed> {
    let Some(digits) = bytes.get(..4) else {
        return Ok(None);
    };
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Malformed);
    }
    let length = usize::from_str_radix(digits, 16).map_err(|_| Malformed)?;
    match length {
        0 => Ok(Some((Packet::Flush, 4))),
        4..=MAX => Ok(bytes
            .get(4..length)
            .map(|text| (Packet::Line(text), length))),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(text in proptest::collection::vec(any::<u8>(), 0..2_000), more in any::<u8>()) {
            let mut out = Vec::new();
            line(&mut out, &text);
            let length = out.len();
            prop_assert_eq!(first(&out[..length - 1]), Ok(None));
            out.push(more);
            prop_assert_eq!(first(&out), Ok(Some((Packet::Line(&text), length))));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some((_, length))) = first(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }

    #[test]
    fn ends_and_nonsense_are_told() {
        assert_eq!(first(b"0000rest"), Ok(Some((Packet::Flush, 4))));
        assert_eq!(first(b"00"), Ok(None));
        for bad in [
            &b"0001"[..],
            b"0003",
            b"fff1",
            b"+123",
            b"zzzz",
            b"\xff\xff\xff\xff",
        ] {
            assert_eq!(first(bad), Err(Malformed), "{bad:?}");
        }
    }
}
