//! The server that the MCP conformance suite is run against: made-up tools, prompts and resources behind the hub's own
//! transports, listener and host check. `tests/conformance/run` starts it; it prints its URL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::pedantic,
    reason = "a test may fail loudly"
)]
#![allow(deprecated, reason = "the older era has what the newer has not")]

mod answers;
mod fixture;
mod prompts;
mod resources;
mod rounds;
mod talk;
mod tools;

use std::sync::Arc;

use axum::Extension;
use syndarix::{
    access::{
        Audience, LimitsConfig, Principal, Source,
        grant::{Allow, Grant},
        quota::Quota,
        scope::Scopes,
        tools::ToolFilter,
    },
    edge::{self, HttpConfig, McpConfig, Routes, mcp::Transport},
    tool::Pin,
};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() {
    let http = Arc::new(HttpConfig::default());
    let stop = CancellationToken::new();
    let transport = Transport {
        http: Arc::clone(&http),
        mcp: Arc::new(McpConfig::default()),
        stop: stop.clone(),
        saved: None,
    };
    let fixture = fixture::Fixture::default();
    let router = transport
        .router(move || fixture.clone())
        .layer(Extension(anybody()))
        .layer(Extension(Pin::default()));
    let listener = edge::bind("127.0.0.1:0").await.expect("a free port");
    println!("http://{}/mcp", listener.address);
    listener
        .serve(Routes::new(edge::on_any_port(&http, router)), http, stop)
        .await;
}

/// What the gate would have left in the request: the suite brings no token.
fn anybody() -> Arc<Principal> {
    Arc::new(Principal {
        id: "anybody".into(),
        name: "anybody".into(),
        grant: Grant {
            projects: Allow::All,
            agents: Allow::All,
            scopes: Scopes::parse(&["mcp:read"]).expect("a scope"),
            tools: ToolFilter::default(),
        },
        expires_ms: None,
        quota: Arc::new(Quota::new("anybody", &LimitsConfig::default())),
        owner: "anybody".into(),
        source: Source::Token,
        audience: Audience::Any,
    })
}
