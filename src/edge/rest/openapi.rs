//! OpenAPI 3.1, generated from the tools' contracts, so that it cannot drift from them.

mod errors;
mod example;
mod hub;
mod webhooks;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    base::ids::ProjectId,
    tool::{AGENT_ID, Method, PROJECT_ID, Registry, Route, Spec, of_args},
};

/// The document.
pub fn document(registry: &Registry) -> Value {
    let mut paths = Map::new();
    for server in registry.servers() {
        for tool in registry.tools(server) {
            let spec = tool.spec();
            let path = format!("/api/v1/servers/{server}/tools/{}", spec.name);
            let mut operation = operation(
                spec,
                spec.name.to_owned(),
                Some(body(&input(&spec.input_whole))),
                &[],
            );
            operation.insert("parameters".into(), json!([]));
            add(&mut paths, &path, "post", operation);
        }
        for route in registry.routes(server) {
            if let Some(tool) = registry.find(server, route.tool) {
                add_route(&mut paths, route, tool.spec());
            }
        }
    }
    hub::operations(&mut paths);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Syndarix",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Seven servers for a team of AI agents. Every tool works in one project for one agent: name them \
                            as project_id and agent_id, in the headers X-Project-Id and X-Agent-Id, or use a token that is \
                            bound to one of each. With the header Idempotency-Key a request that changes something is done once, and \
                            answered as it was when it comes again.",
            "contact": {"name": "The hub's administrator"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The hub that this document comes from."}],
        "tags": tags(registry),
        "security": [{"bearer": []}],
        "paths": paths,
        "webhooks": webhooks::webhooks(),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "A service token, syx_…"}},
            "schemas": {"Problem": errors::problem()},
            "responses": errors::components(),
        },
    })
}

/// What the operations are sorted by.
fn tags(registry: &Registry) -> Vec<Value> {
    let servers = registry
        .servers()
        .map(|server| (server.as_str(), server.about()));
    servers
        .chain([("hub", "Administration and events.")])
        .map(|(name, about)| json!({"name": name, "description": about}))
        .collect()
}

fn add(paths: &mut Map<String, Value>, path: &str, method: &str, operation: Map<String, Value>) {
    let item = paths.entry(path).or_insert_with(|| json!({}));
    if let Some(item) = item.as_object_mut() {
        item.insert(method.into(), operation.into());
    }
}

fn body(schema: &Map<String, Value>) -> Value {
    let schema = Value::Object(schema.clone());
    let example = example::of("", &schema);
    json!({"required": true, "content": {"application/json": {"schema": schema, "example": example}}})
}

/// A tool's input schema, which here says what names of projects and agents look like too, and what goes together. Tools' own schemas
/// leave that out: models read them in every conversation, and do not make up names.
fn input(schema: &Map<String, Value>) -> Map<String, Value> {
    let mut input = schema.clone();
    let properties = input.get_mut("properties").and_then(Value::as_object_mut);
    for (name, rule) in properties.into_iter().flatten() {
        if let Some(rule) = rule
            .as_object_mut()
            .filter(|_| [PROJECT_ID, AGENT_ID].contains(&name.as_str()))
        {
            rule.extend(
                of_args::<ProjectId>()
                    .into_iter()
                    .filter(|(key, _)| key == "pattern"),
            );
        }
    }
    input
}

fn operation(
    spec: &Spec,
    id: String,
    request: Option<Value>,
    parameters: &[Value],
) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("operationId".into(), id.into());
    out.insert("tags".into(), json!([spec.server]));
    out.insert("summary".into(), spec.title.clone().into());
    out.insert(
        "description".into(),
        format!("{} Needs the scope `{}`.", spec.about, spec.scope()).into(),
    );
    if !parameters.is_empty() {
        out.insert("parameters".into(), parameters.into());
    }
    let has_body = request.is_some();
    if let Some(request) = request {
        out.insert("requestBody".into(), request);
    }
    out.insert(
        "responses".into(),
        responses(
            "200",
            Some(&Value::Object((*spec.output).clone())),
            has_body,
        ),
    );
    out
}

fn responses(status: &str, schema: Option<&Value>, has_body: bool) -> Value {
    let mut success = json!({"description": "Done."});
    if let (Some(schema), Some(map)) = (schema, success.as_object_mut()) {
        let example = example::of("", schema);
        map.insert(
            "content".into(),
            json!({"application/json": {"schema": schema, "example": example}}),
        );
    }
    let all = std::iter::once((status.to_owned(), success)).chain(errors::of_operation(has_body));
    all.collect::<Map<String, Value>>().into()
}

/// A friendly route: names in the path, the rest in the query or the body.
fn add_route(paths: &mut Map<String, Value>, route: &Route, spec: &Spec) {
    let empty = Map::new();
    // In a path and a query there is no null, and each is on its own.
    let input = input(if route.method.has_body() {
        &spec.input_whole
    } else {
        &spec.input
    });
    let properties = input
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let required: Vec<&str> = input
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let in_path: Vec<&str> = route.path.split(['{', '}']).skip(1).step_by(2).collect();
    let mut parameters: Vec<Value> = Vec::new();
    for name in &in_path {
        parameters.push(parameter(name, "path", true, properties.get(*name)));
    }
    let mut request = None;
    if route.method.has_body() {
        let mut rest = input.clone();
        let left: Map<String, Value> = properties
            .iter()
            .filter(|(k, _)| !in_path.contains(&k.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let needed: Vec<&str> = required
            .iter()
            .copied()
            .filter(|r| !in_path.contains(r))
            .collect();
        let named = |rule: &Value| {
            let rule = rule.to_string();
            in_path
                .iter()
                .any(|name| rule.contains(&format!("\"{name}\"")))
        };
        rest.retain(|key, rule| !(key.ends_with("Of") && named(rule)));
        rest.insert("properties".into(), left.into());
        rest.insert("required".into(), needed.into());
        request = Some(body(&rest));
    } else {
        for (name, rule) in properties
            .iter()
            .filter(|(k, _)| !in_path.contains(&k.as_str()))
        {
            parameters.push(parameter(
                name,
                "query",
                required.contains(&name.as_str()),
                Some(rule),
            ));
        }
    }
    let mut id = format!("{}_{}", route.method.as_str().to_lowercase(), spec.name);
    let mut operations = paths
        .values()
        .filter_map(Value::as_object)
        .flat_map(Map::values);
    if operations.any(|operation| {
        operation
            .get("operationId")
            .is_some_and(|other| *other == *id)
    }) {
        id.push_str("_2");
    }
    let method = match route.method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
    };
    add(
        paths,
        route.path,
        method,
        operation(spec, id, request, &parameters),
    );
}

fn parameter(name: &str, place: &str, required: bool, rule: Option<&Value>) -> Value {
    let mut schema = rule.cloned().unwrap_or_else(|| json!({"type": "string"}));
    let about = schema.as_object_mut().and_then(|s| s.remove("description"));
    let mut out = json!({"name": name, "in": place, "required": place == "path" || required, "schema": schema});
    if let Some(out) = out.as_object_mut() {
        if required {
            out.insert("example".into(), example::of(name, &schema));
        }
        if let Some(about) = about {
            out.insert("description".into(), about);
        }
    }
    out
}

/// What is sent.
fn schema_of<T: JsonSchema>() -> Value {
    schema::<T>(SchemaSettings::draft2020_12())
}

/// What is answered.
fn answer_of<T: JsonSchema>() -> Value {
    schema::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let settings = settings.with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

fn query_of<T: JsonSchema>() -> Vec<Value> {
    let schema = of_args::<T>();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, rule)| parameter(name, "query", false, Some(rule)))
        .collect()
}
