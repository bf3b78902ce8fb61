//! The answers that are not a success, told once for all operations.

use serde_json::{Map, Value, json};

use crate::{
    edge::rest::Problem,
    tool::{Code, ToolError},
};

/// A status, its name among the components, and an error that has it.
type Answer = (&'static str, &'static str, Code, &'static str);

/// The answer to a body of another type, where a body is read.
const MEDIA: &str = "415";

/// What every operation may answer. 405 is not here: it is the answer to a method that is no operation.
const ANSWERS: [Answer; 15] = [
    (
        "401",
        "Unauthenticated",
        Code::Unauthenticated,
        "send a valid token: Authorization: Bearer syx_…",
    ),
    (
        "403",
        "Forbidden",
        Code::Forbidden,
        "this token lacks the scope \"issues:write\": ask an administrator for a token that has it",
    ),
    ("404", "NotFound", Code::NotFound, "issue 12 not found"),
    (
        "409",
        "Conflict",
        Code::Conflict,
        "project website exists: choose another id",
    ),
    (
        "412",
        "PreconditionFailed",
        Code::PreconditionFailed,
        "the issue has changed: read it again, then repeat the call with its version",
    ),
    (
        "413",
        "TooLarge",
        Code::TooLarge,
        "the request body exceeds 4194304 bytes: send less at once",
    ),
    (
        MEDIA,
        "UnsupportedMediaType",
        Code::UnsupportedMediaType,
        "the body must be JSON: send it with Content-Type: application/json",
    ),
    (
        "422",
        "InvalidArgument",
        Code::InvalidArgument,
        "is required",
    ),
    (
        "429",
        "RateLimited",
        Code::RateLimited,
        "too many calls: try again later",
    ),
    (
        "499",
        "Cancelled",
        Code::Cancelled,
        "the call was cancelled",
    ),
    (
        "500",
        "Internal",
        Code::Internal,
        "internal error: try again; if it stays, the hub's log has the cause under this call's id",
    ),
    (
        "502",
        "Upstream",
        Code::Upstream,
        "the service behind this tool failed: try again later",
    ),
    (
        "503",
        "Unavailable",
        Code::Unavailable,
        "the hub is at its limit: repeat the call after a moment",
    ),
    (
        "504",
        "DeadlineExceeded",
        Code::DeadlineExceeded,
        "the call took too long",
    ),
    (
        "507",
        "StorageFull",
        Code::StorageFull,
        "the hub's disk is full: free space, then repeat the call",
    ),
];

/// The answers of one operation, by status.
pub fn of_operation(has_body: bool) -> impl Iterator<Item = (String, Value)> {
    let named = ANSWERS.iter().map(|(status, name, ..)| (*status, *name));
    let named = named.filter(move |(status, _)| has_body || *status != MEDIA);
    named
        .chain([("414", "UriTooLong"), ("default", "Problem")])
        .map(|(status, name)| {
            let reference = format!("#/components/responses/{name}");
            (status.to_owned(), json!({"$ref": reference}))
        })
}

/// The answers themselves.
pub fn components() -> Map<String, Value> {
    let mut out: Map<String, Value> = ANSWERS
        .iter()
        .map(|(_, name, code, message)| ((*name).to_owned(), response(*code, message)))
        .collect();
    let about = "What went wrong and what to do next (RFC 9457).";
    let mut any = response(
        Code::NotFound,
        "no such path: /openapi.json lists what the main port serves",
    );
    if let Some(any) = any.as_object_mut() {
        any.insert("description".into(), about.into());
    }
    out.insert("Problem".into(), any);
    // The HTTP library refuses it before there is a request, and has no words for it.
    let about = "The request's target is longer than 65,534 bytes. There is no body.";
    out.insert("UriTooLong".into(), json!({"description": about}));
    out
}

fn response(code: Code, message: &str) -> Value {
    let error = match code {
        Code::InvalidArgument => ToolError::invalid("/title", message),
        Code::RateLimited | Code::Unavailable => {
            ToolError::new(code, message).retry_after(std::time::Duration::from_secs(1))
        }
        _ => ToolError::new(code, message),
    };
    let mut out = json!({
        "description": about(code),
        "content": {"application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "example": Problem::new(error, Some(&"req_01m8443ks3e0x89ym2wcvwee5x".into())).body(),
        }},
    });
    if let Some(out) = out.as_object_mut()
        && let Some((name, about)) = header(code)
    {
        let header = json!({"description": about, "schema": {"type": "string"}});
        out.insert("headers".into(), json!({name: header}));
    }
    out
}

fn header(code: Code) -> Option<(&'static str, &'static str)> {
    match code {
        Code::Unauthenticated => Some(("WWW-Authenticate", "The challenge (RFC 6750).")),
        Code::UnsupportedMediaType => Some((
            "Accept",
            "The type that is taken (RFC 9110, section 15.5.16).",
        )),
        Code::RateLimited | Code::Unavailable => {
            Some(("Retry-After", "Seconds to wait, where that is known."))
        }
        _ => None,
    }
}

fn about(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated => "No token, or none that is valid here.",
        Code::Forbidden => {
            "The token does not allow it, or there is no such project and agent for it."
        }
        Code::NotFound | Code::UnknownTool => "There is no such thing in this project.",
        Code::Conflict => "It exists, is held by another, or changed meanwhile.",
        Code::PreconditionFailed => "What the call expected of the present state does not hold.",
        Code::TooLarge => "It is larger than allowed.",
        Code::UnsupportedMediaType => "The body is of another type than JSON.",
        Code::InvalidArgument => "An argument is wrong: `errors` says which.",
        Code::RateLimited | Code::QuotaExceeded => "Too many calls, or a budget that is used up.",
        Code::Cancelled => "The caller went away.",
        Code::Internal => "A fault of the hub's.",
        Code::Upstream => "A service behind the hub failed.",
        Code::Unavailable => "Not now.",
        Code::DeadlineExceeded => "It took too long.",
        Code::StorageFull => "The hub's disk is full.",
    }
}

/// The problem object.
pub fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string", "description": "The HTTP status in words."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": {"type": "string", "description": "What kind of failure it is, for programs."},
            "detail": {"type": "string", "description": "What is wrong and what to do next."},
            "errors": {"type": "array", "description": "The wrong fields.", "items": {"type": "object", "required": ["pointer", "detail"], "properties": {
                "pointer": {"type": "string", "description": "JSON pointer into the arguments."},
                "detail": {"type": "string", "description": "What is wrong with it."}}}},
            "details": {"description": "More for programs."},
            "retry_after_s": {"type": "integer", "minimum": 1, "description": "When to try again, in seconds."},
            "request_id": {"type": "string", "description": "The request in the hub's log and audit log."},
        },
    })
}
