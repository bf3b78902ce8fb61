//! What an endpoint is to its clients: one server, or all that are enabled.

use rmcp::model::{Icon, Implementation, ServerCapabilities, ServerConfig};

use crate::{access::ServerId, tool::Reach};

/// An endpoint's name and place in the hub.
#[derive(Debug)]
pub struct Endpoint {
    /// The name that it gives itself.
    pub name: &'static str,
    /// What of the hub it shows.
    pub reach: Reach,
    /// Whether its tools are searched for instead of listed, unless the URL says otherwise.
    pub light: bool,
    /// What it says at the start.
    pub info: ServerConfig,
}

const SCOPE: &str = "Every tool works in one project, for one agent: pass project_id and agent_id wherever the tool asks for \
                     them. Errors say what to do next. Resources show the same data by URI, start with project://{project_id}/config.";

impl Endpoint {
    /// One server.
    pub fn one(server: ServerId) -> Self {
        let title = format!("Syndarix {server}");
        Self {
            name: server.mcp_name(),
            reach: Reach::one(server),
            light: false,
            info: info(
                server.mcp_name(),
                &title,
                server.about(),
                &format!("{} {SCOPE}", server.about()),
            ),
        }
    }

    /// All enabled servers; with `light`, behind three tools that find the others.
    pub fn all(light: bool) -> Self {
        let about = "All servers of the hub at once: language models, git, knowledge base, issues, files, code analysis and CI.";
        let how = if light {
            " Its tools are not listed: find them with search_tools, look at one with describe_tool, call it with call_tool."
        } else {
            ""
        };
        Self {
            name: "syndarix",
            reach: Reach::default(),
            light,
            info: info(
                "syndarix",
                "Syndarix",
                about,
                &format!("{about}{how} {SCOPE}"),
            ),
        }
    }
}

fn info(name: &str, title: &str, about: &str, instructions: &str) -> ServerConfig {
    let implementation = Implementation::new(name, env!("CARGO_PKG_VERSION"))
        .with_title(title)
        .with_description(about)
        .with_icons(vec![icon()]);
    ServerConfig::new(capabilities())
        .with_server_info(implementation)
        .with_instructions(instructions)
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities::builder()
        .enable_tools()
        .enable_tool_list_changed()
        .enable_resources()
        .enable_resources_subscribe()
        .enable_resources_list_changed()
        .enable_prompts()
        .enable_prompts_list_changed()
        .enable_completions()
        .enable_logging()
        .enable_tasks()
        .build()
}

/// Seven dots around a hub, drawn small enough to travel with every greeting.
fn icon() -> Icon {
    const SVG: &str = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAzMiAzMiI+PGNpcmNsZSBjeD0iMTYiIGN5PSIxNiIgcj0iNSIgZmlsbD0iIzJmNmZlYiIvPjxjaXJjbGUgY3g9IjE2IiBjeT0iMTYiIHI9IjEyIiBmaWxsPSJub25lIiBzdHJva2U9IiMyZjZmZWIiIHN0cm9rZS13aWR0aD0iMyIgc3Ryb2tlLWRhc2hhcnJheT0iMSA5Ljc3IiBzdHJva2UtbGluZWNhcD0icm91bmQiLz48L3N2Zz4=";
    Icon::new(SVG)
        .with_mime_type("image/svg+xml")
        .with_sizes(vec!["any".to_owned()])
}
