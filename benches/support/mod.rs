//! What the benches share: a client for each transport that costs little itself, and what the system says of a process.

pub mod client;
#[path = "../../tests/it/support/hub.rs"]
pub mod hub;
pub mod knowledge;
pub mod measure;
pub mod peer;
pub mod process;
pub mod wire;
