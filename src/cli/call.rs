//! `call <server> <tool> key=value…`: one tool call, its answer as JSON.

use clap::Args;
use serde_json::{Map, Value};

use super::{exit::Exit, hub::Reach, out};
use crate::{config::Settings, project::DEFAULT, tool::coerce};

#[derive(Debug, Args)]
pub struct CallArgs {
    /// The server, e.g. issues.
    server: String,
    /// The tool, e.g. create_issue.
    tool: String,
    /// Arguments: key=value, or key:=JSON for lists and objects. Repeat a key for a list.
    args: Vec<String>,
    /// The project to work in.
    #[arg(long, env = "SYX_PROJECT", default_value = DEFAULT)]
    project: String,
    /// The agent to work for.
    #[arg(long, env = "SYX_AGENT", default_value = DEFAULT)]
    agent: String,
}

pub async fn run(settings: Settings, wanted: CallArgs) -> anyhow::Result<()> {
    let hub = Reach::open(settings).await?;
    let tools = hub.tools().await?;
    // One that the token may not call is not listed: the hub tells that from one that is not there.
    let unknown = Value::Null;
    let schema = tools
        .iter()
        .find(|(server, tool, _, _)| *server == wanted.server && *tool == wanted.tool)
        .map_or(&unknown, |(_, _, _, schema)| schema);
    let mut args = Map::new();
    args.insert(crate::tool::PROJECT_ID.into(), wanted.project.into());
    args.insert(crate::tool::AGENT_ID.into(), wanted.agent.into());
    for pair in &wanted.args {
        let (key, text) = pair
            .split_once('=')
            .ok_or_else(|| Exit::Usage.say(format!("{pair:?} is not key=value")))?;
        if let Some(key) = key.strip_suffix(':') {
            let value = serde_json::from_str(text)
                .map_err(|e| Exit::Usage.say(format!("{key} is not JSON: {e}")))?;
            args.insert(key.to_owned(), value);
        } else {
            coerce::put(schema, &mut args, key, text).map_err(|e| Exit::Usage.say(e))?;
        }
    }
    let answer = hub.call(&wanted.server, &wanted.tool, args).await;
    hub.close().await;
    let answer = answer?;
    out::line(&serde_json::to_string_pretty(&answer.body)?)?;
    if answer.ok {
        return Ok(());
    }
    let text = |key: &str| answer.body.get(key).and_then(Value::as_str);
    let exit = match text("code") {
        Some("unauthenticated" | "forbidden") => Exit::Auth,
        Some("unknown_tool") => {
            let (tool, server) = (&wanted.tool, &wanted.server);
            return Err(Exit::Usage.say(format!("no tool {tool} on {server}: syndarix tools list")));
        }
        _ => Exit::Tool,
    };
    let said = text("detail").or_else(|| text("message"));
    Err(exit.say(said.unwrap_or("the call failed")))
}
