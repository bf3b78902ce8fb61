//! Calling a tool for a session: listed, or found by the light mode; at once, or as a task.

use std::sync::{Arc, PoisonError};

use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult},
    service::RequestContext,
};

use super::{
    adapter::{Adapter, Sight},
    confirm,
    endpoint::Endpoint,
    fault, forward, light, media, offers,
};
use crate::tool::{DynTool, Level};

impl Adapter {
    /// Calls the tool that `request` names.
    pub(super) async fn call_named(
        &self,
        sight: &Sight,
        request: CallToolRequestParams,
        ctx: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if sight.light {
            return self.call_light(sight, request, ctx).await;
        }
        match sight.view.tool(&request.name, &sight.reach) {
            Some(tool) => self.call(sight, tool, request, ctx).await,
            None => Err(unknown_tool(&request.name, &self.endpoint)),
        }
    }

    /// From which level on the client wants log messages.
    fn log_level(&self, ctx: &RequestContext<RoleServer>) -> Option<Level> {
        if offers::is_stateless(ctx) {
            return ctx.meta.log_level().map(forward::level);
        }
        Some(*self.level.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn call(
        &self,
        sight: &Sight,
        tool: Arc<dyn DynTool>,
        request: CallToolRequestParams,
        ctx: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let spec = Arc::clone(tool.spec());
        if let Some(instead) = confirm::ask(&spec, &request, ctx).await {
            return Ok(instead);
        }
        let args = request.arguments.unwrap_or_default();
        let registry = &sight.view.registry;
        let with_tasks = ctx
            .client_capabilities()
            .is_some_and(|c| c.supports_tasks());
        if let Some(may_run) = spec.task.filter(|_| with_tasks) {
            let caller = sight.who.caller(ctx, None);
            let tasks = self.surface.tasks();
            let registry = Arc::clone(registry);
            return tasks
                .start(registry, tool, caller, args, may_run)
                .map(CallToolResponse::from);
        }
        let wanted = forward::Wanted {
            progress: ctx.meta.get_progress_token(),
            log: self.log_level(ctx),
            logger: spec.name,
        };
        let done = forward::during(ctx.peer.clone(), wanted, |events| {
            let caller = sight.who.caller(ctx, events);
            registry.call_json(tool.as_ref(), caller, args)
        })
        .await;
        Ok(match done {
            Ok(value) if spec.media => media::result(value).into(),
            Ok(value) => CallToolResult::structured(value).into(),
            Err(error) => fault::result(&error).into(),
        })
    }

    async fn call_light(
        &self,
        sight: &Sight,
        mut request: CallToolRequestParams,
        ctx: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let args = request.arguments.take().unwrap_or_default();
        let answer = match &*request.name {
            light::SEARCH => sight.shown().search(args),
            light::DESCRIBE => sight.shown().describe(args),
            light::CALL => match light::read::<light::Call>(args) {
                Ok(call) => match sight.view.tool(&call.name, &sight.reach) {
                    Some(tool) => {
                        request.arguments = Some(call.arguments);
                        return self.call(sight, tool, request, ctx).await;
                    }
                    None => Err(light::no_tool(&call.name)),
                },
                Err(error) => Err(error),
            },
            other => return Err(unknown_tool(other, &self.endpoint)),
        };
        Ok(match answer {
            Ok(value) => CallToolResult::structured(value).into(),
            Err(error) => fault::result(&error).into(),
        })
    }
}

fn unknown_tool(name: &str, endpoint: &Endpoint) -> ErrorData {
    let name: String = name.chars().take(100).collect();
    let message = format!(
        "unknown tool {name:?}: tools/list shows what {} offers",
        endpoint.name
    );
    ErrorData::invalid_params(message, None)
}
