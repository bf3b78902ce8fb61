//! What the knowledge base needs a whole hub for: processes that read documents, and jobs that outlive their hub.

mod hostile;
mod jobs;
mod read;

use std::path::Path;

use serde_json::{Value, json};

use crate::support::Hub;

/// Calls a tool for ann of demo.
async fn call(hub: &Hub, tool: &str, mut args: Value) -> (u16, Value) {
    args["project_id"] = json!("demo");
    args["agent_id"] = json!("ann");
    let path = format!("/api/v1/servers/knowledge_base/tools/{tool}");
    hub.admin("POST", &path, args).await
}

/// Puts a file into ann's workspace.
fn put(hub: &Hub, path: &str, bytes: &[u8]) {
    let path = workspace(hub).join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn workspace(hub: &Hub) -> std::path::PathBuf {
    hub.data().join("projects/demo/workspaces/ann/main")
}

/// A committed document.
fn fixture(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents");
    std::fs::read(dir.join(name)).unwrap()
}
