//! `client-config`: what each MCP client wants to be told, in its own form.

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
    /// The transport; Codex has HTTP only.
    #[arg(long, value_enum, default_value = "http")]
    transport: Transport,
    /// Only these servers.
    #[arg(long = "server", value_name = "SERVER")]
    servers: Vec<String>,
}

pub fn run(settings: &Settings, args: &ClientConfigArgs) -> anyhow::Result<()> {
    for name in &args.servers {
        anyhow::ensure!(ServerId::parse(name).is_some(), "no server {name:?}");
    }
    let wanted = |server: &ServerId| {
        args.servers.is_empty() || args.servers.iter().any(|n| n == server.as_str())
    };
    let endpoints: Vec<(&str, String)> = ServerId::ALL
        .into_iter()
        .filter(|server| settings.servers.common(*server).enabled && wanted(server))
        .map(|server| (server.mcp_name(), url(settings, server, args.transport)))
        .collect();
    out::line(&text(args.client, args.transport, &endpoints)?)
}

/// The endpoint's URL: under the public URL's prefix if there is one, else on the server's own port.
fn url(settings: &Settings, server: ServerId, transport: Transport) -> String {
    let path = if transport == Transport::Http {
        "mcp"
    } else {
        "sse"
    };
    if let Some(public) = &settings.http.public_url {
        return format!("{}/{server}/{path}", public.trim_end_matches('/'));
    }
    match settings.listen(server) {
        Some(own) => format!("http://{own}/{path}"),
        None => format!("http://{}/{server}/{path}", settings.http.listen),
    }
}

fn text(
    client: Client,
    transport: Transport,
    endpoints: &[(&str, String)],
) -> anyhow::Result<String> {
    let kind = if transport == Transport::Http {
        "http"
    } else {
        "sse"
    };
    let object = |entry: &dyn Fn(&str) -> Value| -> Map<String, Value> {
        endpoints
            .iter()
            .map(|(name, url)| ((*name).to_owned(), entry(url)))
            .collect()
    };
    let bearer = |variable: &str| json!({"Authorization": format!("Bearer {variable}")});
    Ok(match client {
        Client::Claude => endpoints
            .iter()
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
            endpoints
                .iter()
                .map(|(name, url)| format!("[mcp_servers.{name}]\nurl = \"{url}\"\nbearer_token_env_var = \"SYX_TOKEN\"\n"))
                .collect::<Vec<_>>()
                .join("\n")
        }
        Client::Gemini => {
            let key = if transport == Transport::Http { "httpUrl" } else { "url" };
            let entry = |url: &str| json!({key: url, "headers": bearer("$SYX_TOKEN")});
            serde_json::to_string_pretty(&json!({"mcpServers": object(&entry)}))?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_gets_its_own_form() {
        let endpoints = [("git-mcp", "http://127.0.0.1:9002/mcp".to_owned())];
        let of = |client| text(client, Transport::Http, &endpoints).unwrap();
        assert_eq!(
            of(Client::Claude),
            "claude mcp add --transport http git-mcp http://127.0.0.1:9002/mcp --header \"Authorization: Bearer $SYX_TOKEN\""
        );
        assert!(of(Client::Cursor).contains("\"Bearer ${env:SYX_TOKEN}\""));
        assert!(of(Client::Vscode).contains("\"servers\""));
        assert!(of(Client::Codex).contains("bearer_token_env_var"));
        assert!(of(Client::Gemini).contains("\"httpUrl\""));
        assert!(text(Client::Codex, Transport::Sse, &endpoints).is_err());
    }
}
