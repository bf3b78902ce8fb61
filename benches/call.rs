//! What one call costs without a network, with scope and audit on: typed and as JSON. Prints CPU and latency beside
//! criterion's wall time. `transport` says what the transports add.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::pedantic,
    reason = "a test or a bench may fail loudly"
)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use syndarix::{
    access::Principal,
    app::App,
    base::ids::{AgentId, ProjectId},
    config::Settings,
    project::Scope,
    servers::llm_gateway::tools::list_models::{Args, ListModels},
    tool::{Caller, Registry},
};
use tokio::runtime::Runtime;

const TOOL: &str = "list_models";

#[allow(dead_code, reason = "each bench takes what it needs")]
mod support;

use support::measure::measure;

struct Local {
    registry: Arc<Registry>,
    principal: Arc<Principal>,
    _dir: tempfile::TempDir,
}

async fn local() -> Local {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("[storage]\ndata = {:?}\n", dir.path().join("data"));
    let app = App::open(Settings::parse(&text, "bench", false).unwrap())
        .await
        .unwrap();
    let token = app.first_token.as_ref().unwrap().reveal().to_owned();
    let principal = app.authority().authenticate(&token).await.unwrap();
    let registry = Arc::clone(app.registry());
    // Lives as long as the bench.
    std::mem::forget(app);
    Local {
        registry,
        principal,
        _dir: dir,
    }
}

fn args() -> Value {
    json!({"project_id": "default", "agent_id": "default"})
}

fn benches(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let here = runtime.block_on(local());
    let pid = std::process::id();
    let scope = Scope {
        project: ProjectId::new("default").unwrap(),
        agent: AgentId::new("default").unwrap(),
    };

    measure(c, &runtime, "typed in-process", (pid, 50_000), async || {
        let caller = Caller::embedded(Arc::clone(&here.principal));
        here.registry
            .call::<ListModels>(
                caller,
                &scope,
                Args {
                    limit: 50,
                    cursor: None,
                },
            )
            .await
            .unwrap();
    });

    let tool = Arc::clone(here.registry.find_any(TOOL).unwrap());
    measure(c, &runtime, "JSON in-process", (pid, 50_000), async || {
        let caller = Caller::embedded(Arc::clone(&here.principal));
        let args = args().as_object().unwrap().clone();
        here.registry
            .call_json(tool.as_ref(), caller, args)
            .await
            .unwrap();
    });
}

criterion_group!(calls, benches);
criterion_main!(calls);
