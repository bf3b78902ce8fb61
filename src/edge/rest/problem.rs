//! Errors as `application/problem+json` (RFC 9457), for every answer that is not a success.

use std::{any::Any, sync::Arc};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use super::request_id;
use crate::tool::{Code, ToolError};

/// The scope that a refused request lacked: an extension of its answer, for whoever adds the headers.
#[derive(Clone, Debug)]
pub struct Lacking(pub Arc<str>);

/// An error on its way out.
#[derive(Debug)]
pub struct Problem {
    error: ToolError,
    status: StatusCode,
    request: Option<Arc<str>>,
}

impl Problem {
    /// The answer to a failed request.
    pub fn new(error: ToolError, request: Option<&Arc<str>>) -> Self {
        let status = StatusCode::from_u16(error.code.http_status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(source) = &error.source {
            tracing::error!(code = error.code.as_str(), cause = %source, request = request.map(|r| &**r), "request failed");
        }
        Self {
            error,
            status,
            request: request.cloned(),
        }
    }

    /// The same with another status, where HTTP knows a better one.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The problem object.
    pub fn body(&self) -> Value {
        let mut out = Map::new();
        out.insert("type".into(), "about:blank".into());
        out.insert(
            "title".into(),
            self.status.canonical_reason().unwrap_or("Error").into(),
        );
        out.insert("status".into(), self.status.as_u16().into());
        let mut problem = self.error.problem();
        if let Some(message) = problem.shift_remove("message") {
            out.insert("detail".into(), message);
        }
        out.extend(problem);
        if let Some(id) = &self.request {
            out.insert("request_id".into(), (**id).into());
        }
        Value::Object(out)
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let body = problem.body().to_string();
        let mut response = (
            problem.status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response();
        let details = problem.error.details.as_ref();
        let scope = details.and_then(|details| details.get("scope")?.as_str());
        if let Some(scope) = scope.filter(|_| problem.error.code == Code::Forbidden) {
            response.extensions_mut().insert(Lacking(scope.into()));
        }
        if problem.error.code == Code::UnsupportedMediaType {
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::ACCEPT, json);
        }
        if let Some(seconds) = problem.error.retry_after_s() {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into()
    }
}

/// The answer to a path that is not served. Plain, so that clients that probe for OAuth metadata see that there is none.
pub async fn no_such_path(request: Request) -> Problem {
    let error = ToolError::new(
        Code::NotFound,
        "no such path: /openapi.json lists what the main port serves",
    );
    Problem::new(error, request_id(&request).as_ref())
}

/// The answer to a method that a path does not take.
pub async fn wrong_method(request: Request) -> Problem {
    let error = ToolError::new(
        Code::InvalidArgument,
        format!("this path does not take {}", request.method()),
    );
    Problem::new(error, request_id(&request).as_ref()).status(StatusCode::METHOD_NOT_ALLOWED)
}

/// The answer when a handler panicked: a fault of ours, logged by the panic itself.
pub fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::new(ToolError::internal("a handler panicked"), None).into()
}
