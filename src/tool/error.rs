//! The one error of the tool boundary. Its message tells the caller's next step; its source is logged, never sent.

use std::{error::Error, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Code;
use crate::{
    access::{BadToken, LimitError, Refused, quota::Exceeded},
    base::paging::BadCursor,
    db::{DbError, sqlx_is_full},
};

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where, as a JSON pointer (RFC 6901) into the arguments.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

impl FieldError {
    /// From a path such as `edits[0].oldText`.
    pub fn at_path(path: &str, detail: impl Into<String>) -> Self {
        let pointer = path
            .split(['.', '[', ']'])
            .filter(|part| !part.is_empty())
            .fold(String::new(), |pointer, part| {
                pointer + "/" + &part.replace('~', "~0").replace('/', "~1")
            });
        Self {
            pointer,
            detail: detail.into(),
        }
    }
}

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    /// What kind of failure it is.
    pub code: Code,
    /// What is wrong and what to do next.
    pub message: String,
    /// The wrong fields, for [`Code::InvalidArgument`].
    pub fields: Vec<FieldError>,
    /// More for programs, e.g. the current version in a conflict.
    pub details: Option<Box<Value>>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// The cause, for the log only.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl ToolError {
    /// An error of `code`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: Vec::new(),
            details: None,
            retry_after: None,
            source: None,
        }
    }

    /// The argument at `pointer` is wrong.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldError {
            pointer: pointer.into(),
            detail: detail.into(),
        }])
    }

    /// Several arguments are wrong.
    pub fn invalid_fields(fields: Vec<FieldError>) -> Self {
        let list: Vec<String> = fields
            .iter()
            .map(|f| {
                if f.pointer.is_empty() {
                    f.detail.clone()
                } else {
                    format!("{}: {}", f.pointer, f.detail)
                }
            })
            .collect();
        Self {
            fields,
            ..Self::new(Code::InvalidArgument, list.join("; "))
        }
    }

    /// There is no such thing in this project. A foreign project's thing answers the same.
    pub fn not_found(kind: &str, id: impl std::fmt::Display) -> Self {
        let id: String = id.to_string().chars().take(200).collect();
        Self::new(Code::NotFound, format!("{kind} {id} not found"))
    }

    /// The caller may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// The state of things is against it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Code::Conflict, message)
    }

    /// `if_match`, `expected_version` or `expected_head` did not hold.
    pub fn precondition_failed(message: impl Into<String>) -> Self {
        Self::new(Code::PreconditionFailed, message)
    }

    /// It is larger than allowed.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(Code::TooLarge, message)
    }

    /// A budget is used up.
    pub fn quota_exceeded(message: impl Into<String>) -> Self {
        Self::new(Code::QuotaExceeded, message)
    }

    /// Not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// A service behind this one failed.
    pub fn upstream(message: impl Into<String>) -> Self {
        Self::new(Code::Upstream, message)
    }

    /// Our fault: the cause goes to the log, the caller learns that it was not his.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let message = "internal error: try again; if it stays, the hub's log has the cause under this call's id";
        Self {
            source: Some(source.into()),
            ..Self::new(Code::Internal, message)
        }
    }

    /// The disk is full.
    fn storage_full(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let message = "the hub's disk is full: free space, then repeat the call";
        Self {
            source: Some(source.into()),
            ..Self::new(Code::StorageFull, message)
        }
    }

    /// The same for another caller. The cause has been logged for the first.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            code: self.code,
            message: self.message.clone(),
            fields: self.fields.clone(),
            details: self.details.clone(),
            retry_after: self.retry_after,
            source: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, next: impl AsRef<str>) -> Self {
        self.message.push_str(": ");
        self.message.push_str(next.as_ref());
        self
    }

    /// Adds data for programs.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Whole seconds to wait, at least one, for `Retry-After`.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.retry_after
            .map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            .map(|s| s.max(1))
    }

    /// What a caller is told, as a JSON object.
    pub fn problem(&self) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("code".into(), self.code.as_str().into());
        out.insert("message".into(), self.message.clone().into());
        if !self.fields.is_empty() {
            out.insert("errors".into(), json!(self.fields));
        }
        if let Some(details) = &self.details {
            out.insert("details".into(), (**details).clone());
        }
        if let Some(seconds) = self.retry_after_s() {
            out.insert("retry_after_s".into(), seconds.into());
        }
        out
    }
}

impl From<DbError> for ToolError {
    fn from(error: DbError) -> Self {
        match error {
            full if full.is_full() => Self::storage_full(full),
            DbError::Backlog => Self::unavailable(
                "the hub's database does not keep up: repeat the call after a moment",
            )
            .retry_after(Duration::from_secs(1)),
            DbError::Undone => Self::unavailable(
                "the hub's database undid this call together with another one that failed: repeat the call",
            )
            .retry_after(Duration::from_secs(1)),
            DbError::Closed => {
                Self::unavailable("the hub is stopping: repeat the call when it is back")
            }
            other => Self::internal(other),
        }
    }
}

impl From<Exceeded> for ToolError {
    fn from(exceeded: Exceeded) -> Self {
        Self::new(Code::RateLimited, exceeded.to_string()).retry_after(exceeded.wait())
    }
}

impl From<LimitError> for ToolError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Exceeded(exceeded) => exceeded.into(),
            LimitError::Db(error) => error.into(),
        }
    }
}

impl From<Refused> for ToolError {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::InFlight => Self::conflict(message).retry_after(Duration::from_secs(1)),
            Refused::OtherContent => Self::invalid("", message),
            Refused::Lost(request) => {
                Self::conflict(message).details(json!({"request_id": request}))
            }
            Refused::NotKept(status) => Self::conflict(message).details(json!({"status": status})),
            Refused::Db(error) => error.into(),
        }
    }
}

impl From<sqlx::Error> for ToolError {
    fn from(error: sqlx::Error) -> Self {
        if sqlx_is_full(&error) {
            Self::storage_full(error)
        } else {
            Self::internal(error)
        }
    }
}

impl From<std::io::Error> for ToolError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::storage_full(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl From<BadToken> for ToolError {
    fn from(error: BadToken) -> Self {
        match error {
            BadToken::Field(field, problem) => Self::invalid(format!("/{field}"), problem),
            BadToken::Random(error) => Self::internal(error.to_string()),
            BadToken::Db(error) => error.into(),
        }
    }
}

impl From<BadCursor> for ToolError {
    fn from(error: BadCursor) -> Self {
        Self::invalid("/cursor", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_json_pointer() {
        assert_eq!(
            FieldError::at_path("edits[0].oldText", "x").pointer,
            "/edits/0/oldText"
        );
        assert_eq!(FieldError::at_path("", "x").pointer, "");
    }

    #[test]
    fn the_source_is_not_sent() {
        let error = ToolError::internal("secret path /data/x");
        assert!(
            !Value::Object(error.problem())
                .to_string()
                .contains("secret")
        );
        assert!(error.source.is_some());
    }

    #[test]
    fn waiting_is_rounded_up() {
        let error = ToolError::unavailable("busy").retry_after(Duration::from_millis(1200));
        assert_eq!(error.retry_after_s(), Some(2));
    }
}
