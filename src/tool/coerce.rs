//! From text (a query string, a command line) to JSON arguments: the tool's own schema says what a text means.

use serde_json::{Map, Value};

use super::ToolError;

/// Adds `key` to `args`, as the input schema wants it. A repeated key makes a list.
pub fn put(
    schema: &Value,
    args: &mut Map<String, Value>,
    key: &str,
    text: &str,
) -> Result<(), ToolError> {
    let value = value(schema, key, text);
    match (args.get_mut(key), value) {
        (None, value) => {
            args.insert(key.to_owned(), value);
        }
        (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
        (Some(_), _) => {
            return Err(ToolError::invalid(
                format!("/{key}"),
                "is given twice: send it once",
            ));
        }
    }
    Ok(())
}

/// `text` as what the schema of `key` wants; where it is not, it stays text and the tool's own check names it.
pub fn value(schema: &Value, key: &str, text: &str) -> Value {
    let rule = schema.get("properties").and_then(|p| p.get(key));
    as_rule(rule, text).unwrap_or_else(|| text.into())
}

fn as_rule(rule: Option<&Value>, text: &str) -> Option<Value> {
    match rule?.get("type")?.as_str()? {
        "integer" => text.parse::<i64>().ok().map(Value::from),
        "number" => text.parse::<f64>().ok().map(Value::from),
        "boolean" => text.parse::<bool>().ok().map(Value::from),
        "array" => {
            // A text in brackets that is no list is an item like any other.
            if let Ok(Value::Array(list)) = serde_json::from_str(text) {
                return Some(list.into());
            }
            let item = as_rule(rule?.get("items"), text);
            Some(vec![item.unwrap_or_else(|| text.into())].into())
        }
        "object" => serde_json::from_str(text).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_becomes_what_the_schema_wants() {
        let schema = json!({"properties": {
            "number": {"type": "integer"}, "deep": {"type": "boolean"}, "title": {"type": "string"},
            "labels": {"type": "array", "items": {"type": "string"}}, "meta": {"type": "object"},
        }});
        let mut args = Map::new();
        for (key, text) in [
            ("number", "12"),
            ("deep", "true"),
            ("title", "12"),
            ("labels", "a"),
            ("labels", "b"),
            ("labels", "[\"c\"]"),
            ("labels", "[d"),
            ("meta", "{\"k\":1}"),
            ("other", "7"),
        ] {
            put(&schema, &mut args, key, text).unwrap();
        }
        assert_eq!(
            Value::Object(args.clone()),
            json!({"number": 12, "deep": true, "title": "12", "labels": ["a", "b", "c", "[d"], "meta": {"k": 1}, "other": "7"})
        );
        assert!(put(&schema, &mut args, "number", "13").is_err());
        assert_eq!(value(&schema, "number", "many"), json!("many"));
    }
}
