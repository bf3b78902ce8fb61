//! Server-sent events, as they come off the wire.

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// Its `event:`; empty means `message`.
    pub kind: String,
    /// Its `data:` lines.
    pub data: String,
}

/// Cuts a byte stream into events (WHATWG HTML, section 9.2), without `id:` and `retry:`, which HTTP+SSE does not use.
#[derive(Debug, Default)]
pub struct Events {
    bytes: Vec<u8>,
    /// How much of `bytes` holds no line end.
    searched: usize,
    kind: String,
    data: Vec<String>,
}

impl Events {
    /// Takes in what has been read.
    pub fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// The next event that is complete.
    pub fn next(&mut self) -> Option<Event> {
        while let Some(line) = self.line() {
            if let Some(kind) = field(&line, "event:") {
                kind.clone_into(&mut self.kind);
            } else if let Some(data) = field(&line, "data:") {
                self.data.push(data.to_owned());
            } else if line.is_empty() && !self.data.is_empty() {
                // A newline in JSON is white space: messages stay on one line.
                let data = std::mem::take(&mut self.data).join(" ");
                let kind = std::mem::take(&mut self.kind);
                return Some(Event { kind, data });
            }
        }
        None
    }

    fn line(&mut self) -> Option<String> {
        let rest = self.bytes.get(self.searched..)?;
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            self.searched = self.bytes.len();
            return None;
        };
        let line: Vec<u8> = self.bytes.drain(..=self.searched + end).collect();
        self.searched = 0;
        let text = String::from_utf8_lossy(&line);
        Some(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let value = line.strip_prefix(name)?;
    Some(value.strip_prefix(' ').unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_the_bytes_are_cut() {
        let wire = "event: endpoint\r\ndata: /messages?sessionId=1\r\n\r\n: keep-alive\n\nevent: message\ndata:{\"a\":\"é\",\ndata: \"b\":1}\n\nevent: mess";
        for size in 1..wire.len() {
            let mut events = Events::default();
            let mut all = Vec::new();
            for chunk in wire.as_bytes().chunks(size) {
                events.push(chunk);
                while let Some(event) = events.next() {
                    all.push((event.kind, event.data));
                }
            }
            let expected = [
                ("endpoint", "/messages?sessionId=1"),
                ("message", "{\"a\":\"é\", \"b\":1}"),
            ];
            assert_eq!(
                all,
                expected.map(|(k, d)| (k.to_owned(), d.to_owned())),
                "{size}"
            );
        }
    }
}
