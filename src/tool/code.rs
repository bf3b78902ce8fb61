//! What went wrong, as a word, and the HTTP status it has.

use serde::Serialize;

/// What went wrong, as a word that programs can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No valid credentials.
    Unauthenticated,
    /// No such tool or server.
    UnknownTool,
    /// An argument is wrong.
    InvalidArgument,
    /// Not allowed; also every foreign or missing project.
    Forbidden,
    /// No such thing in this project.
    NotFound,
    /// It exists, or is held, or changed meanwhile.
    Conflict,
    /// `if_match` or `expected_version` did not hold.
    PreconditionFailed,
    /// Larger than allowed.
    TooLarge,
    /// The body is of another type than this path takes.
    UnsupportedMediaType,
    /// Too many calls.
    RateLimited,
    /// A budget is used up.
    QuotaExceeded,
    /// The caller cancelled.
    Cancelled,
    /// It took too long.
    DeadlineExceeded,
    /// A service behind this one failed.
    Upstream,
    /// Not now.
    Unavailable,
    /// The disk is full.
    StorageFull,
    /// Our fault.
    Internal,
}

impl Code {
    /// The code as it is sent and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::UnknownTool => "unknown_tool",
            Self::InvalidArgument => "invalid_argument",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::PreconditionFailed => "precondition_failed",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Upstream => "upstream",
            Self::Unavailable => "unavailable",
            Self::StorageFull => "storage_full",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status of the REST face (RFC 9110; 499 as nginx uses it).
    pub fn http_status(self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::UnknownTool | Self::NotFound => 404,
            Self::Conflict => 409,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InvalidArgument => 422,
            Self::RateLimited | Self::QuotaExceeded => 429,
            Self::Cancelled => 499,
            Self::Internal => 500,
            Self::Upstream => 502,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
            Self::StorageFull => 507,
        }
    }
}
