//! Floor 4: the seven servers. A server reaches another only through `ctx.call`.

pub mod cicd;
pub mod code_analysis;
pub mod file_system;
pub mod git;
pub mod issues;
pub mod knowledge_base;
pub mod llm_gateway;

use crate::tool::{ServerId, ToolSet};

/// The names of the tools of `server` that clients may call, whether it is enabled or not.
pub fn tool_names(server: ServerId) -> Vec<&'static str> {
    match server {
        ServerId::LlmGateway => ToolSet::<llm_gateway::LlmGateway>::names().collect(),
        ServerId::Git => ToolSet::<git::Git>::names().collect(),
        ServerId::KnowledgeBase => ToolSet::<knowledge_base::KnowledgeBase>::names().collect(),
        ServerId::Issues => ToolSet::<issues::Issues>::names().collect(),
        ServerId::FileSystem => ToolSet::<file_system::FileSystem>::names().collect(),
        ServerId::CodeAnalysis => ToolSet::<code_analysis::CodeAnalysis>::names().collect(),
        ServerId::Cicd => ToolSet::<cicd::Cicd>::names().collect(),
    }
}

/// The same of all servers.
pub fn all_tool_names() -> Vec<&'static str> {
    ServerId::ALL.into_iter().flat_map(tool_names).collect()
}
