//! `[servers.knowledge_base]` of config.toml.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::fuse::Weights;

/// Own settings of the knowledge base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest text of a document, in bytes.
    pub max_document_bytes: usize,
    /// Largest file that a text is taken out of, in bytes.
    pub max_file_bytes: u64,
    /// Processes that read HTML, PDF and DOCX at the same time.
    pub max_readers: usize,
    /// Folders of this machine that sync_source may read, by the name that callers use.
    pub folders: BTreeMap<String, PathBuf>,
    /// How documents are fetched from the web.
    pub fetch: Fetch,
    /// What search by meaning is made with. Followed while the hub runs.
    pub embedding: EmbeddingConfig,
    /// How search ranks.
    pub ranking: RankingConfig,
}

/// `[servers.knowledge_base.fetch]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Where private addresses may be fetched from, as `host:port`.
    pub allowed_private: Vec<String>,
    /// Seconds for one document, redirects included.
    pub timeout_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_document_bytes: 8 << 20,
            max_file_bytes: 50 << 20,
            max_readers: 2,
            folders: BTreeMap::new(),
            fetch: Fetch::default(),
            embedding: EmbeddingConfig::default(),
            ranking: RankingConfig::default(),
        }
    }
}

/// `[servers.knowledge_base.ranking]`: what words count beside meaning, which counts 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RankingConfig {
    /// In prose.
    pub prose_words: f32,
    /// In programs.
    pub code_words: f32,
    /// How far a question moves to the best passage, if that is prose, before all are ranked again; 0 leaves it where it is.
    pub feedback: f32,
    /// How much a program gives way for being like many others; 0 for not at all.
    pub code_crowding: f32,
}

impl Default for RankingConfig {
    fn default() -> Self {
        let weights = Weights::default();
        Self {
            prose_words: weights.prose,
            code_words: weights.code,
            feedback: weights.feedback,
            code_crowding: weights.crowding,
        }
    }
}

impl RankingConfig {
    pub(super) fn weights(&self) -> Weights {
        Weights {
            prose: self.prose_words,
            code: self.code_words,
            feedback: self.feedback,
            crowding: self.code_crowding,
        }
    }
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            allowed_private: Vec::new(),
            timeout_s: 30,
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
