//! The work on files, knowing nothing of MCP, HTTP or SQL.

pub mod diff;
pub mod edit;
pub mod etag;
pub mod listing;
pub mod near_miss;
pub mod newline;
pub mod search;
#[cfg(test)]
mod search_tests;
pub mod text;
pub mod window;
