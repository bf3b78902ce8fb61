//! fs-mcp.
pub mod engine;
