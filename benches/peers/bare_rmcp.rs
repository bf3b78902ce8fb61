//! rmcp as it comes, with the tool that the peer bench calls and nothing around it: `bare_rmcp PORT`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly"
)]

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[allow(
    dead_code,
    reason = "arguments are read and checked, as a real tool does"
)]
struct Args {
    project_id: String,
    agent_id: String,
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Models {
    items: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    model: String,
    provider: &'static str,
    upstream_model: &'static str,
    input_usd_per_million: f64,
    output_usd_per_million: f64,
    simulated: bool,
}

#[derive(Clone)]
struct Peer {
    schema: Arc<Map<String, Value>>,
}

impl ServerHandler for Peer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = Tool::new(
            "list_models",
            "List the models that can be used.",
            Arc::clone(&self.schema),
        );
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        serde_json::from_value::<Args>(arguments)
            .map_err(|e| ErrorData::invalid_params(e.to_string(), None))?;
        let items = ["echo", "embed", "lorem"].map(|name| Model {
            model: format!("mock/{name}"),
            provider: "mock",
            upstream_model: name,
            input_usd_per_million: 0.0,
            output_usd_per_million: 0.0,
            simulated: true,
        });
        let models = Models {
            items: items.into(),
        };
        let value = serde_json::to_value(models)
            .map_err(|e| ErrorData::internal_error(e.to_string(), None))?;
        Ok(CallToolResult::structured(value).into())
    }
}

#[tokio::main]
async fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let schema = json!({"type": "object", "required": ["project_id", "agent_id"],
                        "properties": {"project_id": {"type": "string"}, "agent_id": {"type": "string"},
                                       "limit": {"type": "integer"}}});
    let peer = Peer {
        schema: Arc::new(schema.as_object().unwrap().clone()),
    };
    let config = StreamableHttpServerConfig::default().with_json_response(true);
    let service = StreamableHttpService::new(
        move || Ok(peer.clone()),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    let router = axum::Router::new().nest_service("/mcp", service);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
    let listener = axum::serve::ListenerExt::tap_io(listener.unwrap(), |tcp| {
        tcp.set_nodelay(true).unwrap();
    });
    axum::serve(listener, router).await.unwrap();
}
