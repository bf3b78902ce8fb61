//! Server-sent events, read as they come. <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>
//!
//! Bytes are kept as they are: events are cut out of them, not built from them, so that a relayed stream stays what it was.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

/// Largest event in bytes. One image in base64 fits; a provider that never ends a line does not.
pub const MAX_EVENT: usize = 16 << 20;

/// An event was larger than [`MAX_EVENT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Cuts a stream of bytes into events. Every byte is looked at once, and only events that came in pieces are copied.
#[derive(Debug, Default)]
pub struct Reader {
    /// The beginning of the event that is not whole yet.
    tail: BytesMut,
    /// Whether the line so far has anything in it.
    in_line: bool,
    /// Whether the event so far has a line with anything in it.
    in_event: bool,
    /// Whether the last byte was a CR that ended a line: a LF after it is of that end.
    after_cr: bool,
}

/// Whole events, as they came.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Bytes,
    ends: Vec<usize>,
}

/// One event as it came, blank lines around it included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    pub raw: &'a [u8],
}

impl Reader {
    /// Takes the next bytes, and gives out the events that are whole by now.
    pub fn push(&mut self, mut chunk: Bytes) -> Result<Batch, TooLarge> {
        let kept = self.tail.len();
        let (mut ends, mut start) = (Vec::new(), 0);
        for (at, byte) in chunk.iter().enumerate() {
            let end = kept + at + 1;
            if self.ends_event(*byte) {
                if end - start > MAX_EVENT {
                    return Err(TooLarge);
                }
                ends.push(end);
                start = end;
            } else if *byte == b'\n'
                && let Some(last) = ends.last_mut().filter(|last| **last + 1 == end)
            {
                // The rest of a CR LF: readers may wait for it.
                *last = end;
                start = end;
            }
        }
        let whole = chunk.split_to(start.saturating_sub(kept));
        let bytes = if kept == 0 || ends.is_empty() {
            whole
        } else {
            self.tail.extend_from_slice(&whole);
            self.tail.split().freeze()
        };
        self.tail.extend_from_slice(&chunk);
        if self.tail.len() > MAX_EVENT {
            return Err(TooLarge);
        }
        Ok(Batch { bytes, ends })
    }

    /// What is left when the stream has ended: an event without its blank line, which some servers leave out at the end.
    pub fn finish(&mut self) -> Batch {
        let bytes = self.tail.split().freeze();
        let ends = if bytes.is_empty() {
            Vec::new()
        } else {
            vec![bytes.len()]
        };
        Batch { bytes, ends }
    }

    /// A blank line ends an event that has lines before it.
    fn ends_event(&mut self, byte: u8) -> bool {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        match byte {
            b'\n' if after_cr => false,
            b'\n' | b'\r' if self.in_line => {
                self.in_line = false;
                false
            }
            b'\n' | b'\r' => std::mem::take(&mut self.in_event),
            _ => {
                self.in_line = true;
                self.in_event = true;
                false
            }
        }
    }
}

impl Batch {
    /// All of it.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// One after the other.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let raw = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            Event { raw }
        })
    }
}

impl<'a> Event<'a> {
    /// Its name, empty where it has none, and its data; none where there is only a comment.
    pub fn parse(self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        let (mut name, mut data) = (Cow::Borrowed(""), None);
        let text = self.raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.raw);
        for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let colon = line.iter().position(|byte| *byte == b':');
            let (field, value) = line.split_at(colon.unwrap_or(line.len()));
            let value = value.strip_prefix(b":").unwrap_or(value);
            let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
            match field {
                b"event" => name = value,
                b"data" => match &mut data {
                    None => data = Some(value),
                    Some(lines) => {
                        let lines = lines.to_mut();
                        lines.push('\n');
                        lines.push_str(&value);
                    }
                },
                _ => {}
            }
        }
        data.map(|data| (name, data))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parsed = Vec<(String, String)>;

    /// Events and all bytes of a stream that comes in these pieces.
    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Parsed, Vec<u8>) {
        let (mut reader, mut parsed, mut bytes) = (Reader::default(), Vec::new(), Vec::new());
        let mut take = |batch: Batch| {
            bytes.extend_from_slice(batch.bytes());
            let whole: Vec<u8> = batch
                .events()
                .flat_map(|event| event.raw.to_vec())
                .collect();
            assert_eq!(batch.bytes(), &whole);
            parsed.extend(
                batch
                    .events()
                    .filter_map(Event::parse)
                    .map(|(name, data)| (name.into_owned(), data.into_owned())),
            );
        };
        for piece in pieces {
            take(reader.push(Bytes::copy_from_slice(piece)).unwrap());
        }
        take(reader.finish());
        (parsed, bytes)
    }

    fn said(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn reads_what_the_standard_shows() {
        for (stream, expected) in [
            (
                "data: YHOO\ndata: +2\ndata: 10\n\n",
                vec![said("", "YHOO\n+2\n10")],
            ),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                vec![
                    said("", "first event"),
                    said("", "second event"),
                    said("", " third event"),
                ],
            ),
            (
                "data\n\ndata\ndata\n\ndata:",
                vec![said("", ""), said("", "\n"), said("", "")],
            ),
            (
                "event: add\r\ndata: 73857293\r\n\r\n",
                vec![said("add", "73857293")],
            ),
            (
                "event: a\rdata: 1\r\rdata: 2\r\r",
                vec![said("a", "1"), said("", "2")],
            ),
            (
                "\u{feff}data: é\n\n\n\ndata: [DONE]",
                vec![said("", "é"), said("", "[DONE]")],
            ),
        ] {
            let (parsed, bytes) = read([stream.as_bytes()]);
            assert_eq!(parsed, expected, "{stream:?}");
            assert_eq!(bytes, stream.as_bytes());
        }
    }

    #[test]
    fn an_event_comes_with_all_of_its_end() {
        let mut reader = Reader::default();
        let batch = reader
            .push(Bytes::from("data: 1\r\n\r\ndata: 2\r\n\r"))
            .unwrap();
        let raw: Vec<&[u8]> = batch.events().map(|event| event.raw).collect();
        assert_eq!(raw, [&b"data: 1\r\n\r\n"[..], b"data: 2\r\n\r"]);
        assert_eq!(reader.push(Bytes::from("\n: ")).unwrap().bytes(), "");
        assert_eq!(reader.finish().bytes(), "\n: ");
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut reader = Reader::default();
        let megabyte = Bytes::from(vec![b'x'; 1 << 20]);
        let fate: Result<Vec<Batch>, TooLarge> =
            (0..17).map(|_| reader.push(megabyte.clone())).collect();
        assert_eq!(fate.err(), Some(TooLarge));
    }

    proptest! {
        /// Cuts, line ends and UTF-8 sequences fall anywhere: neither bytes nor events change.
        #[test]
        fn cuts_change_nothing(
            events in prop::collection::vec(("[a-z]{0,3}", prop::collection::vec("[ -~é😀]{0,9}", 1..3), 0..3_usize), 0..8),
            cuts in prop::collection::vec(1..7_usize, 1..9),
        ) {
            let mut stream = String::new();
            let mut expected = Vec::new();
            for (name, lines, end) in &events {
                let end = ["\n", "\r\n", "\r"][*end];
                stream += &[": ping", end, "event: ", name, end].concat();
                for line in lines {
                    stream += &["data: ", line, end].concat();
                }
                stream.push_str(end);
                expected.push((name.clone(), lines.join("\n")));
            }
            let mut rest = stream.as_bytes();
            let mut pieces = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            let (parsed, bytes) = read(pieces);
            prop_assert_eq!(parsed, expected);
            prop_assert_eq!(bytes, stream.as_bytes());
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(&read(bytes.chunks(7)).1, &bytes);
        }
    }
}
