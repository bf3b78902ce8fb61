//! The clients' own forms.

use serde_json::{Map, Value, json};

use super::{Client, Endpoint, Launch, Transport};

/// What goes into a client's file.
pub enum Form {
    /// Members of a JSON object.
    Json(Value),
    /// Tables of a TOML document.
    Toml(String),
}

/// What the client is to be told, as its user reads it.
pub fn text(
    client: Client,
    transport: Transport,
    endpoints: &[Endpoint],
    launch: &Launch,
) -> anyhow::Result<String> {
    if client == Client::Claude {
        let kind = kind(transport);
        let command = |(name, _, url): &Endpoint| {
            format!(
                "claude mcp add --transport {kind} {name} {url} --header \"Authorization: Bearer $SYX_TOKEN\""
            )
        };
        return Ok(endpoints.iter().map(command).collect::<Vec<_>>().join("\n"));
    }
    Ok(match of(client, transport, endpoints, launch)? {
        Form::Json(value) => serde_json::to_string_pretty(&value)?,
        Form::Toml(text) => text,
    })
}

/// What its file says.
pub fn of(
    client: Client,
    transport: Transport,
    endpoints: &[Endpoint],
    launch: &Launch,
) -> anyhow::Result<Form> {
    let kind = kind(transport);
    let servers = |entry: &dyn Fn(&Endpoint) -> Value| -> Map<String, Value> {
        endpoints
            .iter()
            .map(|endpoint| (endpoint.0.to_owned(), entry(endpoint)))
            .collect()
    };
    let bearer = |variable: &str| json!({"Authorization": format!("Bearer {variable}")});
    let form = match client {
        Client::Claude => {
            let entry = |(_, _, url): &Endpoint| json!({"type": kind, "url": url, "headers": bearer("${SYX_TOKEN}")});
            json!({"mcpServers": servers(&entry)})
        }
        Client::Cursor => {
            let entry =
                |(_, _, url): &Endpoint| json!({"url": url, "headers": bearer("${env:SYX_TOKEN}")});
            json!({"mcpServers": servers(&entry)})
        }
        Client::Vscode => {
            let entry = |(_, _, url): &Endpoint| json!({"type": kind, "url": url, "headers": bearer("${input:syx_token}")});
            let input = json!({"type": "promptString", "id": "syx_token", "description": "Syndarix token", "password": true});
            json!({"inputs": [input], "servers": servers(&entry)})
        }
        Client::Codex => {
            anyhow::ensure!(
                transport == Transport::Http,
                "Codex has no SSE transport: leave --transport out"
            );
            let table = |(name, _, url): &Endpoint| {
                format!(
                    "[mcp_servers.{name}]\nurl = \"{url}\"\nbearer_token_env_var = \"SYX_TOKEN\"\n"
                )
            };
            let tables: Vec<String> = endpoints.iter().map(table).collect();
            return Ok(Form::Toml(tables.join("\n")));
        }
        Client::Gemini => {
            let key = if transport == Transport::Http {
                "httpUrl"
            } else {
                "url"
            };
            let entry = |(_, _, url): &Endpoint| json!({key: url, "type": kind, "headers": bearer("$SYX_TOKEN")});
            json!({"mcpServers": servers(&entry)})
        }
        Client::ClaudeDesktop => json!({"mcpServers": servers(&|(_, id, _)| launch.entry(id))}),
    };
    Ok(Form::Json(form))
}

fn kind(transport: Transport) -> &'static str {
    match transport {
        Transport::Http => "http",
        Transport::Sse => "sse",
    }
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
