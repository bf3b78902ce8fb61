//! What a file is by its first bytes, whatever its name says.

/// The media type of an image or a sound that models and clients take; `None` for anything else.
pub fn of(start: &[u8]) -> Option<&'static str> {
    let at =
        |from: usize, mark: &[u8]| start.get(from..).is_some_and(|rest| rest.starts_with(mark));
    let mime = match start {
        _ if at(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        _ if at(0, b"\xff\xd8\xff") => "image/jpeg",
        _ if at(0, b"GIF87a") || at(0, b"GIF89a") => "image/gif",
        _ if at(0, b"RIFF") && at(8, b"WEBP") => "image/webp",
        _ if at(0, b"BM") && at(6, &[0; 4]) => "image/bmp",
        _ if at(4, b"ftypavif") => "image/avif",
        _ if at(0, b"RIFF") && at(8, b"WAVE") => "audio/wav",
        _ if at(0, b"fLaC") => "audio/flac",
        _ if at(0, b"OggS") => "audio/ogg",
        _ if at(4, b"ftypM4A") => "audio/mp4",
        _ if at(0, b"ID3") => "audio/mpeg",
        // A byte order mark of UTF-16, not a frame.
        [0xff, 0xfe, ..] => return None,
        // A frame of MPEG audio: eleven bits set, then layer and bit rate that exist. Layer 0 is AAC.
        [0xff, second, third, ..] if second & 0xe0 == 0xe0 && third & 0xf0 != 0xf0 => {
            match second & 0x06 {
                0 if second & 0xf0 == 0xf0 => "audio/aac",
                0 => return None,
                _ => "audio/mpeg",
            }
        }
        _ => return None,
    };
    Some(mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_sounds_are_known_by_their_first_bytes() {
        for (start, mime) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF....WEBPVP8 ", Some("image/webp")),
            (b"RIFF....WAVEfmt ", Some("audio/wav")),
            (b"ID3\x04", Some("audio/mpeg")),
            (b"\xff\xfb\x90\x00", Some("audio/mpeg")),
            (b"\xff\xf1\x50\x80", Some("audio/aac")),
            (b"....ftypM4A ", Some("audio/mp4")),
            (b"\xff\xfeh\0", None),
            (b"BMW is a car", None),
            (b"%PDF-1.7", None),
            (b"\x7fELF", None),
            (b"", None),
        ] {
            assert_eq!(of(start), mime, "{start:?}");
        }
    }
}
