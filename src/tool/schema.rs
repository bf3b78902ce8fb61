//! JSON Schema 2020-12 of arguments and outputs, made from the Rust types and cleaned for clients: no titles, no Rust
//! number formats, no nulls, everything in place instead of behind `$ref`.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The argument that names the project.
pub const PROJECT_ID: &str = "project_id";
/// The argument that names the agent.
pub const AGENT_ID: &str = "agent_id";

/// What a schema says at its root of several arguments together. Providers of models refuse tools with that, so it is kept apart.
const TOGETHER: [&str; 4] = ["allOf", "anyOf", "oneOf", "not"];

/// The schema of what a caller sends, without scope.
pub fn of_args<T: JsonSchema>() -> Map<String, Value> {
    let mut args = root(
        SchemaSettings::draft2020_12(),
        T::json_schema,
        Nulls::Dropped,
    );
    args.retain(|key, _| !TOGETHER.contains(&key.as_str()));
    args
}

/// The same for callers that are no models: with what it says of several arguments together, and with null for what may be left out.
pub fn of_args_whole<T: JsonSchema>() -> Map<String, Value> {
    root(SchemaSettings::draft2020_12(), T::json_schema, Nulls::Kept)
}

/// The schema of what a caller gets.
pub fn of_output<T: JsonSchema>() -> Map<String, Value> {
    root(
        SchemaSettings::draft2020_12().for_serialize(),
        T::json_schema,
        Nulls::Dropped,
    )
}

/// `args` with `project_id` and `agent_id` added as required.
pub fn with_scope(args: &Map<String, Value>) -> Map<String, Value> {
    let scope = [
        (PROJECT_ID, "The project to work in, e.g. \"default\"."),
        (
            AGENT_ID,
            "The agent this call is made for: a member of the project, e.g. \"default\".",
        ),
    ];
    let mut properties: Map<String, Value> = scope
        .iter()
        .map(|(name, about)| {
            let rule =
                json!({"type": "string", "minLength": 1, "maxLength": 64, "description": about});
            ((*name).to_owned(), rule)
        })
        .collect();
    let mut required: Vec<Value> = scope.iter().map(|(name, _)| (*name).into()).collect();
    if let Some(Value::Object(own)) = args.get("properties") {
        properties.extend(own.clone());
    }
    if let Some(Value::Array(own)) = args.get("required") {
        required.extend(own.iter().cloned());
    }
    let mut out = args.clone();
    out.insert("properties".into(), properties.into());
    out.insert("required".into(), required.into());
    out
}

/// Whether a schema says that what may be left out may be null too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Kept,
    Dropped,
}

fn root(
    settings: SchemaSettings,
    schema: impl FnOnce(&mut schemars::SchemaGenerator) -> schemars::Schema,
    nulls: Nulls,
) -> Map<String, Value> {
    let mut generator = settings
        .with(|s| {
            s.inline_subschemas = true;
            s.meta_schema = None;
        })
        .into_generator();
    let mut value = schema(&mut generator).to_value();
    clean(&mut value, nulls);
    let mut object = match value {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    // The type's own doc comment; the tool's description says it better.
    object.remove("description");
    object.entry("type").or_insert_with(|| "object".into());
    object.entry("properties").or_insert_with(|| json!({}));
    // A recursive type cannot be put in place: its definitions stay.
    let mut definitions = Value::Object(generator.take_definitions(true));
    if let Value::Object(map) = &mut definitions
        && !map.is_empty()
    {
        for inner in map.values_mut() {
            clean(inner, nulls);
        }
        object.insert("$defs".into(), definitions);
    }
    object
}

/// Cleans one schema, and every schema inside it.
fn clean(schema: &mut Value, nulls: Nulls) {
    let Value::Object(map) = schema else { return };
    map.remove("title");
    if let Some(format) = map.get("format").and_then(Value::as_str)
        && is_rust_format(format)
    {
        if let Some(most) = most(format) {
            map.entry("maximum").or_insert(most);
        }
        map.remove("format");
    }
    if map.get("default") == Some(&Value::Null) {
        map.remove("default");
    }
    if nulls == Nulls::Dropped {
        drop_null(map);
    }
    describe_variant(map);
    for key in ["properties", "$defs", "patternProperties"] {
        if let Some(Value::Object(inner)) = map.get_mut(key) {
            for inner in inner.values_mut() {
                clean(inner, nulls);
            }
        }
    }
    for key in ["items", "additionalProperties", "not"] {
        if let Some(inner) = map.get_mut(key) {
            clean(inner, nulls);
        }
    }
    for key in ["allOf", "anyOf", "oneOf", "prefixItems"] {
        if let Some(Value::Array(inner)) = map.get_mut(key) {
            for inner in inner {
                clean(inner, nulls);
            }
        }
    }
}

/// A variant such as `{"text": "…"}` is documented on the variant; readers look at the property.
fn describe_variant(map: &mut Map<String, Value>) {
    let about = map.get("description").cloned();
    if let (Some(about), Some(Value::Object(properties))) = (about, map.get_mut("properties"))
        && properties.len() == 1
    {
        for rule in properties.values_mut().filter_map(Value::as_object_mut) {
            rule.entry("description").or_insert_with(|| about.clone());
        }
    }
}

/// The largest number that is read, where a format alone says it. Of 64 bits nobody needs the end.
fn most(format: &str) -> Option<Value> {
    match format {
        "uint32" => Some(u32::MAX.into()),
        "int32" => Some(i32::MAX.into()),
        _ => None,
    }
}

fn is_rust_format(format: &str) -> bool {
    format.starts_with("uint") || format.starts_with("int") || matches!(format, "float" | "double")
}

/// An optional field is left out, never null: `["string", "null"]` becomes `"string"`, `anyOf [X, null]` becomes `X`.
fn drop_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|t| t != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            map.insert("type".into(), one);
        }
    }
    if let Some(Value::Array(values)) = map.get_mut("enum") {
        values.retain(|v| !v.is_null());
    }
    if let Some(Value::Array(options)) = map.get_mut("anyOf") {
        options.retain(|o| o.get("type").and_then(Value::as_str) != Some("null"));
        if let [Value::Object(one)] = options.as_slice() {
            let one = one.clone();
            map.remove("anyOf");
            for (key, value) in one {
                // The field's own description wins over its type's.
                map.entry(key).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code)]
    enum Kind {
        Bug,
        Task,
    }

    /// About the struct.
    #[derive(Serialize, Deserialize, JsonSchema, garde::Validate)]
    #[serde(deny_unknown_fields)]
    #[garde(allow_unvalidated)]
    #[allow(dead_code)]
    struct Args {
        /// What it is called.
        #[garde(length(chars, min = 1, max = 9))]
        title: String,
        /// How many.
        #[garde(range(min = 1, max = 200))]
        count: Option<u32>,
        /// What kind.
        kind: Option<Kind>,
    }

    #[test]
    fn a_schema_is_clean_and_carries_the_rules() {
        let schema = Value::Object(with_scope(&of_args::<Args>()));
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "properties": {
                    "project_id": {"type": "string", "minLength": 1, "maxLength": 64,
                                   "description": "The project to work in, e.g. \"default\"."},
                    "agent_id": {"type": "string", "minLength": 1, "maxLength": 64,
                                 "description": "The agent this call is made for: a member of the project, e.g. \"default\"."},
                    "title": {"type": "string", "minLength": 1, "maxLength": 9, "description": "What it is called."},
                    "count": {"type": "integer", "minimum": 1, "maximum": 200, "description": "How many."},
                    "kind": {"type": "string", "enum": ["bug", "task"], "description": "What kind."},
                },
                "required": ["project_id", "agent_id", "title"],
                "additionalProperties": false,
            })
        );
        let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names[..2], ["project_id", "agent_id"]);
    }
}
