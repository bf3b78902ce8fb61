//! Examples, made from schemas: the least that each accepts, in the project and as the agent that every hub has.

use serde_json::{Map, Value};

use crate::{
    project::DEFAULT,
    tool::{AGENT_ID, PROJECT_ID},
};

/// A value that `schema` accepts; `name` is that of the field it stands in.
pub fn of(name: &str, schema: &Value) -> Value {
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    for key in ["enum", "examples", "anyOf", "oneOf"] {
        // Beside properties they say which of those there must be.
        let alternatives = key.ends_with("Of");
        if alternatives && schema.get("properties").is_some() {
            continue;
        }
        let Some(first) = schema.get(key).and_then(|list| list.get(0)) else {
            continue;
        };
        return if alternatives {
            of(name, first)
        } else {
            first.clone()
        };
    }
    if let Some(value) = schema.get("default").filter(|value| !value.is_null()) {
        return value.clone();
    }
    let kind = schema.get("type");
    let kind = kind.and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
    let number = |key: &str| schema.get(key).and_then(Value::as_u64);
    match kind {
        Some("string") => text(name, number("minLength"), number("maxLength")).into(),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        Some("boolean") => true.into(),
        Some("array") => {
            let item = schema.get("items").map(|items| of(name, items));
            let count = number("minItems").and_then(|least| usize::try_from(least).ok());
            let least = item.map(|item| vec![item; count.unwrap_or(0)]);
            least.unwrap_or_default().into()
        }
        _ => object(schema).into(),
    }
}

/// An object with the fields that it must have.
fn object<'a>(schema: &'a Value) -> Map<String, Value> {
    let first = |key: &str| schema.get(key)?.get(0);
    let parts = [Some(schema), first("anyOf"), first("oneOf")];
    let required = |part: &'a Value| part.get("required").and_then(Value::as_array);
    let names = parts.into_iter().flatten().filter_map(required);
    names
        .flatten()
        .filter_map(Value::as_str)
        .filter_map(|name| {
            Some((
                name.to_owned(),
                of(name, schema.get("properties")?.get(name)?),
            ))
        })
        .collect()
}

fn text(name: &str, least: Option<u64>, most: Option<u64>) -> String {
    let word = match name {
        PROJECT_ID | AGENT_ID | "repo" => DEFAULT,
        "path" => "README.md",
        other => other,
    };
    let count = |limit: Option<u64>| limit.and_then(|limit| usize::try_from(limit).ok());
    let (least, most) = (count(least).unwrap_or(0), count(most).unwrap_or(usize::MAX));
    let padding = std::iter::repeat_n('x', least.saturating_sub(word.len()));
    word.chars().chain(padding).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_example_has_what_it_must_and_keeps_the_limits() {
        let schema = json!({"type": "object", "required": ["project_id", "title", "tags", "kind", "count"], "properties": {
            "project_id": {"type": "string"},
            "title": {"type": "string", "minLength": 7, "maxLength": 9},
            "tags": {"type": "array", "minItems": 2, "items": {"type": "string", "maxLength": 2}},
            "kind": {"type": "string", "enum": ["bug", "task"]},
            "count": {"type": ["integer", "null"], "minimum": 3},
            "left": {"type": "string"},
            "one": {"type": "string"},
        }, "anyOf": [{"required": ["one"]}, {"required": ["left"]}]});
        assert_eq!(
            of("", &schema),
            json!({"project_id": "default", "title": "titlexx", "tags": ["ta", "ta"], "kind": "bug", "count": 3, "one": "one"})
        );
    }
}
