//! knowledge_base

pub mod engine;
