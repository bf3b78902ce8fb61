//! The work of the server: reading source files and telling what they define.

pub mod cache;
pub mod extract;
pub mod find;
pub mod language;
pub mod parse;
pub mod scan;
pub mod source;
pub mod symbol;
