//! What a running call says before its answer: progress, and text as it comes.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;
use tokio::sync::Notify;

/// Events waiting for a slow reader; past it neighbours are merged.
const CAPACITY: usize = 256;
/// Text kept for a slow reader, in bytes; what comes past it is not streamed (the answer has it all).
const MAX_TEXT: usize = 1 << 20;

/// One event of a running call.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// How far it is.
    Progress {
        /// Units done.
        done: f64,
        /// Units in all, where known.
        total: Option<f64>,
        /// What is being done.
        message: String,
    },
    /// The next piece of the answer's text.
    Delta(String),
    /// Something that happened on the way.
    Log {
        /// How much it matters.
        level: Level,
        /// What happened.
        message: String,
    },
}

/// How much a message matters (RFC 5424; what the hub's tools use of it), least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For those who look closely.
    Debug,
    /// What goes on.
    Info,
    /// What may need attention.
    Warning,
    /// What failed.
    Error,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    text: usize,
    closed: bool,
}

/// A bounded queue from one call to one reader. Writing never waits: progress replaces progress, text joins text.
#[derive(Debug, Default)]
pub struct Events {
    queue: Mutex<Queue>,
    wake: Notify,
}

impl Events {
    /// Adds an event.
    pub fn push(&self, event: Event) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let full = queue.events.len() >= CAPACITY;
        if let Event::Delta(text) = &event {
            if queue.text + text.len() > MAX_TEXT {
                return;
            }
            queue.text += text.len();
        }
        match (queue.events.back_mut(), event) {
            (Some(Event::Delta(last)), Event::Delta(text)) if full => last.push_str(&text),
            (Some(last @ Event::Progress { .. }), event @ Event::Progress { .. }) => *last = event,
            (_, Event::Progress { .. } | Event::Log { .. }) if full => {}
            (_, event) => queue.events.push_back(event),
        }
        drop(queue);
        self.wake.notify_one();
    }

    /// Says that no more will come.
    pub fn close(&self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.wake.notify_one();
    }

    /// The next event; `None` when the queue is closed and empty.
    pub async fn next(&self) -> Option<Event> {
        loop {
            let woken = self.wake.notified();
            {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(event) = queue.events.pop_front() {
                    if let Event::Delta(text) = &event {
                        queue.text -= text.len();
                    }
                    return Some(event);
                }
                if queue.closed {
                    return None;
                }
            }
            woken.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: f64) -> Event {
        Event::Progress {
            done,
            total: None,
            message: String::new(),
        }
    }

    #[tokio::test]
    async fn a_slow_reader_gets_all_text_and_the_last_progress() {
        let events = Events::default();
        for i in 0..10_000 {
            events.push(Event::Delta(format!("{i} ")));
        }
        for i in 0..10 {
            events.push(progress(f64::from(i)));
        }
        events.close();
        let (mut text, mut last, mut count) = (String::new(), 0.0, 0);
        while let Some(event) = events.next().await {
            count += 1;
            match event {
                Event::Delta(piece) => text.push_str(&piece),
                Event::Progress { done, .. } => last = done,
                Event::Log { .. } => {}
            }
        }
        assert!(count <= CAPACITY + 1, "{count}");
        assert_eq!(
            text,
            (0..10_000).map(|i| format!("{i} ")).collect::<String>()
        );
        assert!(last < 10.0);
    }
}
