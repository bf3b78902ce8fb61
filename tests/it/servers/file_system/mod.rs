//! Files behind a whole hub: what it costs in memory, what its death leaves, and what clients get to see.

mod dead_hub;
mod media;
mod memory;

use serde_json::{Value, json};

use crate::support::Hub;

/// Calls a tool for the default agent; its status and answer.
async fn call(hub: &Hub, tool: &str, mut args: Value) -> (u16, Value) {
    args["project_id"] = "default".into();
    args["agent_id"] = "default".into();
    let path = format!("/api/v1/servers/file_system/tools/{tool}");
    hub.admin("POST", &path, args).await
}

/// The default agent's files, behind the hub's back.
async fn root(hub: &Hub) -> std::path::PathBuf {
    call(hub, "list_directory", json!({})).await;
    hub.data().join("projects/default/workspaces/default/main")
}
