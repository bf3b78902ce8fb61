//! The end of a request: what was used is counted, charged and written down.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{Asking, Done, Request};
use crate::{
    base::{clock::Millis, redact},
    servers::llm_gateway::{
        config::Bodies as Keeps,
        engine::{
            chat::Usage,
            failure::{Failure, Kind},
            upstream::Tally,
        },
        ledger::{Charge, Spent},
        record::{Attempt, Bodies, CostSource, Ended, Event, Outcome, Status, UsageSource},
    },
    tool::ToolError,
};

/// Longest body that is kept with the log, in bytes.
const MOST_KEPT: usize = 256 * 1024;

impl Request {
    /// Ends the request: what was used is counted, charged and written down.
    pub(super) fn settle(
        &mut self,
        status: Status,
        error: Option<(&ToolError, Option<&Failure>)>,
        tally: &Tally,
        response: Option<&[u8]>,
    ) -> Done {
        let mut outcome = Outcome {
            status,
            code: error.map(|(error, _)| error.code.as_str().to_owned()),
            finish: tally.finish,
            ..self.outcome()
        };
        let mut charges = Vec::new();
        let mut simulated = false;
        if let Some(asking) = self.asking.take() {
            let (usage, source) = self.usage_of(tally, status);
            let mode = tally.mode.unwrap_or(asking.mode);
            let cost = asking
                .target
                .price()
                .and_then(|price| price.cost(&usage, mode));
            let priced = asking.target.priced.as_ref();
            simulated = asking.target.simulated;
            outcome.provider = Arc::clone(&asking.target.key.provider);
            outcome.upstream_model = Arc::clone(&asking.target.key.model);
            outcome.simulated = simulated;
            outcome.usage = usage;
            outcome.usage_source = source;
            outcome.cost_nanousd = cost;
            outcome.cost_source = match priced {
                Some(priced) if cost.is_some() => priced.source,
                _ => CostSource::Unknown,
            };
            outcome.price_id = priced.map(|priced| Arc::clone(&priced.id));
            let mut attempt = Attempt {
                usage,
                cost_nanousd: cost,
                ..attempt(&asking, status)
            };
            if let Some((_, Some(failure))) = error {
                describe(&mut attempt, failure);
            }
            self.attempts.push(attempt);
            let tokens = usage.input.unwrap_or(0) + usage.output.unwrap_or(0);
            self.books.limits.correct(&asking.pass, tokens);
            let spent = Spent {
                requests: u64::from(status != Status::Cancelled || tokens > 0),
                tokens,
                nano_usd: cost.unwrap_or(0),
            };
            charges = self.books.ledger.settle(asking.held, spent);
        } else if let Some(last) = self.attempts.last() {
            outcome.provider = Arc::clone(&last.provider);
            outcome.upstream_model = Arc::clone(&last.upstream_model);
        }
        if let Some(pass) = self.pass.take() {
            let used = outcome.usage;
            let tokens = used.input.unwrap_or(0) + used.output.unwrap_or(0);
            self.books.limits.correct(&pass, tokens);
        }
        let done = Done {
            request_id: self.began.id.to_string(),
            provider: Arc::clone(&outcome.provider),
            simulated,
            usage: outcome.usage,
            usage_source: outcome.usage_source,
            cost_nanousd: outcome.cost_nanousd,
            cost_source: outcome.cost_source,
            downgraded: self.downgraded.is_some(),
        };
        self.write(outcome, charges, response);
        done
    }

    /// What was used: as the provider says; where it says nothing, as it looks from here.
    fn usage_of(&self, tally: &Tally, status: Status) -> (Usage, UsageSource) {
        let seen = self.seen.load(Ordering::Relaxed);
        if tally.usage.output.is_some() || (tally.usage.input.is_some() && seen == 0) {
            (tally.usage, UsageSource::Provider)
        } else if status == Status::Cancelled && seen == 0 {
            (Usage::default(), UsageSource::None)
        } else {
            let estimated = Usage {
                input: tally.usage.input.or(Some(self.estimated_input)),
                // About a token each.
                output: Some(seen),
                ..tally.usage
            };
            (estimated, UsageSource::Estimated)
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        let ms = |time: Duration| Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX);
        Outcome {
            cache: self.cache,
            duration_ms: ms(self.started.elapsed()),
            first_token_ms: self.first.map(ms),
            ..Outcome::default()
        }
    }

    pub(super) fn write(
        &mut self,
        outcome: Outcome,
        charges: Vec<Charge>,
        response: Option<&[u8]>,
    ) {
        self.ended = true;
        let response = response.and_then(|response| kept(self.keeps, response));
        let bodies = (self.body.is_some() || response.is_some()).then(|| Bodies {
            request: self.body.take(),
            response,
        });
        let ended = Ended {
            began: self.began.clone(),
            outcome,
            attempts: std::mem::take(&mut self.attempts),
            charges,
            bodies,
        };
        if let Err(error) = self.books.log.put(Event::Ended(Box::new(ended))) {
            tracing::error!(%error, request = &*self.began.id, "a request's end is not on record");
        }
    }
}

fn attempt(asking: &Asking, status: Status) -> Attempt {
    Attempt {
        provider: Arc::clone(&asking.target.key.provider),
        upstream_model: Arc::clone(&asking.target.key.model),
        status,
        started_ms: asking.started_ms,
        duration_ms: Millis::try_from(asking.started.elapsed().as_millis()).unwrap_or(Millis::MAX),
        ..Attempt::default()
    }
}

pub(super) fn attempt_of(asking: &Asking, failure: &Failure) -> Attempt {
    let status = if failure.partial.is_some() {
        Status::Partial
    } else {
        Status::Error
    };
    let mut attempt = attempt(asking, status);
    describe(&mut attempt, failure);
    attempt
}

fn describe(attempt: &mut Attempt, failure: &Failure) {
    let code = || word(failure.kind).to_owned();
    attempt.http_status = failure.status;
    attempt.code = Some(failure.code.clone().unwrap_or_else(code));
    attempt.message = Some(failure.message.chars().take(300).collect());
    attempt.retry_after_ms = failure
        .retry_after
        .and_then(|wait| Millis::try_from(wait.as_millis()).ok());
}

/// What kind of failure it was, for programs.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::RateLimited => "rate_limited",
        Kind::Overloaded => "overloaded",
        Kind::Credentials => "credentials",
        Kind::NoSuchModel => "no_such_model",
        Kind::NoSuchOperation => "no_such_operation",
        Kind::BadRequest => "bad_request",
        Kind::TimedOut => "timed_out",
        Kind::Truncated => "truncated",
        Kind::Broken => "broken",
    }
}

/// What is kept of a body with the log.
pub(super) fn kept(keeps: Keeps, body: &[u8]) -> Option<String> {
    let text = |body: &[u8]| {
        let body = body.get(..MOST_KEPT).unwrap_or(body);
        String::from_utf8_lossy(body).into_owned()
    };
    match keeps {
        Keeps::Off => None,
        Keeps::Redacted => Some(redact::text(&text(body))),
        Keeps::Full => Some(text(body)),
    }
}
