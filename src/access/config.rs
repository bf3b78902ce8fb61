//! `[auth]` of config.toml.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{jwt::IssuerConfig, oauth::OAuthConfig};

/// `[auth]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// The 32-byte key that tokens are hashed under; by default `token.key` in the data directory. Hubs that share a
    /// database need the same key.
    pub key_file: Option<PathBuf>,
    /// The hub's own authorization server.
    pub oauth: OAuthConfig,
    /// Other issuers whose JWTs are accepted, by the names that the audit log shows.
    pub issuers: BTreeMap<String, IssuerConfig>,
}
