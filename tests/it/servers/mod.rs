//! What only a whole hub can show of a single server.

mod cicd;
mod llm_gateway;
