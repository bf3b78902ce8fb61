//! `[servers.knowledge_base]` of config.toml.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Own settings of the knowledge base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest text of a document, in bytes.
    pub max_document_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_document_bytes: 2 << 20,
        }
    }
}
