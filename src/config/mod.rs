//! Floor 6: settings. Defaults < `config.toml` < environment (`SYNDARIX__SECTION__KEY`); section types live with their owner.

mod explain;
mod servers;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use servers::{Common, Servers};

use crate::{
    access::{LimitsConfig, ServerId},
    audit::AuditConfig,
    db::DatabaseConfig,
    edge::{HttpConfig, McpConfig},
    observe::ObserveConfig,
};

/// The commented configuration file that `init` writes: every setting, at its default.
pub const TEMPLATE: &str = include_str!("../../config.toml");

/// `[storage]`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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

/// `[auth]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// The 32-byte key that tokens are hashed under; by default `token.key` in the data directory. Hubs that share a
    /// database need the same key.
    pub key_file: Option<PathBuf>,
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
    observe: ObserveConfig,
    #[schemars(skip)]
    servers: figment::value::Dict,
}

/// Everything that can be set.
#[derive(Debug, Clone)]
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
            observe: file.observe,
            servers: Servers::default(),
        }
    }
}

impl Settings {
    /// Reads `path`, or `config.toml` in the working directory if there is one, and the environment.
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let file = path.unwrap_or_else(|| Path::new("config.toml"));
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.is_none() => {
                String::new()
            }
            Err(error) => anyhow::bail!("cannot read {}: {error}", file.display()),
        };
        Self::parse(&text, &file.display().to_string(), true)
    }

    /// Reads `text`, called `name` in errors; the environment too if `env`.
    pub fn parse(text: &str, name: &str, env: bool) -> anyhow::Result<Self> {
        if let Err(error) = text.parse::<toml_edit::ImDocument<String>>() {
            anyhow::bail!("{name}: {}", error.to_string().trim_end());
        }
        let mut figment =
            Figment::from(Serialized::defaults(File::default())).merge(Toml::string(text));
        if env {
            figment = figment.merge(Env::prefixed("SYNDARIX__").split("__"));
        }
        let file: File = figment
            .extract()
            .map_err(|e| explain::all(e, "", text, name))?;
        let servers = Servers::read(file.servers, |error, section| {
            explain::all(error, section, text, name)
        })?;
        let settings = Self {
            http: file.http,
            mcp: file.mcp,
            database: file.database,
            storage: file.storage,
            auth: file.auth,
            limits: file.limits,
            audit: file.audit,
            observe: file.observe,
            servers,
        };
        settings.check(name)?;
        Ok(settings)
    }

    fn check(&self, name: &str) -> anyhow::Result<()> {
        let address = |key: &str, value: &str| {
            value.parse::<SocketAddr>().map_err(|_| {
                anyhow::anyhow!("{name}: {key} = {value:?} is no address and port: write it like \"127.0.0.1:9000\"")
            })
        };
        address("http.listen", &self.http.listen)?;
        for server in ServerId::ALL {
            if let Some(listen) = self.listen(server) {
                address(&format!("servers.{server}.listen"), &listen)?;
            }
        }
        Ok(())
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
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Settings::parse(text, "config.toml", false)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn every_setting_that_the_template_shows_is_one() {
        let is_key = |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let is_setting = |line: &str| {
            line.starts_with("[servers.")
                || line.split_once(" = ").is_some_and(|(key, _)| is_key(key))
        };
        let shown: Vec<&str> = TEMPLATE
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|l| is_setting(l))
                    .unwrap_or(line)
            })
            .collect();
        let said = Settings::parse(&shown.join("\n"), "config.toml", false).unwrap();
        let default = Settings::parse("", "config.toml", false).unwrap();
        let text = |settings: &Settings| {
            let Settings {
                mcp,
                limits,
                audit,
                observe,
                database,
                servers,
                ..
            } = settings.clone();
            let same = (
                servers.issues,
                servers.file_system,
                servers.knowledge_base,
                servers.git,
            );
            format!("{mcp:?} {limits:?} {audit:?} {observe:?} {database:?} {same:?}")
        };
        assert_eq!(text(&said), text(&default));
        assert_eq!(said.http.max_body_bytes, default.http.max_body_bytes);
        assert_eq!(said.listen(ServerId::Git), default.listen(ServerId::Git));
        assert_eq!(said.servers.llm_gateway.providers.len(), 1);
        assert_eq!(
            said.servers.cicd.max_queued_runs,
            default.servers.cicd.max_queued_runs
        );
    }

    #[test]
    fn a_typo_is_refused_with_its_line_and_the_nearest_key() {
        let error = refused("[http]\nlisten = \"127.0.0.1:9000\"\nmax_body_byts = 3\n");
        assert!(
            error.contains("config.toml:3:1") && error.contains("max_body_bytes"),
            "{error}"
        );
        let error = refused("[htp]\nlisten = \"x\"\n");
        assert!(
            error.contains("config.toml:1") && error.contains("\"http\""),
            "{error}"
        );
        let error = refused("\n[servers.isues]\nenabled = false\n");
        assert!(
            error.contains("config.toml:2") && error.contains("\"issues\""),
            "{error}"
        );
        let error = refused("[servers.issues]\n\nenabeld = false\n");
        assert!(
            error.contains("config.toml:3:1") && error.contains("\"enabled\""),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_type_is_refused_with_its_line() {
        let error = refused("[http]\n\nmax_body_bytes = \"big\"\n");
        assert!(
            error.contains("config.toml:3") && error.contains("max_body_bytes"),
            "{error}"
        );
        let error = refused("[http\n");
        assert!(error.contains("line 1"), "{error}");
        assert!(refused("[http]\nlisten = \"nowhere\"\n").contains("http.listen"));
    }

    #[test]
    fn a_server_has_its_default_port_beside_the_main_one() {
        let text = "[http]\nlisten = \"0.0.0.0:80\"\n[servers.git]\nenabled = false\n[servers.cicd]\nlisten = \"off\"\n";
        let settings = Settings::parse(text, "config.toml", false).unwrap();
        assert_eq!(
            settings.listen(ServerId::Issues).as_deref(),
            Some("0.0.0.0:9004")
        );
        assert_eq!(settings.listen(ServerId::Git), None);
        assert_eq!(settings.listen(ServerId::Cicd), None);
    }
}
