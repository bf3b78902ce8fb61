//! From path, query and body to a tool's arguments. The tool's own schema says what a text means.

use axum::extract::RawPathParams;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::tool::{Method, Spec, ToolError};

/// The pairs of a query string, percent-decoded.
pub fn query_pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// The arguments of a friendly route's call.
pub fn arguments(
    spec: &Spec,
    method: Method,
    path: &RawPathParams,
    query: &str,
    body: &Bytes,
) -> Result<Map<String, Value>, ToolError> {
    let mut args = if method.has_body() {
        object(body)?
    } else {
        Map::new()
    };
    for (key, value) in query_pairs(query) {
        put(spec, &mut args, &key, &value)?;
    }
    for (key, value) in path {
        let value = typed(spec, key, value);
        if args.get(key).is_some_and(|other| *other != value) {
            return Err(ToolError::invalid(
                format!("/{key}"),
                "is another in the path: send it once",
            ));
        }
        args.insert(key.to_owned(), value);
    }
    Ok(args)
}

/// A JSON object; nothing at all counts as `{}`.
pub fn object(body: &Bytes) -> Result<Map<String, Value>, ToolError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(ToolError::invalid(
            "",
            "the body must be a JSON object of arguments",
        )),
        Err(error) => {
            let place = format!(
                "the body is not valid JSON (line {}, column {})",
                error.line(),
                error.column()
            );
            Err(ToolError::invalid("", place))
        }
    }
}

/// A repeated key makes a list.
fn put(spec: &Spec, args: &mut Map<String, Value>, key: &str, text: &str) -> Result<(), ToolError> {
    let value = typed(spec, key, text);
    match args.get_mut(key) {
        None => {
            args.insert(key.to_owned(), value);
        }
        Some(Value::Array(list)) => match value {
            Value::Array(more) => list.extend(more),
            one => list.push(one),
        },
        Some(_) => {
            return Err(ToolError::invalid(
                format!("/{key}"),
                "is given twice: send it once",
            ));
        }
    }
    Ok(())
}

/// `text` as what the schema of `key` wants; where it is not, it stays text and the tool's own check names it.
fn typed(spec: &Spec, key: &str, text: &str) -> Value {
    let rule = spec.input.get("properties").and_then(|p| p.get(key));
    as_rule(rule, text).unwrap_or_else(|| text.into())
}

fn as_rule(rule: Option<&Value>, text: &str) -> Option<Value> {
    match rule?.get("type")?.as_str()? {
        "integer" => text.parse::<i64>().ok().map(Value::from),
        "number" => text.parse::<f64>().ok().map(Value::from),
        "boolean" => text.parse::<bool>().ok().map(Value::from),
        "array" if text.starts_with('[') => serde_json::from_str(text).ok(),
        "array" => {
            Some(vec![as_rule(rule?.get("items"), text).unwrap_or_else(|| text.into())].into())
        }
        "object" => serde_json::from_str(text).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        assert_eq!(
            query_pairs("a=1&b=x+y%2Fz&&c"),
            [("a", "1"), ("b", "x y/z"), ("c", "")].map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_taken(text in "\\PC{0,60}") { query_pairs(&text); }
    }

    #[test]
    fn a_body_must_be_an_object() {
        assert!(object(&Bytes::from_static(b" ")).unwrap().is_empty());
        assert!(object(&Bytes::from_static(b"[1]")).is_err());
        assert!(
            object(&Bytes::from_static(b"{\"a\":"))
                .unwrap_err()
                .message
                .contains("column")
        );
    }
}
