//! From path, query and body to a tool's arguments. The tool's own schema says what a text means.

use axum::extract::RawPathParams;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::tool::{Method, Spec, ToolError, coerce};

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
    let schema = Value::Object((*spec.input).clone());
    for (key, value) in query_pairs(query) {
        coerce::put(&schema, &mut args, &key, &value)?;
    }
    for (key, value) in path {
        let value = coerce::value(&schema, key, value);
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
