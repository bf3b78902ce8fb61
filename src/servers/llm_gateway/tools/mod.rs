//! The tools, one a file.

pub mod chat;
pub mod embed;
pub mod get_usage;
pub mod list_models;
