//! `stdio <server|all>`: MCP on standard input and output, for Claude Desktop and other clients that start their servers. It
//! relays to a hub over HTTP+SSE, which serves every era of the protocol: to the hub that runs on the data directory, or to one
//! that it opens itself, which others then share. Where the hub goes away it goes on with the next.

mod dialogue;
mod events;
mod hubs;
mod lines;
mod link;
mod relay;

use clap::Args;

use super::serve::stop_signal;
use crate::{
    access::ServerId,
    config::{Settings, Source},
    observe,
};
use hubs::Hubs;
use lines::Output;
use relay::Relay;

#[derive(Debug, Args)]
pub struct StdioArgs {
    /// The server, e.g. issues; all for every server in one.
    server: String,
    /// Pins every call to this project.
    #[arg(long, env = "SYX_PROJECT")]
    project: Option<String>,
    /// Pins every call to this agent.
    #[arg(long, env = "SYX_AGENT")]
    agent: Option<String>,
}

pub async fn run(settings: Settings, source: Source, args: StdioArgs) -> anyhow::Result<()> {
    let stream = stream(&args)?;
    observe::start_logging(&settings.observe)?;
    let stop = stop_signal()?;
    let input = lines::input(settings.http.max_body_bytes);
    let hubs = Hubs::new(settings.storage.data, source, stream);
    let mut relay = Relay::new(hubs, input, Output::start());
    let done = tokio::select! {
        done = relay.run() => done,
        () = stop.cancelled() => Ok(()),
    };
    relay.close().await;
    done
}

/// Path and query of the stream to relay.
fn stream(args: &StdioArgs) -> anyhow::Result<String> {
    let prefix = match args.server.as_str() {
        "all" => String::new(),
        name => match ServerId::parse(name) {
            Some(server) => format!("/{server}"),
            None => anyhow::bail!("no server {name:?}: name one of {}, or all", names()),
        },
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in [("project_id", &args.project), ("agent_id", &args.agent)] {
        if let Some(value) = value {
            query.append_pair(key, value);
        }
    }
    Ok(match query.finish() {
        none if none.is_empty() => format!("{prefix}/sse"),
        query => format!("{prefix}/sse?{query}"),
    })
}

fn names() -> String {
    ServerId::ALL.map(ServerId::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_servers_own_and_pinned_as_asked() {
        let of = |server: &str, project: Option<&str>| {
            let args = StdioArgs {
                server: server.into(),
                project: project.map(Into::into),
                agent: None,
            };
            stream(&args).map_err(|e| e.to_string())
        };
        assert_eq!(of("issues", None).unwrap(), "/issues/sse");
        assert_eq!(of("all", Some("a b")).unwrap(), "/sse?project_id=a+b");
        assert!(of("isues", None).unwrap_err().contains("issues, "));
    }
}
