//! Errors in the dialects' words. <https://platform.openai.com/docs/guides/error-codes>, <https://docs.anthropic.com/en/api/errors>

use serde_json::{Value, json};

use super::{Dialect, Trouble};
use crate::servers::llm_gateway::engine::failure::{Failure, Kind};

/// An error's body.
pub fn write(dialect: Dialect, trouble: &Trouble, request_id: &str) -> Value {
    match dialect {
        Dialect::Openai | Dialect::Responses => json!({ "error": openai(trouble) }),
        Dialect::Anthropic => json!({
            "type": "error",
            "error": { "type": anthropic_type(trouble.status), "message": trouble.message },
            "request_id": request_id,
        }),
    }
}

/// OpenAI's error object.
fn openai(trouble: &Trouble) -> Value {
    json!({
        "message": trouble.message,
        "type": openai_type(trouble),
        "param": trouble.param,
        "code": trouble.code.as_deref().or(openai_code(trouble.status)),
    })
}

fn openai_type(trouble: &Trouble) -> &'static str {
    match (trouble.status, trouble.code.as_deref()) {
        (402, _) | (429, Some("insufficient_quota" | "quota_exceeded")) => "insufficient_quota",
        (429, _) => "rate_limit_error",
        (401, _) => "authentication_error",
        (403, _) => "permission_error",
        (408 | 500.., _) => "server_error",
        _ => "invalid_request_error",
    }
}

/// What programs look for where nothing more exact is known.
fn openai_code(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("invalid_api_key"),
        429 => Some("rate_limit_exceeded"),
        _ => None,
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    }
}

/// An error object of either dialect, as providers send it in the middle of a stream, or in a body whose status was a success.
pub fn read(error: &Value) -> Failure {
    let word = |name: &str| error.get(name).and_then(Value::as_str);
    let message = word("message").or(error.as_str());
    // Routers of models put the status that they met in `code`.
    let code = error.get("code");
    let status = code
        .and_then(Value::as_u64)
        .or_else(|| word("code")?.parse().ok());
    let status = status
        .and_then(|status| u16::try_from(status).ok())
        .filter(|status| (400..600).contains(status));
    let words = [word("code"), word("type")];
    let kind = match status {
        Some(status) => Kind::of_status(status),
        None => words
            .iter()
            .flatten()
            .find_map(|word| kind_of(word))
            .unwrap_or(Kind::Broken),
    };
    Failure {
        status,
        code: words.into_iter().flatten().next().map(str::to_owned),
        param: word("param").map(str::to_owned),
        ..Failure::new(
            kind,
            message.unwrap_or("it reported an error without a message"),
        )
    }
}

fn kind_of(word: &str) -> Option<Kind> {
    Some(match word {
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "insufficient_quota"
        | "requests"
        | "tokens" => Kind::RateLimited,
        "overloaded_error" | "overloaded" | "service_unavailable" => Kind::Overloaded,
        "authentication_error" | "permission_error" | "invalid_api_key" | "billing_error" => {
            Kind::Credentials
        }
        "model_not_found" | "not_found_error" => Kind::NoSuchModel,
        "invalid_request_error"
        | "context_length_exceeded"
        | "request_too_large"
        | "invalid_prompt" => Kind::BadRequest,
        "timeout_error" | "timeout" => Kind::TimedOut,
        _ => return None,
    })
}

/// An answer that makes no sense.
pub fn nonsense(what: &str) -> Failure {
    Failure::new(Kind::Broken, format!("its answer makes no sense: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(status: u16, code: Option<&str>) -> Trouble {
        Trouble {
            status,
            message: "No.".into(),
            param: None,
            code: code.map(str::to_owned),
        }
    }

    #[test]
    fn each_status_has_the_dialects_word() {
        let said = |status, code| {
            let trouble = trouble(status, code);
            let openai = write(Dialect::Openai, &trouble, "r1");
            let anthropic = write(Dialect::Anthropic, &trouble, "r1");
            assert_eq!(anthropic["request_id"], "r1");
            let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let error = &openai["error"];
            (
                word(&error["type"]),
                word(&error["code"]),
                word(&anthropic["error"]["type"]),
            )
        };
        for (status, code, openai, openai_code, anthropic) in [
            (
                400,
                Some("context_length_exceeded"),
                "invalid_request_error",
                "context_length_exceeded",
                "invalid_request_error",
            ),
            (
                401,
                None,
                "authentication_error",
                "invalid_api_key",
                "authentication_error",
            ),
            (402, None, "insufficient_quota", "-", "billing_error"),
            (403, None, "permission_error", "-", "permission_error"),
            (
                404,
                Some("model_not_found"),
                "invalid_request_error",
                "model_not_found",
                "not_found_error",
            ),
            (413, None, "invalid_request_error", "-", "request_too_large"),
            (
                422,
                None,
                "invalid_request_error",
                "-",
                "invalid_request_error",
            ),
            (
                429,
                None,
                "rate_limit_error",
                "rate_limit_exceeded",
                "rate_limit_error",
            ),
            (
                429,
                Some("quota_exceeded"),
                "insufficient_quota",
                "quota_exceeded",
                "rate_limit_error",
            ),
            (500, None, "server_error", "-", "api_error"),
            (504, None, "server_error", "-", "timeout_error"),
            (529, None, "server_error", "-", "overloaded_error"),
        ] {
            let expected = (
                openai.to_owned(),
                openai_code.to_owned(),
                anthropic.to_owned(),
            );
            assert_eq!(said(status, code), expected, "{status} {code:?}");
        }
    }

    #[test]
    fn errors_inside_an_answer_keep_their_kind() {
        for (error, kind) in [
            (
                json!({ "type": "overloaded_error", "message": "Overloaded" }),
                Kind::Overloaded,
            ),
            (
                json!({ "message": "slow down", "code": 429 }),
                Kind::RateLimited,
            ),
            (
                json!({ "message": "m", "type": "invalid_request_error", "code": "context_length_exceeded" }),
                Kind::BadRequest,
            ),
            (
                json!({ "message": "m", "type": "tokens", "code": "rate_limit_exceeded" }),
                Kind::RateLimited,
            ),
            (
                json!({ "message": "m", "type": "server_error", "code": null }),
                Kind::Broken,
            ),
            (json!("out of memory"), Kind::Broken),
        ] {
            assert_eq!(read(&error).kind, kind, "{error}");
        }
        assert_eq!(read(&json!("out of memory")).message, "out of memory");
        assert_eq!(read(&json!({ "code": 503 })).status, Some(503));
    }
}
