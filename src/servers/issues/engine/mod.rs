//! What an issue's changes amount to. Knows nothing of MCP, HTTP or SQL.

pub mod change;
pub mod token;
