//! `[servers.knowledge_base]` of config.toml.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Own settings of the knowledge base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest text of a document, in bytes.
    pub max_document_bytes: usize,
    /// What search by meaning is made with. Followed while the hub runs.
    pub embedding: EmbeddingConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_document_bytes: 2 << 20,
            embedding: EmbeddingConfig::default(),
        }
    }
}

/// `[servers.knowledge_base.embedding]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingConfig {
    /// Who makes the vectors.
    pub provider: ProviderConfig,
    /// With `gateway`: the model's name at llm_gateway.
    pub model: Option<String>,
    /// With `gateway`: numbers in a vector, where the model lets one choose.
    pub dimensions: Option<u32>,
}

/// Who makes vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderConfig {
    /// The model in this program: no network, no cost; knows English best.
    #[default]
    Builtin,
    /// A model of llm_gateway.
    Gateway,
    /// Nobody: search goes by words alone.
    None,
}
