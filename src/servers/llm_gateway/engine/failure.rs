//! How a request to a provider can fail.

use std::time::Duration;

use super::chat::Usage;

/// What kind of failure it was, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 429: too many requests or tokens.
    RateLimited,
    /// 409, 503 or 529: the provider has no room, or a lock was not free in time.
    Overloaded,
    /// 401, 402 or 403, or no key: the hub's account at the provider does not serve.
    Credentials,
    /// 404: the provider does not know the model.
    NoSuchModel,
    /// The provider does not speak the operation: what is asked has to cross into one that it does.
    NoSuchOperation,
    /// 400, 413 or 422: the request itself.
    BadRequest,
    /// Nothing came in time.
    TimedOut,
    /// The answer broke off.
    Truncated,
    /// Another status, no connection, or an answer that makes no sense.
    Broken,
}

impl Kind {
    /// By HTTP status. <https://platform.openai.com/docs/guides/error-codes>, <https://docs.anthropic.com/en/api/errors>
    pub fn of_status(status: u16) -> Self {
        match status {
            429 => Self::RateLimited,
            409 | 503 | 529 => Self::Overloaded,
            401..=403 => Self::Credentials,
            404 => Self::NoSuchModel,
            400 | 413 | 422 => Self::BadRequest,
            408 | 504 => Self::TimedOut,
            _ => Self::Broken,
        }
    }
}

/// An answer that broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    pub text: String,
    pub usage: Usage,
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub kind: Kind,
    /// For the caller: no key, no address.
    pub message: String,
    pub status: Option<u16>,
    /// The provider's own word for it, e.g. `context_length_exceeded`.
    pub code: Option<String>,
    /// The request's field that it is about, where the provider says so.
    pub param: Option<String>,
    pub retry_after: Option<Duration>,
    /// Whether the provider itself says that a retry makes sense (`x-should-retry`).
    pub should_retry: Option<bool>,
    /// What had come of the answer before it broke off.
    pub partial: Option<Box<Partial>>,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            status: None,
            code: None,
            param: None,
            retry_after: None,
            should_retry: None,
            partial: None,
        }
    }

    /// From an HTTP answer that was no success.
    pub fn of_status(
        status: u16,
        message: impl Into<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        Self {
            status: Some(status),
            retry_after,
            ..Self::new(Kind::of_status(status), message)
        }
    }
}
