//! What only a whole hub can show of a single server.

mod cicd;
mod knowledge_base;
mod llm_gateway;
