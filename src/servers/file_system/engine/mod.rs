//! The work on files, knowing nothing of MCP, HTTP or SQL.

pub mod archive;
pub mod batch;
pub mod copy;
pub mod destination;
pub mod diff;
pub mod edit;
pub mod etag;
pub mod find;
pub mod listing;
pub mod media;
pub mod near_miss;
pub mod newline;
pub mod outline;
pub mod patch;
pub mod search;
#[cfg(test)]
mod search_tests;
pub mod snapshot;
pub mod text;
pub mod trash;
pub mod window;
