//! An endpoint of the registry, as rmcp wants it.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams,
        CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptRequestParams,
        GetPromptResponse, GetTaskParams, GetTaskResult, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SetLevelRequestParams,
        SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
        UpdateTaskParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};

use super::{
    credentials::Credentials,
    endpoint::Endpoint,
    fault, forward,
    light::{self, Shown},
    offers, paging,
    surface::{Surface, View},
    watch::{self, Targets, Watch},
};
use crate::tool::{Level, Reach};

/// How long a client may show a list without asking again: it is told when the list changes.
const LIST_TTL_MS: u64 = 60_000;

/// One session of an endpoint.
pub struct Adapter {
    pub(super) surface: Arc<Surface>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) level: Mutex<Level>,
    /// Made when the session begins: requests outside sessions need none.
    watch: OnceLock<Watch>,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Adapter").field(&self.endpoint).finish()
    }
}

/// What a request is about: who sent it, and what of the hub it sees.
pub(super) struct Sight {
    pub who: Credentials,
    pub view: Arc<View>,
    pub reach: Reach,
    pub light: bool,
}

impl Sight {
    pub fn shown(&self) -> Shown<'_> {
        Shown {
            view: &self.view,
            reach: &self.reach,
            principal: &self.who.principal,
            pinned: self.who.is_pinned(),
        }
    }
}

impl Adapter {
    /// A new session of `endpoint`.
    pub fn new(surface: Arc<Surface>, endpoint: Arc<Endpoint>) -> Self {
        Self {
            surface,
            endpoint,
            watch: OnceLock::new(),
            level: Mutex::new(Level::Info),
        }
    }

    fn watch(&self) -> &Watch {
        self.watch.get_or_init(Watch::default)
    }

    fn sight(&self, ctx: &RequestContext<RoleServer>) -> Result<Sight, ErrorData> {
        let who = Credentials::of(&ctx.extensions)?;
        Ok(Sight {
            view: self.surface.view(),
            reach: self.endpoint.reach.and(&who.selection.reach),
            light: who.selection.light.unwrap_or(self.endpoint.light),
            who,
        })
    }

    /// Reads a resource to see that it is there for the caller, and subscribes to it.
    async fn subscribe_to(
        &self,
        sight: &Sight,
        uri: &str,
        targets: &Targets,
        ctx: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let caller = sight.who.caller(ctx, None);
        let read = sight.view.registry.read_resource(caller, &sight.reach, uri);
        let content = read.await.map_err(|e| fault::resource(&e, uri))?;
        let principal = Arc::clone(&sight.who.principal);
        targets.add(uri.to_owned(), principal, content.target)
    }
}

fn cursor(request: Option<PaginatedRequestParams>) -> Option<String> {
    request.and_then(|r| r.cursor)
}

impl ServerHandler for Adapter {
    fn get_info(&self) -> ServerConfig {
        self.endpoint.info.clone()
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.surface.view().listed(name).map(|l| l.full.clone())
    }

    async fn on_initialized(&self, ctx: NotificationContext<RoleServer>) {
        self.watch().start(ctx.peer, Arc::clone(&self.surface));
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        _ctx: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = forward::level(request.level);
        Ok(())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        ctx: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let sight = self.sight(&ctx)?;
        let tools = if sight.light {
            light::tools().to_vec()
        } else {
            sight.view.tools(&sight.shown())
        };
        let (tools, next) = paging::page(&sight.who, "tools", tools, cursor(request))?;
        let mut result = ListToolsResult::with_all_items(tools)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        ctx: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let sight = self.sight(&ctx)?;
        self.call_named(&sight, request, &ctx).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        ctx: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let sight = self.sight(&ctx)?;
        let (who, cursor) = (&sight.who, cursor(request));
        let registry = &sight.view.registry;
        let page = registry
            .list_resources(&who.principal, &who.pin, &sight.reach, cursor.as_deref())
            .await
            .map_err(|e| fault::error(&e))?;
        let mut result = offers::resources(page.items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = page.next_cursor;
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        ctx: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let sight = self.sight(&ctx)?;
        let templates = sight
            .view
            .registry
            .resource_templates(&sight.who.principal, &sight.reach);
        let pinned = sight.who.is_pinned();
        let all = templates
            .into_iter()
            .map(|(server, resource)| offers::template(server, resource, pinned));
        let (items, next) = paging::page(&sight.who, "templates", all.collect(), cursor(request))?;
        let mut result = ListResourceTemplatesResult::with_all_items(items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        ctx: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let sight = self.sight(&ctx)?;
        let caller = sight.who.caller(&ctx, None);
        let registry = &sight.view.registry;
        let read = registry.read_resource(caller, &sight.reach, &request.uri);
        let content = read.await.map_err(|e| fault::resource(&e, &request.uri))?;
        Ok(offers::content(content, request.uri).into())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        ctx: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let sight = self.sight(&ctx)?;
        self.subscribe_to(&sight, &request.uri, &self.watch().targets, &ctx)
            .await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _ctx: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.watch().targets.remove(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let ctx = subscription.request_context();
        let sight = self.sight(ctx)?;
        let targets = Targets::default();
        for uri in subscription
            .accepted()
            .resource_subscriptions
            .iter()
            .flatten()
        {
            self.subscribe_to(&sight, uri, &targets, ctx).await?;
        }
        watch::serve(&subscription, Arc::clone(&self.surface), &targets).await;
        Ok(())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        ctx: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let sight = self.sight(&ctx)?;
        let prompts = sight
            .view
            .registry
            .prompts(&sight.who.principal, &sight.reach);
        let pinned = sight.who.is_pinned();
        let all = prompts
            .into_iter()
            .map(|(server, prompt)| offers::prompt(server, prompt, pinned));
        let (items, next) = paging::page(&sight.who, "prompts", all.collect(), cursor(request))?;
        let mut result = ListPromptsResult::with_all_items(items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        ctx: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let sight = self.sight(&ctx)?;
        let given = offers::texts(request.arguments).map_err(|e| fault::error(&e))?;
        let caller = sight.who.caller(&ctx, None);
        let registry = &sight.view.registry;
        let rendered = registry
            .render_prompt(caller, &sight.reach, &request.name, given)
            .await
            .map_err(|e| offers::prompt_fault(&e))?;
        Ok(offers::rendered(rendered).into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        ctx: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let sight = self.sight(&ctx)?;
        let known = request.context.and_then(|c| c.arguments);
        let known = known.unwrap_or_default().into_iter().collect();
        let caller = sight.who.caller(&ctx, None);
        let registry = &sight.view.registry;
        let asked = (
            request.argument.name.as_str(),
            request.argument.value.as_str(),
        );
        let about = offers::about(&request.r#ref)?;
        let mut values = registry
            .complete(caller, &sight.reach, about, asked, &known)
            .await
            .map_err(|e| offers::prompt_fault(&e))?;
        let total = values.len();
        values.truncate(CompletionInfo::MAX_VALUES);
        let more = values.len() < total;
        let info = CompletionInfo::with_pagination(values, u32::try_from(total).ok(), more)
            .map_err(|e| ErrorData::internal_error(e, None))?;
        Ok(CompleteResult::new(info))
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        ctx: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let who = Credentials::of(&ctx.extensions)?;
        let tasks = self.surface.tasks();
        let task = tasks.get(&request.task_id, &who.principal.id)?;
        Ok(GetTaskResult::new(task))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        ctx: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let who = Credentials::of(&ctx.extensions)?;
        let tasks = self.surface.tasks();
        tasks.update(&request.task_id, &who.principal.id, request.input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        ctx: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let who = Credentials::of(&ctx.extensions)?;
        let tasks = self.surface.tasks();
        tasks.cancel(&request.task_id, &who.principal.id)
    }
}
