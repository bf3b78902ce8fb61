//! One request from its row to its row: noted before it is sent, and however it ends.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    engine::{
        failure::{Failure, Kind},
        provider::Usage,
    },
    model::Cost,
    models::Target,
    store::{End, NewRequest, Store},
};
use crate::{
    base::ids::new_id,
    tool::{Code, Ctx, Tasks, ToolError},
};

/// A request under way. Dropped before it ended, it is noted as cancelled.
pub struct Request {
    pub id: String,
    store: Store,
    tasks: Tasks,
    started: Instant,
    first: OnceLock<Duration>,
    ended: AtomicBool,
}

impl Request {
    /// Notes a request for `target`, which the caller called `model`.
    pub async fn start(
        (store, tasks, owner): (&Store, &Tasks, &str),
        ctx: &Ctx,
        kind: &'static str,
        model: &str,
        target: &Target,
    ) -> Result<Arc<Self>, ToolError> {
        let id = new_id("req");
        let row = NewRequest {
            id: id.clone(),
            scope: ctx.scope().clone(),
            kind,
            model: model.to_owned(),
            provider: target.place.name.to_string(),
            upstream: target.upstream.clone(),
            simulated: target.simulated,
            owner: owner.to_owned(),
            started_ms: ctx.now(),
        };
        store.start(row).await?;
        Ok(Arc::new(Self {
            id,
            store: store.clone(),
            tasks: tasks.clone(),
            started: Instant::now(),
            first: OnceLock::new(),
            ended: AtomicBool::new(false),
        }))
    }

    /// The first piece of the answer came.
    pub fn heard(&self) {
        self.first.get_or_init(|| self.started.elapsed());
    }

    /// Notes the end, and answers with the cost or with what the caller is told.
    pub async fn end<T>(
        &self,
        target: &Target,
        answer: Result<(T, Usage), Failure>,
    ) -> Result<(T, Usage, Cost), ToolError> {
        let (status, code, usage) = match &answer {
            Ok((_, usage)) => ("ok", None, *usage),
            Err(failure) => match &failure.partial {
                Some(partial) => ("partial", Some(code(failure.kind)), partial.usage),
                None => ("error", Some(code(failure.kind)), Usage::default()),
            },
        };
        let (cost_nanousd, cost) = match &answer {
            Err(failure) if failure.partial.is_none() => Cost::of(None, target.simulated, &usage),
            _ => Cost::of(target.price.as_ref(), target.simulated, &usage),
        };
        let end = End {
            usage,
            cost_nanousd,
            ..self.ending(status, code.map(Code::as_str))
        };
        self.ended.store(true, Ordering::Release);
        self.store.end(self.id.clone(), end).await?;
        let (value, usage) = answer.map_err(|failure| refused(&failure, target, &self.id))?;
        Ok((value, usage, cost))
    }

    fn ending(&self, status: &'static str, code: Option<&'static str>) -> End {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        End {
            status,
            code,
            usage: Usage::default(),
            cost_nanousd: None,
            duration_ms: ms(self.started.elapsed()),
            first_token_ms: self.first.get().copied().map(ms),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.ended.load(Ordering::Acquire) {
            let end = self.ending("cancelled", Some(Code::Cancelled.as_str()));
            let (store, id) = (self.store.clone(), std::mem::take(&mut self.id));
            self.tasks.spawn("llm cancelled request", |_| async move {
                if let Err(error) = store.end(id, end).await {
                    tracing::warn!(%error, "a cancelled request was not noted");
                }
            });
        }
    }
}

fn code(kind: Kind) -> Code {
    match kind {
        Kind::RateLimited => Code::RateLimited,
        Kind::Overloaded => Code::Unavailable,
        Kind::NoSuchModel => Code::NotFound,
        Kind::BadRequest => Code::InvalidArgument,
        Kind::TimedOut => Code::DeadlineExceeded,
        Kind::Credentials | Kind::Truncated | Kind::Broken => Code::Upstream,
    }
}

/// What the caller is told, and can do.
fn refused(failure: &Failure, target: &Target, request: &str) -> ToolError {
    let provider = &target.place.name;
    let said = format!("provider {provider}: {}", failure.message);
    let (message, next) = match failure.kind {
        Kind::RateLimited => (said, "wait, or use another model"),
        Kind::Overloaded => (said, "try again later, or use another model"),
        Kind::Credentials => (
            said,
            "the hub's operator has to set this provider's key; list_models shows other models",
        ),
        Kind::NoSuchModel => (said, "list_models shows what there is"),
        Kind::BadRequest => (said, "change the request"),
        Kind::TimedOut => (said, "try again, or ask for less"),
        Kind::Truncated => (said, "what had come is in details.partial; try again"),
        Kind::Broken => (said, "try again, or use another model"),
    };
    let mut details = serde_json::json!({ "request_id": request, "provider": &**provider });
    if let Some(fields) = details.as_object_mut() {
        if let Some(status) = failure.status {
            fields.insert("status".into(), status.into());
        }
        if let Some(partial) = &failure.partial {
            fields.insert(
                "partial".into(),
                partial.text.chars().take(8000).collect::<String>().into(),
            );
        }
    }
    let error = ToolError::new(code(failure.kind), message)
        .hint(next)
        .details(details);
    match failure.retry_after {
        Some(wait) => error.retry_after(wait),
        None => error,
    }
}
