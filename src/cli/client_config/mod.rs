//! `client-config`: what each MCP client wants to be told, in its own form.

use std::path::{Path, PathBuf, absolute};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::out;
use crate::{access::ServerId, config::Settings};

/// The clients whose configuration is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Client {
    /// Claude Code
    Claude,
    /// Cursor
    Cursor,
    /// VS Code
    Vscode,
    /// Codex CLI
    Codex,
    /// Gemini CLI
    Gemini,
    /// Claude Desktop, which starts its servers: syndarix stdio
    ClaudeDesktop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Transport {
    /// Streamable HTTP
    Http,
    /// HTTP+SSE
    Sse,
}

#[derive(Debug, Args)]
pub struct ClientConfigArgs {
    /// The client.
    client: Client,
    /// The transport; Codex has HTTP only, and Claude Desktop always speaks stdio.
    #[arg(long, value_enum, default_value = "http")]
    transport: Transport,
    /// Only these servers; all for one endpoint that serves every one.
    #[arg(long = "server", value_name = "SERVER")]
    servers: Vec<String>,
}

/// What a client that starts its servers needs. It does so in a directory and with a PATH of its own, so every path is
/// absolute.
struct Launch {
    program: PathBuf,
    config: Option<PathBuf>,
    data: PathBuf,
}

impl Launch {
    fn new(settings: &Settings, config: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            config: config.map(absolute).transpose()?,
            data: absolute(&settings.storage.data)?,
        })
    }

    fn entry(&self, server: &str) -> Value {
        let mut args = Vec::new();
        if let Some(config) = &self.config {
            args.extend([json!("--config"), json!(config)]);
        }
        args.extend([json!("stdio"), json!(server)]);
        json!({"command": self.program, "args": args, "env": {"SYNDARIX__STORAGE__DATA": self.data}})
    }
}

/// An endpoint: its name, its id, where it is.
type Endpoint = (&'static str, &'static str, String);

/// The id and the name of the endpoint that serves all servers.
const ALL: (&str, &str) = ("all", "syndarix");

/// Prints it. `config` is the configuration file, if there is one.
pub fn run(
    settings: &Settings,
    config: Option<&Path>,
    args: &ClientConfigArgs,
) -> anyhow::Result<()> {
    let (all, all_name) = ALL;
    for name in &args.servers {
        let known = name == all || ServerId::parse(name).is_some();
        anyhow::ensure!(known, "no server {name:?}");
    }
    let wanted = |server: &str| args.servers.iter().any(|n| n == server);
    let mut endpoints: Vec<Endpoint> = ServerId::ALL
        .into_iter()
        .filter(|server| settings.servers.common(*server).enabled)
        .filter(|server| args.servers.is_empty() || wanted(server.as_str()))
        .map(|s| {
            (
                s.mcp_name(),
                s.as_str(),
                url(settings, Some(s), args.transport),
            )
        })
        .collect();
    if wanted(all) {
        endpoints.push((all_name, all, url(settings, None, args.transport)));
    }
    let launch = Launch::new(settings, config)?;
    out::line(&text(args.client, args.transport, &endpoints, &launch)?)
}

/// The URL of a server's endpoint, or of the one for all: under the public URL's prefix if there is one, else on the server's own port.
fn url(settings: &Settings, server: Option<ServerId>, transport: Transport) -> String {
    let path = if transport == Transport::Http {
        "mcp"
    } else {
        "sse"
    };
    let prefix = server.map_or(String::new(), |server| format!("/{server}"));
    if let Some(public) = &settings.http.public_url {
        return format!("{}{prefix}/{path}", public.trim_end_matches('/'));
    }
    match server.and_then(|server| settings.listen(server)) {
        Some(own) => format!("http://{own}/{path}"),
        None => format!("http://{}{prefix}/{path}", settings.http.listen),
    }
}

fn text(
    client: Client,
    transport: Transport,
    endpoints: &[Endpoint],
    launch: &Launch,
) -> anyhow::Result<String> {
    let kind = if transport == Transport::Http {
        "http"
    } else {
        "sse"
    };
    let named = || endpoints.iter().map(|(name, _, url)| (*name, url));
    let object = |entry: &dyn Fn(&str) -> Value| -> Map<String, Value> {
        named()
            .map(|(name, url)| (name.to_owned(), entry(url)))
            .collect()
    };
    let bearer = |variable: &str| json!({"Authorization": format!("Bearer {variable}")});
    Ok(match client {
        Client::Claude => named()
            .map(|(name, url)| {
                format!("claude mcp add --transport {kind} {name} {url} --header \"Authorization: Bearer $SYX_TOKEN\"")
            })
            .collect::<Vec<_>>()
            .join("\n"),
        Client::Cursor => {
            let entry = |url: &str| json!({"url": url, "headers": bearer("${env:SYX_TOKEN}")});
            serde_json::to_string_pretty(&json!({"mcpServers": object(&entry)}))?
        }
        Client::Vscode => {
            let entry = |url: &str| json!({"type": kind, "url": url, "headers": bearer("${input:syx_token}")});
            let input = json!({"type": "promptString", "id": "syx_token", "description": "Syndarix token", "password": true});
            serde_json::to_string_pretty(&json!({"inputs": [input], "servers": object(&entry)}))?
        }
        Client::Codex => {
            anyhow::ensure!(transport == Transport::Http, "Codex has no SSE transport: leave --transport out");
            named()
                .map(|(name, url)| format!("[mcp_servers.{name}]\nurl = \"{url}\"\nbearer_token_env_var = \"SYX_TOKEN\"\n"))
                .collect::<Vec<_>>()
                .join("\n")
        }
        Client::Gemini => {
            let key = if transport == Transport::Http {
                "httpUrl"
            } else {
                "url"
            };
            let entry = |url: &str| json!({key: url, "type": kind, "headers": bearer("$SYX_TOKEN")});
            serde_json::to_string_pretty(&json!({"mcpServers": object(&entry)}))?
        }
        Client::ClaudeDesktop => {
            let entries: Map<String, Value> = endpoints
                .iter()
                .map(|(name, id, _)| ((*name).to_owned(), launch.entry(id)))
                .collect();
            serde_json::to_string_pretty(&json!({"mcpServers": entries}))?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_gets_its_own_form() {
        let endpoints = [("git-mcp", "git", "http://127.0.0.1:9002/mcp".to_owned())];
        let launch = Launch {
            program: "/usr/bin/syndarix".into(),
            config: None,
            data: "/home/ann/data".into(),
        };
        let of = |client| text(client, Transport::Http, &endpoints, &launch).unwrap();
        assert_eq!(
            of(Client::Claude),
            "claude mcp add --transport http git-mcp http://127.0.0.1:9002/mcp --header \"Authorization: Bearer $SYX_TOKEN\""
        );
        assert!(of(Client::Cursor).contains("\"Bearer ${env:SYX_TOKEN}\""));
        assert!(of(Client::Vscode).contains("\"servers\""));
        assert!(of(Client::Codex).contains("bearer_token_env_var"));
        assert!(of(Client::Gemini).contains("\"httpUrl\""));
        assert!(text(Client::Codex, Transport::Sse, &endpoints, &launch).is_err());
        let desktop: Value = serde_json::from_str(&of(Client::ClaudeDesktop)).unwrap();
        assert_eq!(
            desktop["mcpServers"]["git-mcp"],
            json!({"command": "/usr/bin/syndarix", "args": ["stdio", "git"],
                   "env": {"SYNDARIX__STORAGE__DATA": "/home/ann/data"}})
        );
    }
}
