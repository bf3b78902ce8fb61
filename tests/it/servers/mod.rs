//! What only a whole hub can show of a single server.

mod cicd;
mod file_system;
mod git;
mod issues;
mod knowledge_base;
mod llm_gateway;
