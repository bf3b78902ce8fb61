//! One server of the registry, as rmcp wants it: the only code that knows both.

use std::{fmt, sync::Arc};

use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        ListToolsResult, MetaObject, PaginatedRequestParams, ProgressNotificationParam,
        ProgressToken, ServerCapabilities, ServerConfig, Tool,
    },
    service::{Peer, RequestContext},
};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::surface::Surface;
use crate::{
    access::{Principal, ServerId},
    audit::Origin,
    edge::gate::RequestId,
    tool::{Caller, Event, Events, Pin, ToolError},
};

/// An MCP server over one server of the registry. Cheap to clone.
#[derive(Clone)]
pub struct Adapter {
    surface: Arc<Surface>,
    server: ServerId,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Adapter").field(&self.server).finish()
    }
}

impl Adapter {
    pub fn new(surface: Arc<Surface>, server: ServerId) -> Self {
        Self { surface, server }
    }
}

/// What the gate put into the request that carried a message.
struct Credentials {
    principal: Arc<Principal>,
    pin: Pin,
    request: Option<Arc<str>>,
}

impl Credentials {
    fn of(ctx: &RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        let unauthenticated = || ErrorData::invalid_request("unauthenticated", None);
        let extensions = &ctx
            .extensions
            .get::<Parts>()
            .ok_or_else(unauthenticated)?
            .extensions;
        Ok(Self {
            principal: extensions
                .get::<Arc<Principal>>()
                .cloned()
                .ok_or_else(unauthenticated)?,
            pin: extensions.get::<Pin>().cloned().unwrap_or_default(),
            request: extensions.get::<RequestId>().map(|id| Arc::clone(&id.0)),
        })
    }
}

impl ServerHandler for Adapter {
    fn get_info(&self) -> ServerConfig {
        let info = Implementation::new(self.server.mcp_name(), env!("CARGO_PKG_VERSION"))
            .with_title(format!("Syndarix {}", self.server))
            .with_description(self.server.about());
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(info)
            .with_instructions(format!(
                "{} Every tool works in one project, for one agent: pass project_id and agent_id wherever the tool asks \
                 for them. Errors say what to do next.",
                self.server.about()
            ))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.surface.view().listed(name).map(|l| l.full.clone())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        ctx: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let Credentials { principal, pin, .. } = Credentials::of(&ctx)?;
        if request.is_some_and(|r| r.cursor.is_some()) {
            return Err(ErrorData::invalid_params(
                "unknown cursor: this list has one page",
                None,
            ));
        }
        let pinned = pin.or_bound(&principal).is_complete();
        let view = self.surface.view();
        let tools = view
            .registry
            .visible(self.server, &principal)
            .filter_map(|tool| view.listed(tool.spec().name))
            .map(|listed| {
                if pinned {
                    listed.pinned.clone()
                } else {
                    listed.full.clone()
                }
            })
            .collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        ctx: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Credentials {
            principal,
            pin,
            request: carried_by,
        } = Credentials::of(&ctx)?;
        let registry = Arc::clone(&self.surface.view().registry);
        let Some(tool) = registry.find(self.server, &request.name).cloned() else {
            let name: String = request.name.chars().take(100).collect();
            let message = format!(
                "unknown tool {name:?}: tools/list shows what {} offers",
                self.server
            );
            return Err(ErrorData::invalid_params(message, None));
        };
        let forward = ctx
            .meta
            .get_progress_token()
            .map(|token| Forward::start(ctx.peer.clone(), token));
        let caller = Caller {
            principal,
            pin,
            origin: Origin::Mcp,
            request: carried_by,
            cancel: ctx.ct.clone(),
            events: forward.as_ref().map(|f| Arc::clone(&f.events)),
        };
        let done = registry
            .call_json(tool.as_ref(), caller, request.arguments.unwrap_or_default())
            .await;
        if let Some(forward) = forward {
            forward.finish().await;
        }
        Ok(match done {
            Ok(value) => CallToolResult::structured(value).into(),
            Err(error) => failed(&error).into(),
        })
    }
}

/// Clients check `structuredContent` against the output schema even on errors: the problem goes into text and `_meta`.
fn failed(error: &ToolError) -> CallToolResult {
    let problem = error.problem();
    let text = Value::Object(problem.clone()).to_string();
    let meta = MetaObject::from(serde_json::Map::from_iter([(
        "syndarix/error".to_owned(),
        Value::Object(problem),
    )]));
    CallToolResult::error(vec![ContentBlock::text(text)]).with_meta(Some(meta))
}

/// Carries a call's events to its client as progress notifications.
struct Forward {
    events: Arc<Events>,
    task: JoinHandle<()>,
}

impl Forward {
    fn start(peer: Peer<RoleServer>, token: ProgressToken) -> Self {
        let events = Arc::new(Events::default());
        let queue = Arc::clone(&events);
        let task = tokio::spawn(async move {
            // Progress must grow with each notification, also where the tool counts otherwise or streams text.
            let mut shown = 0.0_f64;
            while let Some(event) = queue.next().await {
                let param = match event {
                    Event::Progress {
                        done,
                        total,
                        message,
                    } => {
                        shown = if done > shown { done } else { shown + 0.001 };
                        let param = ProgressNotificationParam::new(token.clone(), shown)
                            .with_message(message);
                        match total {
                            Some(total) => param.with_total(total),
                            None => param,
                        }
                    }
                    Event::Delta(text) => {
                        shown += 1.0;
                        ProgressNotificationParam::new(token.clone(), shown).with_message(text)
                    }
                };
                if peer.notify_progress(param).await.is_err() {
                    return;
                }
            }
        });
        Self { events, task }
    }

    /// Sends what is left: a notification after the answer would be lost.
    async fn finish(mut self) {
        self.events.close();
        let patience = std::time::Duration::from_secs(2);
        if tokio::time::timeout(patience, &mut self.task)
            .await
            .is_err()
        {
            tracing::debug!("a client did not take its progress notifications in time");
        }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}
