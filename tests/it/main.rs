//! Everything that needs the whole hub, or a database: one binary, so that it links once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::pedantic,
    reason = "a test or a bench may fail loudly"
)]

mod architecture;
mod backup;
mod cli;
mod contract;
mod crash;
mod docs;
mod doctor;
mod edge;
mod events;
mod live;
mod metrics;
mod oauth;
mod operations;
mod scope;
mod servers;
mod start;
mod stdio;
mod stores;
mod story;
mod support;
mod tool_filters;
#[cfg(feature = "otel")]
mod traces;
mod webhooks;
mod wire_scope;
