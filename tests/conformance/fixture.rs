//! The handler: hands each request to the module that answers it.

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
        GetPromptRequestParams, GetPromptResponse, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
        ReadResourceResponse, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
        SubscriptionFilter, Tool, UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde_json::json;
use tokio::sync::broadcast;

use crate::{
    answers::{complete, typed},
    prompts, resources, rounds, talk, tools,
};

/// A list that has changed.
#[derive(Clone, Copy, Debug)]
enum Changed {
    Tools,
    Prompts,
}

/// Cheap to clone; all clones share their listeners.
#[derive(Clone, Debug)]
pub struct Fixture {
    changed: broadcast::Sender<Changed>,
}

impl Default for Fixture {
    fn default() -> Self {
        Self {
            changed: broadcast::Sender::new(16),
        }
    }
}

type Page = Option<PaginatedRequestParams>;
type Context = RequestContext<RoleServer>;

#[allow(
    deprecated,
    reason = "the older era has requests that the newer has not"
)]
impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = json!({
            "tools": {"listChanged": true},
            "prompts": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true},
            "completions": {},
            "logging": {},
        });
        ServerConfig::new(typed(capabilities))
            .with_server_info(typed(json!({"name": "conformance", "version": "1.0.0"})))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::list().into_iter().find(|tool| tool.name == name)
    }

    async fn list_tools(&self, _: Page, _: Context) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::list()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        ctx: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        // Nobody may be listening.
        let _listeners = match &*request.name {
            "test_trigger_tool_change" => self.changed.send(Changed::Tools),
            "test_trigger_prompt_change" => self.changed.send(Changed::Prompts),
            _ => Ok(0),
        };
        if let Some(done) = tools::call(&request) {
            return Ok(done.into());
        }
        if let Some(steps) = rounds::of(&request.name) {
            let answers = request.input_responses.unwrap_or_default();
            let state = request.request_state.as_deref();
            return match rounds::next(steps, &answers, state, &ctx)? {
                Some(more) => Ok(more.into()),
                None => Ok(tools::said(&format!("state-ok: {}", json!(answers))).into()),
            };
        }
        talk::call(&request, &ctx).await.map(Into::into)
    }

    async fn list_prompts(&self, _: Page, _: Context) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::list()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        ctx: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        if let Some(steps) = rounds::of(&request.name) {
            let answers = request.input_responses.clone().unwrap_or_default();
            let state = request.request_state.as_deref();
            if let Some(more) = rounds::next(steps, &answers, state, &ctx)? {
                return Ok(more.into());
            }
        }
        prompts::get(&request).map(Into::into)
    }

    async fn list_resources(&self, _: Page, _: Context) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::list()))
    }

    async fn list_resource_templates(
        &self,
        _: Page,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(
            resources::templates(),
        ))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(&request.uri).map(Into::into)
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let values = ["paris", "park", "party"];
        let fits = values
            .iter()
            .filter(|value| value.starts_with(&request.argument.value));
        let values: Vec<_> = fits.collect();
        Ok(complete(json!({"completion": {"values": values}})))
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changed = self.changed.subscribe();
        let sink = subscription.sink();
        loop {
            let change = tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                change = changed.recv() => change,
            };
            // The sink refuses what the client did not ask for.
            let _sent = match change {
                Ok(Changed::Tools) => sink.notify_tool_list_changed().await,
                Ok(Changed::Prompts) => sink.notify_prompt_list_changed().await,
                Err(_) => return Ok(()),
            };
        }
    }
}
