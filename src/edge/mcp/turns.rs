//! One request at a time for a session that is not in memory: the first brings it back, the others find it whole.
//!
//! rmcp (3.11) shows a session that is being restored before it is initialized, and refuses who comes just after it was restored.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

type Held = Arc<Mutex<Option<OwnedMutexGuard<()>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sessions that are on their way back.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<Arc<str>, Queue>>);

#[derive(Default)]
struct Queue {
    gate: Arc<Gate<()>>,
    /// Of the request whose turn it is.
    held: Held,
}

/// The turn of one request, which ends when this is dropped, at the latest.
pub struct Turn {
    turns: Arc<Turns>,
    session: Arc<str>,
    held: Held,
}

impl Turns {
    /// Waits for the turn of a request to `session`; nothing where it needs none, because the session is `there`.
    pub async fn wait(self: &Arc<Self>, session: &Arc<str>, there: bool) -> Option<Turn> {
        let gate = {
            let mut queues = lock(&self.0);
            match queues.get(session) {
                Some(queue) => Arc::clone(&queue.gate),
                None if there => return None,
                None => Arc::clone(&queues.entry(Arc::clone(session)).or_default().gate),
            }
        };
        let held = Arc::new(Mutex::new(Some(gate.lock_owned().await)));
        if let Some(queue) = lock(&self.0).get_mut(session) {
            queue.held = Arc::clone(&held);
        }
        Some(Turn {
            turns: Arc::clone(self),
            session: Arc::clone(session),
            held,
        })
    }

    /// Ends the turn that brought `session` back: it is there now, however long its request still takes.
    pub fn end(&self, session: &Arc<str>) {
        let mut queues = lock(&self.0);
        let Some(queue) = queues.get(session) else {
            return;
        };
        lock(&queue.held).take();
        // The map has the last one: nobody waits.
        if Arc::strong_count(&queue.gate) == 1 {
            queues.remove(session);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if lock(&self.held).is_some() {
            self.turns.end(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_until_the_session_is_back() {
        let turns = Arc::new(Turns::default());
        let session: Arc<str> = "s".into();
        assert!(turns.wait(&session, true).await.is_none());
        let first = turns.wait(&session, false).await.unwrap();
        let mut second = Box::pin(turns.wait(&session, true));
        assert!(futures::poll!(&mut second).is_pending());
        // It is there, and the first request goes on.
        turns.end(&session);
        let second = second.await.unwrap();
        let mut third = Box::pin(turns.wait(&session, true));
        drop(first);
        assert!(futures::poll!(&mut third).is_pending());
        drop(second);
        drop(third.await.unwrap());
        assert!(lock(&turns.0).is_empty());
    }
}
