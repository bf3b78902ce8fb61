//! What a caller is told when no target answered.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{attempts::Why, request::Request};
use crate::{
    servers::llm_gateway::engine::{
        dialect::Trouble,
        failure::{Failure, Kind},
    },
    tool::{Code, ToolError, status_of},
};

/// Why the targets that were tried did not answer.
#[derive(Default)]
pub struct Refused(Vec<Why>);

impl Refused {
    pub fn add(&mut self, why: Why) {
        self.0.push(why);
    }

    /// Whether another round may help, and how long the providers want to be left alone before it.
    pub fn again(&self) -> Option<Option<Duration>> {
        let mut waits = self.0.iter().filter_map(|why| match why {
            Why::Failed(_, failure) if is_passing(failure.kind) => Some(failure.retry_after),
            _ => None,
        });
        let first = waits.next()?;
        // The soonest: a target that asks for nothing may be tried at once.
        Some(waits.fold(first, Ord::min))
    }

    /// The error: of the last target that was asked, or why none was.
    pub fn error(self, model: &str, request: &Request) -> ToolError {
        let mut unasked = None;
        for why in self.0.into_iter().rev() {
            match why {
                Why::Failed(provider, failure) => return error(&provider, &failure, request),
                Why::Budget(exceeded) => return ToolError::from(exceeded),
                other => unasked = Some(other),
            }
        }
        match unasked {
            Some(Why::Busy(name, met)) => ToolError::new(
                Code::RateLimited,
                format!("{name} takes no more {} now: wait, or use another model", met.what),
            )
            .retry_after(met.retry_after),
            Some(Why::Lacks(name, lacking)) => ToolError::invalid(
                "/model",
                format!("{name} cannot do {lacking}: list_models shows which models can"),
            ),
            Some(Why::Cools(name)) => ToolError::unavailable(format!(
                "{name} is being probed after failures: try again in a moment; get_provider_status shows why"
            ))
            .retry_after(Duration::from_secs(1)),
            _ => ToolError::unavailable(format!(
                "{model} has no target: the hub's operator has to give its route one"
            )),
        }
    }
}

/// Whether the same request may succeed a moment later.
fn is_passing(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RateLimited | Kind::Overloaded | Kind::TimedOut | Kind::Truncated | Kind::Broken
    )
}

/// The code of a failure at the hub's own faces.
pub fn code(kind: Kind) -> Code {
    match kind {
        Kind::RateLimited => Code::RateLimited,
        Kind::Overloaded => Code::Unavailable,
        Kind::NoSuchModel | Kind::NoSuchOperation => Code::NotFound,
        Kind::BadRequest => Code::InvalidArgument,
        Kind::TimedOut => Code::DeadlineExceeded,
        Kind::Credentials | Kind::Truncated | Kind::Broken => Code::Upstream,
    }
}

/// What the caller is told of `failure`, and can do.
pub fn error(provider: &Arc<str>, failure: &Failure, request: &Request) -> ToolError {
    // A request that could not be read was sent to nobody.
    let said = if failure.kind == Kind::BadRequest && failure.status.is_none() {
        failure.message.clone()
    } else {
        format!("provider {provider}: {}", failure.message)
    };
    let next = match failure.kind {
        Kind::RateLimited => "wait, or use another model",
        Kind::Overloaded => "try again later, or use another model",
        Kind::Credentials => {
            "the hub's operator has to see to this provider's key or account; list_models shows other models"
        }
        Kind::NoSuchModel | Kind::NoSuchOperation => "list_models shows what there is",
        Kind::BadRequest => "change the request",
        Kind::TimedOut => "try again, or ask for less",
        // A dialect's errors have no details; its streams have given out what had come.
        Kind::Truncated if failure.partial.is_some() && !request.is_in_a_dialect() => {
            "what had come is in details.partial; try again"
        }
        Kind::Truncated => "try again",
        Kind::Broken => "try again, or use another model",
    };
    let mut details = json!({
        "request_id": request.id(),
        "provider": &**provider,
        "attempts": request.attempts(),
    });
    if let Some(fields) = details.as_object_mut() {
        if let Some(status) = failure.status {
            fields.insert("status".into(), status.into());
        }
        if let Some(code) = &failure.code {
            fields.insert("code".into(), code.as_str().into());
        }
        if let Some(param) = &failure.param {
            fields.insert("param".into(), param.as_str().into());
        }
        if let Some(partial) = &failure.partial {
            let text: String = partial.text.chars().take(8000).collect();
            fields.insert("partial".into(), text.into());
        }
    }
    let error = ToolError::new(code(failure.kind), said)
        .hint(next)
        .details(details);
    match failure.retry_after {
        Some(wait) => error.retry_after(wait),
        None => error,
    }
}

/// `error` as a dialect tells it.
pub fn trouble(error: &ToolError) -> Trouble {
    let told = |field: &str| {
        let details = error.details.as_ref()?;
        details.get(field)?.as_str().map(str::to_owned)
    };
    let field = || {
        let pointer = &error.fields.first()?.pointer;
        let path = pointer.trim_start_matches('/').replace('/', ".");
        (!path.is_empty()).then_some(path)
    };
    Trouble {
        status: status_of(error),
        message: error.message.clone(),
        param: told("param").or_else(field),
        code: told("code").or_else(|| match error.code {
            Code::QuotaExceeded => Some("insufficient_quota".to_owned()),
            Code::NotFound => Some("model_not_found".to_owned()),
            Code::Unauthenticated => Some("invalid_api_key".to_owned()),
            Code::RateLimited => Some("rate_limit_exceeded".to_owned()),
            _ => None,
        }),
    }
}
