//! Syndarix: seven MCP servers for a team of AI agents, in one process.
//!
//! The house has floors; a module imports only from a lower one (`tests/it/architecture.rs` checks it):
//!
//! | floor | modules | what |
//! |---|---|---|
//! | F0 | [`base`] | ids, clock, paging, redaction, safe paths |
//! | F1 | [`observe`], [`db`] | logs and metrics; SQLite or PostgreSQL |
//! | F2 | [`project`], [`access`], [`audit`], [`backup`] | who may do what where, what was done, and all of it in one file |
//! | F3 | [`tool`] | the heart: tools, registry, the one pipeline |
//! | F4 | [`servers`] | the seven servers |
//! | F5 | [`edge`] | MCP, REST and their transports |
//! | F6 | [`config`], [`app`], [`cli`] | settings, composition root, command line |

pub mod base;

pub mod db;
pub mod observe;

pub mod access;
pub mod audit;
pub mod backup;
pub mod project;

pub mod tool;

pub mod servers;

pub mod edge;

pub mod app;
pub mod cli;
pub mod config;

#[cfg(test)]
pub mod test;
