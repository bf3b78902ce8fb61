//! Everything that needs the whole hub, or a database: one binary, so that it links once.

mod architecture;
mod cli;
mod contract;
mod edge;
mod scope;
mod servers;
mod start;
mod stores;
mod story;
mod support;
