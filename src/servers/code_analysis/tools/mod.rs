//! The tools, one a file.

pub mod find_symbol;
pub mod outline;
