//! A stream on its way through: bytes as they come, an ear at them, and an honest end.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};

use super::{
    super::{
        failure::{Failure, Kind, Partial},
        http::{Answer, LINGER, refusal},
        sse::{Batch, Event, Reader},
        upstream::{Flow, Operation},
    },
    hearing::{Heard, Hearing},
};

/// Relays the events of `answer`. Dropping the stream closes the connection.
pub fn relay(
    answer: Answer,
    operation: Operation,
    include_usage: bool,
) -> BoxStream<'static, Result<Flow, Failure>> {
    let passing = Passing {
        answer,
        operation,
        include_usage,
        reader: Reader::default(),
        hearing: Hearing::default(),
        ready: VecDeque::new(),
        over: false,
    };
    stream::unfold(passing, async |mut passing| {
        let next = passing.next().await?;
        Some((next, passing))
    })
    .boxed()
}

struct Passing {
    answer: Answer,
    operation: Operation,
    include_usage: bool,
    reader: Reader,
    hearing: Hearing,
    /// What can be given out.
    ready: VecDeque<Result<Flow, Failure>>,
    /// Nothing comes after what is ready.
    over: bool,
}

impl Passing {
    async fn next(&mut self) -> Option<Result<Flow, Failure>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            if self.over {
                return None;
            }
            self.read().await;
        }
    }

    async fn read(&mut self) {
        let chunk = if self.hearing.done {
            let rest = tokio::time::timeout(LINGER, self.answer.chunk()).await;
            rest.ok()
                .and_then(Result::ok)
                .flatten()
                .map_or(Ok(None), |rest| Ok(Some(rest)))
        } else {
            self.answer.chunk().await
        };
        match chunk {
            Ok(Some(bytes)) => match self.reader.push(bytes) {
                Ok(batch) => self.take(&batch),
                Err(_) => self.fail(Failure::new(Kind::Broken, "one of its events is too large")),
            },
            Ok(None) => {
                let rest = self.reader.finish();
                self.take(&rest);
                self.end();
            }
            Err(failure) => self.fail(failure),
        }
    }

    fn take(&mut self, batch: &Batch) {
        let (mut content, mut left_out) = (false, false);
        let mut kept = Vec::new();
        for event in batch.events() {
            let heard = event.parse().map_or(Heard::Frame, |(name, data)| {
                self.hearing.event(self.operation, &name, &data)
            });
            match heard {
                Heard::Error => {
                    self.give(joined(&kept), content);
                    return self.refuse(event);
                }
                Heard::UsageOnly if !self.include_usage => left_out = true,
                Heard::Frame | Heard::Content | Heard::UsageOnly => kept.push(event),
            }
            content |= heard == Heard::Content;
        }
        let bytes = if left_out {
            joined(&kept)
        } else {
            batch.bytes().clone()
        };
        self.give(bytes, content);
    }

    fn give(&mut self, bytes: Bytes, content: bool) {
        if !bytes.is_empty() {
            let bytes = match self.answer.key() {
                Some(key) => key.strike(bytes),
                None => bytes,
            };
            self.ready.push_back(Ok(Flow::Bytes { bytes, content }));
        }
    }

    fn refuse(&mut self, event: Event<'_>) {
        let (_, data) = event.parse().unwrap_or_default();
        self.fail(refusal::of_event(&data, self.answer.key()));
    }

    fn end(&mut self) {
        if self.over {
            return;
        }
        if self.hearing.is_whole(self.operation) {
            self.over = true;
            self.ready.push_back(Ok(Flow::End(self.hearing.tally)));
        } else {
            self.fail(Failure::new(
                Kind::Truncated,
                "the answer broke off before its end",
            ));
        }
    }

    /// The end of what did not end well; an answer that is whole stays so, whatever comes after it.
    fn fail(&mut self, failure: Failure) {
        if self.hearing.done {
            return self.end();
        }
        self.over = true;
        let partial = self.hearing.content.then(|| {
            Box::new(Partial {
                text: std::mem::take(&mut self.hearing.text),
                usage: self.hearing.tally.usage,
            })
        });
        self.ready.push_back(Err(Failure { partial, ..failure }));
    }
}

fn joined(events: &[Event<'_>]) -> Bytes {
    let mut bytes = BytesMut::new();
    for event in events {
        bytes.extend_from_slice(event.raw);
    }
    bytes.freeze()
}
