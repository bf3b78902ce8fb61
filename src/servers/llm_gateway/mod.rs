//! llm
pub mod engine;
