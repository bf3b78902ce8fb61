//! Contracts that clients rely on: what every tool says of itself, and the OpenAPI document.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use syndarix::{app::App, config::Settings};

async fn app() -> (App, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let data = format!("[storage]\ndata = {:?}\n", dir.path().join("data"));
    let settings = Settings::parse(&data, "config.toml", false).unwrap();
    (App::open(settings).await.unwrap(), dir)
}

/// Calls `see` with every property of `schema` at any depth, and where it is.
fn properties(schema: &Value, at: &str, see: &mut impl FnMut(&str, &Value)) {
    for (name, rule) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        see(&at, rule);
        properties(rule, &at, see);
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            properties(&schema[key], at, see);
        }
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for option in schema[key].as_array().into_iter().flatten() {
            properties(option, at, see);
        }
    }
}

#[tokio::test]
async fn every_tool_describes_itself_and_all_its_fields() {
    let (app, _dir) = app().await;
    for server in app.registry().servers() {
        for tool in app.registry().every_tool(server) {
            let spec = tool.spec();
            let name = spec.name;
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert!(
                spec.about.len() >= 60 && spec.about.ends_with('.'),
                "{name}: {}",
                spec.about
            );
            for (kind, schema) in [("input", &spec.input), ("output", &spec.output)] {
                let schema = Value::Object((**schema).clone());
                assert_eq!(schema["type"], "object", "{name} {kind}");
                let text = schema.to_string();
                for word in ["\"title\":\"", "\"uint", "\"null\"", "\"int64\"", "$ref"] {
                    assert!(!text.contains(word), "{name} {kind} has {word}");
                }
                properties(&schema, "", &mut |at, rule| {
                    assert!(
                        rule["description"].as_str().is_some_and(|d| d.len() > 3),
                        "{name} {kind} {at}: no description"
                    );
                });
            }
            let required = &spec.input["required"];
            assert_eq!(
                (&required[0], &required[1]),
                (&json!("project_id"), &json!("agent_id"))
            );
            assert_eq!(spec.input["additionalProperties"], false, "{name}");
        }
    }
    app.close().await;
}

/// A list's arguments are the same everywhere: `limit` from 1 to 200, an opaque `cursor`.
#[tokio::test]
async fn lists_are_alike() {
    let (app, _dir) = app().await;
    for server in app.registry().servers() {
        for tool in app.registry().tools(server) {
            let spec = tool.spec();
            let input = &spec.input["properties"];
            if input["cursor"].is_null() {
                continue;
            }
            assert_eq!(input["cursor"]["type"], "string", "{}", spec.name);
            assert!(
                spec.output["properties"]["next_cursor"].is_object(),
                "{}",
                spec.name
            );
            if let Some(limit) = input.get("limit") {
                assert_eq!(limit["minimum"], 1, "{}", spec.name);
                assert!(limit["maximum"].as_u64().unwrap() <= 1000, "{}", spec.name);
            }
        }
    }
    app.close().await;
}

#[tokio::test]
async fn the_tools_are_those_that_were_promised() {
    let (app, _dir) = app().await;
    let names: Vec<String> = app
        .registry()
        .servers()
        .flat_map(|server| {
            app.registry()
                .tools(server)
                .map(move |t| format!("{server} {} {}", t.spec().name, t.spec().access.as_str()))
        })
        .collect();
    insta::assert_snapshot!("tools", names.join("\n"));
    app.close().await;
}

#[tokio::test]
async fn the_openapi_document_is_whole() {
    let (app, _dir) = app().await;
    let document = syndarix::edge::rest::openapi(app.registry());
    let mut ids = BTreeSet::new();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "operationId {id} is there twice");
            assert!(operation["responses"]["default"].is_object(), "{id}");
            for name in path.split(['{', '}']).skip(1).step_by(2) {
                let parameters = operation["parameters"].as_array().unwrap();
                assert!(
                    parameters
                        .iter()
                        .any(|p| p["name"] == name && p["in"] == "path" && p["required"] == true),
                    "{id}: {name}"
                );
            }
            if !path.contains("/tools/") {
                routes.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    insta::assert_snapshot!("routes", routes.join("\n"));
    app.close().await;
}
