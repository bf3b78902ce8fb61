//! `[auth.oauth]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[auth.oauth]`: the hub's own authorization server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OAuthConfig {
    /// Whether clients can get access tokens from the hub itself, by the consent of whoever holds a service token.
    pub enabled: bool,
    /// Seconds that an access token lasts.
    pub access_token_s: u32,
    /// Days after which a client has to ask for consent again.
    pub consent_days: u32,
    /// Where clients may be sent back to beyond the machine that they run on, exactly as they say it, e.g.
    /// `cursor://anysphere.cursor-mcp/oauth/callback`.
    pub redirect_uris: Vec<String>,
    /// Clients that registered themselves, at most; 0 lets none register.
    pub max_clients: u32,
    /// Registrations in a minute, at most.
    pub registrations_per_minute: u32,
    /// Whether the URL of a metadata document may be a client's id.
    pub client_documents: bool,
    /// Private addresses where such documents may be, as `host:port`. Plain http is spoken there and nowhere else.
    pub allowed_private: Vec<String>,
}

impl Default for OAuthConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            access_token_s: 600,
            consent_days: 30,
            redirect_uris: Vec::new(),
            max_clients: 1000,
            registrations_per_minute: 10,
            client_documents: true,
            allowed_private: Vec::new(),
        }
    }
}
