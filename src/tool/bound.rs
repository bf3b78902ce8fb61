//! A tool bound to its server: the bridge between typed calls and JSON.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Check, Ctx, FieldError, Spec, Tool, ToolError, ToolServer as _};
use crate::base::nearest::nearest;

/// The object-safe face of a tool.
pub trait DynTool: Send + Sync {
    /// Its contract.
    fn spec(&self) -> &Arc<Spec>;
    /// Reads and checks `args`, runs the tool, writes its answer.
    fn run_json<'a>(
        &'a self,
        ctx: &'a Ctx,
        args: Map<String, Value>,
    ) -> BoxFuture<'a, Result<Value, ToolError>>;
}

/// `T` and the server it works on.
pub struct Bound<T: Tool> {
    pub server: Arc<T::Server>,
    pub spec: Arc<Spec>,
}

impl<T: Tool> Bound<T> {
    /// Checks `args` and runs the tool.
    pub async fn run(&self, ctx: &Ctx, args: T::Args) -> Result<T::Output, ToolError> {
        args.check().map_err(ToolError::invalid_fields)?;
        T::run(&self.server, ctx, args).await
    }
}

impl<T: Tool> DynTool for Bound<T> {
    fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    fn run_json<'a>(
        &'a self,
        ctx: &'a Ctx,
        args: Map<String, Value>,
    ) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            let args = Value::Object(args);
            loop {
                match self.run(ctx, read(&args)?).await {
                    Ok(out) => return serde_json::to_value(out).map_err(ToolError::internal),
                    Err(error) if self.server.mend(ctx, &args, &error).await? => {}
                    Err(error) => return Err(error),
                }
            }
        })
    }
}

/// `args` as `A`. Only a failure pays for finding out where it is.
fn read<A: for<'de> Deserialize<'de>>(args: &Value) -> Result<A, ToolError> {
    A::deserialize(args).or_else(|_| {
        let args = &whole(args);
        serde_path_to_error::deserialize(args).map_err(|error| {
            ToolError::invalid_fields(vec![explain(
                &error.path().to_string(),
                &error.inner().to_string(),
            )])
        })
    })
}

/// `args` with `3.0` written as `3`: to JSON Schema both are integers (draft 2020-12, validation, section 6.1.1), to serde only one.
fn whole(args: &Value) -> Value {
    match args {
        Value::Number(number) => {
            let float = number
                .as_f64()
                .filter(|float| number.is_f64() && float.fract() == 0.0);
            // Written without a fraction it is an integer, or too large for one.
            let integer = float.and_then(|float| format!("{float:.0}").parse::<i64>().ok());
            integer.map_or_else(|| args.clone(), Value::from)
        }
        Value::Array(list) => list.iter().map(whole).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), whole(value)))
            .collect(),
        other => other.clone(),
    }
}

/// Names the field that serde's `message` is about, and what to do about it.
fn explain(path: &str, message: &str) -> FieldError {
    let path = if path == "." { "" } else { path };
    let mut quoted = message.split('`').skip(1).step_by(2);
    if let Some(field) = message
        .strip_prefix("missing field")
        .and_then(|_| quoted.next())
    {
        return FieldError::at_path(&format!("{path}.{field}"), "is required");
    }
    if let Some(field) = message
        .strip_prefix("unknown field")
        .and_then(|_| quoted.next())
    {
        let path = path.strip_suffix(field).unwrap_or(path);
        let known: Vec<&str> = quoted.collect();
        let next = match nearest(field, known.iter().copied()) {
            Some(name) => format!("is unknown; did you mean {name:?}?"),
            None if known.is_empty() => "is unknown; no more fields are taken here".to_owned(),
            None => format!("is unknown; the fields are {}", known.join(", ")),
        };
        return FieldError::at_path(&format!("{path}.{field}"), next);
    }
    // The message may quote the input: keep it short.
    FieldError::at_path(path, message.chars().take(300).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        old_text: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Args {
        path: String,
        edits: Vec<Inner>,
        count: Option<u32>,
    }

    fn wrong(args: Value) -> FieldError {
        read::<Args>(&args).unwrap_err().fields.remove(0)
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        let args = |count: Value| json!({"path": "a", "edits": [], "count": count});
        assert_eq!(read::<Args>(&args(json!(3.0))).unwrap().count, Some(3));
        for count in [json!(3.5), json!(-1.0), json!(1e300)] {
            assert_eq!(wrong(args(count)).pointer, "/count");
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        let field = wrong(json!({"path": "a", "edits": [{"old_text": 3}]}));
        assert_eq!(field.pointer, "/edits/0/old_text");
        let field = wrong(json!({"edits": []}));
        assert_eq!(
            (field.pointer.as_str(), field.detail.as_str()),
            ("/path", "is required")
        );
        let field = wrong(json!({"path": "a", "edits": [], "cuont": 1}));
        assert_eq!(field.pointer, "/cuont");
        assert_eq!(field.detail, "is unknown; did you mean \"count\"?");
        let field = wrong(json!({"path": "a", "edits": [{"old_text": "x", "zzzzzzzz": 1}]}));
        assert_eq!(field.pointer, "/edits/0/zzzzzzzz");
        assert_eq!(
            wrong(json!({"path": "a", "edits": [], "count": -1})).pointer,
            "/count"
        );
    }
}
