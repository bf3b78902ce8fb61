//! What the tests stand on: a real hub in a process of its own, and a client for each of its faces.

mod faces;
mod hub;
mod postgres;
mod receiver;
mod sse;

pub use faces::{Face, Faces, Refusal, Rest, Session, Stateless, answer, outcome};
pub use hub::{Hub, SERVERS, Settings, client, run, run_with};
pub use postgres::database;
pub use receiver::{Posted, Receiver};
pub use sse::Sse;

/// Waits until `done` says so, a minute or so: what runs only where others leave processor time may have to wait for it.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    for _ in 0..3_000 {
        if done().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("waited in vain for: {what}");
}
