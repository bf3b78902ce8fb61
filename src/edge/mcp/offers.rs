//! Resources, prompts and completions as MCP has them.

use std::collections::BTreeMap;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        ContentBlock, EmbeddedResource, GetPromptResult, JsonObject, ListResourcesResult,
        MetaObject, Prompt, PromptArgument, PromptMessage, ProtocolVersion, ReadResourceResult,
        Reference, Resource, ResourceContents, ResourceTemplate, Role,
    },
    service::RequestContext,
};
use serde_json::{Map, Value};

use super::fault;
use crate::{
    access::ServerId,
    tool::{self, AGENT_ID, About, Code, Content, Entry, PROJECT_ID, Rendered, ToolError},
};

/// Where `_meta` names the server that something belongs to.
const SERVER: &str = "syndarix/server";

/// Whether the client speaks 2026-07-28 or later, which has no sessions.
pub fn is_stateless(ctx: &RequestContext<RoleServer>) -> bool {
    ctx.protocol_version()
        .is_some_and(|v| v.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

fn of_server(server: ServerId) -> MetaObject {
    MetaObject::from(Map::from_iter([(
        SERVER.to_owned(),
        Value::from(server.as_str()),
    )]))
}

/// Resources of a list.
pub fn resources(entries: Vec<Entry>) -> ListResourcesResult {
    let items = entries.into_iter().map(|entry| {
        let mut item = Resource::new(entry.uri, entry.name)
            .with_title(entry.title)
            .with_description(entry.about)
            .with_meta(of_server(entry.server));
        item.mime_type = entry.mime.map(str::to_owned);
        item
    });
    ListResourcesResult::with_all_items(items.collect())
}

/// A template of a list.
pub fn template(server: ServerId, resource: &tool::Resource, pinned: bool) -> ResourceTemplate {
    let mut item = ResourceTemplate::new(tool::template(resource, pinned), resource.name)
        .with_title(resource.title)
        .with_description(resource.about)
        .with_meta(of_server(server));
    item.mime_type = resource.mime().map(str::to_owned);
    item
}

fn contents(content: Content, uri: String) -> ResourceContents {
    let whole = ResourceContents::text(content.text, uri).with_mime_type(content.mime);
    if content.rest.is_empty() {
        return whole;
    }
    // How much of the text this is, and how to read on.
    whole.with_meta(MetaObject::from(Map::from_iter([(
        "syndarix/details".to_owned(),
        Value::Object(content.rest),
    )])))
}

/// What a resource holds.
pub fn content(content: Content, uri: String) -> ReadResourceResult {
    ReadResourceResult::new(vec![contents(content, uri)])
}

/// A prompt of a list. A pinned caller need not name project and agent.
pub fn prompt(server: ServerId, prompt: &tool::Prompt, pinned: bool) -> Prompt {
    let scope = [
        (PROJECT_ID, "The project to work in, e.g. \"default\"."),
        (
            AGENT_ID,
            "The agent this is asked for: a member of the project.",
        ),
    ];
    let scope = scope.into_iter().filter(|_| !pinned).map(|(name, about)| {
        PromptArgument::new(name)
            .with_description(about)
            .with_required(name == PROJECT_ID)
    });
    let own = prompt.arguments.iter().map(|argument| {
        PromptArgument::new(argument.name)
            .with_description(argument.about)
            .with_required(argument.required)
    });
    Prompt::new(
        prompt.name,
        Some(prompt.about),
        Some(scope.chain(own).collect()),
    )
    .with_title(prompt.title)
    .with_meta(of_server(server))
}

/// A prompt's arguments: texts.
pub fn texts(arguments: Option<JsonObject>) -> Result<BTreeMap<String, String>, ToolError> {
    let given = arguments.unwrap_or_default().into_iter();
    given
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
            _ => Err(ToolError::invalid(format!("/{name}"), "must be a text")),
        })
        .collect()
}

/// A prompt, filled in.
pub fn rendered(rendered: Rendered) -> GetPromptResult {
    let mut messages = vec![PromptMessage::new_text(Role::User, rendered.text)];
    messages.extend(rendered.resources.into_iter().map(|(uri, content)| {
        let resource = EmbeddedResource::new(contents(content, uri));
        PromptMessage::new(Role::User, ContentBlock::Resource(resource))
    }));
    GetPromptResult::new(messages).with_description(rendered.about)
}

/// A prompt or completion that failed: what is not there is an argument that is wrong.
pub fn prompt_fault(error: &ToolError) -> ErrorData {
    match error.code {
        Code::NotFound | Code::Forbidden => {
            ErrorData::invalid_params(error.message.clone(), Some(Value::Object(error.problem())))
        }
        _ => fault::error(error),
    }
}

/// What a completion is asked for.
pub fn about(reference: &Reference) -> Result<About<'_>, ErrorData> {
    match reference {
        Reference::Resource(resource) => Ok(About::Resource(&resource.uri)),
        Reference::Prompt(prompt) => Ok(About::Prompt(&prompt.name)),
        _ => Err(ErrorData::invalid_params(
            "ref: must be a ref/resource or a ref/prompt",
            None,
        )),
    }
}
