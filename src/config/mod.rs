//! Floor 6: settings. Defaults < `config.toml` < environment (`SYNDARIX__SECTION__KEY`); section types live with their owner.

mod check;
mod explain;
mod live;
mod schema;
mod servers;
mod show;
mod source;

use std::path::PathBuf;

use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use live::Live;
pub use schema::schema;
pub use servers::{Common, Servers};
pub use show::{Shown, show};
pub use source::{Changes, Source};

use crate::{
    access::{AuthConfig, LimitsConfig, ServerId},
    audit::AuditConfig,
    db::DatabaseConfig,
    edge::{HttpConfig, McpConfig},
    observe::ObserveConfig,
    tool::{EventsConfig, WebhooksConfig},
};
use explain::Text;

/// The commented configuration file that `init` writes: every setting, at its default.
pub const TEMPLATE: &str = include_str!("../../config.toml");

/// `[storage]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// Where everything is kept: database, repositories, workspaces, indexes, the admin token.
    pub data: PathBuf,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            data: "data".into(),
        }
    }
}

/// All sections but the servers' own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct File {
    http: HttpConfig,
    mcp: McpConfig,
    database: DatabaseConfig,
    storage: StorageConfig,
    auth: AuthConfig,
    limits: LimitsConfig,
    audit: AuditConfig,
    events: EventsConfig,
    webhooks: WebhooksConfig,
    observe: ObserveConfig,
    #[schemars(skip)]
    servers: figment::value::Dict,
}

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The main port.
    pub http: HttpConfig,
    /// Sessions and streams.
    pub mcp: McpConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// The data directory.
    pub storage: StorageConfig,
    /// Authentication.
    pub auth: AuthConfig,
    /// What one principal may ask for.
    pub limits: LimitsConfig,
    /// The audit log.
    pub audit: AuditConfig,
    /// Events that others follow.
    pub events: EventsConfig,
    /// Events that are sent to others.
    pub webhooks: WebhooksConfig,
    /// Logs.
    pub observe: ObserveConfig,
    /// The seven servers.
    pub servers: Servers,
}

impl Default for Settings {
    fn default() -> Self {
        let file = File::default();
        Self {
            http: file.http,
            mcp: file.mcp,
            database: file.database,
            storage: file.storage,
            auth: file.auth,
            limits: file.limits,
            audit: file.audit,
            events: file.events,
            webhooks: file.webhooks,
            observe: file.observe,
            servers: Servers::default(),
        }
    }
}

/// Defaults, then the file's `text`, then the environment if `env`.
fn figment(text: &str, env: bool) -> Figment {
    let figment = Figment::from(Serialized::defaults(File::default())).merge(Toml::string(text));
    if env {
        figment.merge(Env::prefixed("SYNDARIX__").split("__"))
    } else {
        figment
    }
}

impl Settings {
    /// Reads `text`, called `name` in errors; the environment too if `env`.
    pub fn parse(text: &str, name: &str, env: bool) -> anyhow::Result<Self> {
        if let Err(error) = text.parse::<toml_edit::ImDocument<String>>() {
            anyhow::bail!("{name}: {}", error.to_string().trim_end());
        }
        let figment = figment(text, env);
        let text = Text::new(text, name);
        let file: File = figment.extract().map_err(|e| text.explain(e, ""))?;
        let servers = Servers::read(file.servers, |error, section| text.explain(error, section))?;
        let settings = Self {
            http: file.http,
            mcp: file.mcp,
            database: file.database,
            storage: file.storage,
            auth: file.auth,
            limits: file.limits,
            audit: file.audit,
            events: file.events,
            webhooks: file.webhooks,
            observe: file.observe,
            servers,
        };
        settings.check(&text)?;
        Ok(settings)
    }

    /// The same hub for programs of this machine only: one port, on loopback, of the system's choice.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.http.listen = "127.0.0.1:0".into();
        for server in ServerId::ALL {
            self.servers.set_listen(server, Some("off".into()));
        }
        self
    }

    /// Where `server` listens on a port of its own: as set, or its default port beside the main one. `off` is no port.
    pub fn listen(&self, server: ServerId) -> Option<String> {
        let common = self.servers.common(server);
        if !common.enabled || common.listen.as_deref() == Some("off") {
            return None;
        }
        let beside = || {
            let host = self
                .http
                .listen
                .rsplit_once(':')
                .map_or("127.0.0.1", |(host, _)| host);
            format!("{host}:{}", server.default_port())
        };
        Some(common.listen.clone().unwrap_or_else(beside))
    }
}

#[cfg(test)]
mod tests;
