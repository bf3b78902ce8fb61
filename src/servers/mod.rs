//! Floor 4: the seven servers. A server reaches another only through `ctx.call`.

pub mod cicd;
pub mod code_analysis;
pub mod file_system;
pub mod git;
pub mod issues;
pub mod knowledge_base;
pub mod llm_gateway;
