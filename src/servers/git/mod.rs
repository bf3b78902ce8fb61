//! git-mcp.
pub mod engine;
