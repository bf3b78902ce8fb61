//! `client-config`: what each MCP client wants to be told, in its own form, printed or written into its file.

mod form;
mod merge;

use std::path::{Path, PathBuf, absolute};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{exit::Exit, out};
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

impl Client {
    /// The file that it reads.
    fn file(self) -> anyhow::Result<PathBuf> {
        let at_home =
            |path: &str| match std::env::home_dir() {
                Some(home) => Ok(home.join(path)),
                None => Err(Exit::Usage
                    .say("there is no home directory: name the client's file with --file")),
            };
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        Ok(match self {
            Self::Claude => ".mcp.json".into(),
            Self::Cursor => ".cursor/mcp.json".into(),
            Self::Vscode => ".vscode/mcp.json".into(),
            Self::Gemini => ".gemini/settings.json".into(),
            Self::Codex => match variable("CODEX_HOME") {
                Some(home) => home.join("config.toml"),
                None => at_home(".codex/config.toml")?,
            },
            Self::ClaudeDesktop if cfg!(target_os = "macos") => {
                at_home("Library/Application Support/Claude/claude_desktop_config.json")?
            }
            Self::ClaudeDesktop => match variable("XDG_CONFIG_HOME") {
                Some(folder) => folder.join("Claude/claude_desktop_config.json"),
                None => at_home(".config/Claude/claude_desktop_config.json")?,
            },
        })
    }
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
    /// Write it into the client's file, beside what is there; a copy of the file is kept. That of Codex and of Claude Desktop is the
    /// user's own, that of the others is the one of the working directory.
    #[arg(long)]
    write: bool,
    /// The file to write into instead.
    #[arg(long, value_name = "FILE", requires = "write")]
    file: Option<PathBuf>,
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
        if name != all && ServerId::parse(name).is_none() {
            let ids = ServerId::ALL.map(ServerId::as_str).join(", ");
            return Err(Exit::Usage.say(format!("no server {name:?}: there are {ids}, {all}")));
        }
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
    if !args.write {
        return out::line(&form::text(
            args.client,
            args.transport,
            &endpoints,
            &launch,
        )?);
    }
    let form = form::of(args.client, args.transport, &endpoints, &launch)?;
    let file = match &args.file {
        Some(file) => file.clone(),
        None => args.client.file()?,
    };
    out::line(&merge::into(&file, form)?)
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
