//! Standard input and output, a JSON-RPC message a line. Both block, so each has a thread.

use std::{
    io::{self, BufRead, Read, Write},
    thread,
};

use tokio::sync::{mpsc, oneshot};

/// Messages waiting in either direction.
const QUEUE: usize = 64;

/// A line of input.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Without its newline.
    Text(String),
    /// Longer than allowed, and skipped; or no UTF-8.
    Unreadable(&'static str),
}

/// The lines of standard input, each at most `limit` bytes, until it ends.
pub fn input(limit: usize) -> mpsc::Receiver<Line> {
    let (lines, queue) = mpsc::channel(QUEUE);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(line)) = next(&mut input, limit) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    queue
}

fn next(input: &mut impl BufRead, limit: usize) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    if input
        .by_ref()
        .take(limit as u64 + 1)
        .read_until(b'\n', &mut line)?
        == 0
    {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > limit {
        input.skip_until(b'\n')?;
        return Ok(Some(Line::Unreadable("the message is too large")));
    }
    Ok(Some(match String::from_utf8(line) {
        Ok(text) => Line::Text(text),
        Err(_) => Line::Unreadable("the message is not UTF-8"),
    }))
}

/// Standard output.
pub struct Output {
    lines: mpsc::Sender<String>,
    written: oneshot::Receiver<()>,
}

impl Output {
    pub fn start() -> Self {
        let (lines, mut queue) = mpsc::channel::<String>(QUEUE);
        let (done, written) = oneshot::channel();
        thread::spawn(move || {
            let mut output = io::stdout().lock();
            while let Some(mut line) = queue.blocking_recv() {
                line.push('\n');
                if output
                    .write_all(line.as_bytes())
                    .and_then(|()| output.flush())
                    .is_err()
                {
                    break;
                }
            }
            let _nobody_waits = done.send(());
        });
        Self { lines, written }
    }

    /// Writes a line. False when nobody reads any more.
    pub async fn line(&self, text: String) -> bool {
        self.lines.send(text).await.is_ok()
    }

    /// Waits until everything is written.
    pub async fn close(self) {
        drop(self.lines);
        let _written = self.written.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_and_long_ones_skipped() {
        let mut input: &[u8] = b"{}\nfar too long\n\xff\n12345678\nlast";
        let mut lines = Vec::new();
        while let Some(line) = next(&mut input, 8).unwrap() {
            lines.push(line);
        }
        let text = |t: &str| Line::Text(t.to_owned());
        assert_eq!(
            lines,
            [
                text("{}"),
                Line::Unreadable("the message is too large"),
                Line::Unreadable("the message is not UTF-8"),
                text("12345678"),
                text("last"),
            ]
        );
    }
}
