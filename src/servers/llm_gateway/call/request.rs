//! The books of one call: on record from before a provider is asked until after it has answered, however it ends. Dropped before,
//! its caller went away.

mod settle;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;

use self::settle::{attempt_of, kept};
use super::{Asked, refusal, shared::Stored};
use crate::{
    base::{
        clock::{Clock, Millis},
        ids::new_id,
    },
    db::Behind,
    servers::llm_gateway::{
        LlmGateway,
        config::Bodies as Keeps,
        engine::{chat::Usage, failure::Failure, prices::Mode, upstream::Tally},
        ledger::{Held, Ledger, Remaining},
        record::{Attempt, Began, CacheOutcome, CostSource, Event, Outcome, Status, UsageSource},
        routing::{
            limits::{Limits, Pass},
            plan::{Plan, Target},
        },
    },
    tool::{Code, Ctx, ToolError},
};

/// What all requests write to.
pub struct Books {
    pub log: Behind<Event>,
    pub ledger: Ledger,
    pub limits: Limits,
    pub clock: Clock,
    pub owner: Arc<str>,
}

/// What is known of a call that has been answered.
#[derive(Debug, Clone)]
pub struct Done {
    pub request_id: String,
    pub provider: Arc<str>,
    pub simulated: bool,
    pub usage: Usage,
    pub usage_source: UsageSource,
    pub cost_nanousd: Option<i64>,
    pub cost_source: CostSource,
    /// A budget had another model asked.
    pub downgraded: bool,
}

/// The attempt under way.
struct Asking {
    target: Target,
    held: Held,
    pass: Pass,
    mode: Mode,
    started_ms: Millis,
    started: Instant,
}

/// A call under way.
pub struct Request {
    books: Arc<Books>,
    began: Began,
    started: Instant,
    first: Option<Duration>,
    /// Pieces of the answer that its caller has got.
    seen: Arc<AtomicU64>,
    estimated_input: u64,
    cache: Option<CacheOutcome>,
    keeps: Keeps,
    body: Option<String>,
    attempts: Vec<Attempt>,
    asking: Option<Asking>,
    /// What its project, agent and token may do in a minute.
    pass: Option<Pass>,
    /// Of the last reservation.
    warnings: Vec<String>,
    /// Which budget led to another model than was asked for.
    downgraded: Option<String>,
    remaining: Option<Remaining>,
    ended: bool,
}

impl Request {
    /// Notes a call before anybody is asked.
    pub async fn begin(
        gateway: &LlmGateway,
        ctx: &Ctx,
        asked: &Asked,
        cache: Option<CacheOutcome>,
        body: &[u8],
    ) -> Result<Self, ToolError> {
        let (books, keeps) = (&gateway.books, gateway.setup().log.bodies);
        let began = Began {
            id: new_id("req").into(),
            project: ctx.project().as_str().into(),
            agent: ctx.agent().as_str().into(),
            token: Arc::clone(&ctx.principal().id),
            kind: asked.kind,
            model: Arc::clone(&asked.model),
            route: None,
            dialect: asked.dialect,
            stream: asked.stream,
            idempotency_hash: None,
            owner: Arc::clone(&books.owner),
            started_ms: ctx.now(),
        };
        books.log.room().await?;
        books.log.put(Event::Began(began.clone()))?;
        Ok(Self {
            books: Arc::clone(books),
            began,
            started: Instant::now(),
            first: None,
            seen: Arc::default(),
            estimated_input: asked.input,
            cache,
            keeps,
            body: kept(keeps, body),
            attempts: Vec::new(),
            asking: None,
            pass: None,
            warnings: Vec::new(),
            downgraded: None,
            remaining: None,
            ended: false,
        })
    }

    /// The request's id.
    pub fn id(&self) -> &str {
        &self.began.id
    }

    /// Whether its caller speaks a dialect, and not the hub's own.
    pub fn is_in_a_dialect(&self) -> bool {
        self.began.dialect.is_some()
    }

    /// Whether what is said goes into the log.
    pub fn keeps_bodies(&self) -> bool {
        self.keeps != Keeps::Off
    }

    /// What the tightest budget had left.
    pub fn remaining(&self) -> Option<&Remaining> {
        self.remaining.as_ref()
    }

    /// Budgets that are used up, and warn, or led to another model.
    pub fn warnings(&self) -> Vec<String> {
        self.downgraded
            .iter()
            .chain(&self.warnings)
            .cloned()
            .collect()
    }

    /// How often a provider was asked.
    pub fn tries(&self) -> usize {
        self.attempts.len() + usize::from(self.asking.is_some())
    }

    /// Counts the pieces that the caller gets.
    pub fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.seen)
    }

    /// Counts in the limits of its project, agent and token.
    pub fn entered(&mut self, pass: Pass) {
        self.pass = Some(pass);
    }

    /// Goes by `plan`.
    pub fn on(&mut self, plan: &Plan) {
        self.began.route.clone_from(&plan.route);
    }

    /// Goes by `plan` instead, since `budget` is used up.
    pub fn downgraded(&mut self, budget: &str, plan: &Plan) {
        let model = plan.name();
        self.downgraded = Some(format!(
            "budget {budget:?} is used up: {model} was asked instead"
        ));
        self.on(plan);
    }

    /// Asks `target`, for which `held` is reserved, to serve it in `mode`.
    pub fn asking(&mut self, target: &Target, mut held: Held, pass: Pass, mode: Mode, now: Millis) {
        self.warnings = std::mem::take(&mut held.warnings);
        self.remaining = held.remaining.take();
        self.asking = Some(Asking {
            target: target.clone(),
            held,
            pass,
            mode,
            started_ms: now,
            started: Instant::now(),
        });
    }

    /// The target has answered, or begun to. Returns how long that took.
    pub fn answered(&mut self) -> Option<Duration> {
        self.first = Some(self.started.elapsed());
        self.asking.as_ref().map(|asking| asking.started.elapsed())
    }

    /// The caller got a piece of the answer.
    pub fn seen(&self) {
        self.seen.fetch_add(1, Ordering::Relaxed);
    }

    /// The target did not answer. What was reserved for it is free again.
    pub fn failed(&mut self, failure: &Failure) {
        if let Some(asking) = self.asking.take() {
            self.attempts.push(attempt_of(&asking, failure));
            self.books.limits.correct(&asking.pass, 0);
        }
    }

    /// The answer is there, and ended as `tally` says; `response` is what was said, where it is whole.
    pub fn finish(&mut self, tally: &Tally, response: Option<&[u8]>) -> Done {
        self.settle(Status::Ok, None, tally, response)
    }

    /// The answer broke off when its caller had seen a part of it. Returns what he is told.
    pub fn broke_off(&mut self, failure: &Failure) -> ToolError {
        let error = match &self.asking {
            Some(asking) => {
                let provider = Arc::clone(&asking.target.key.provider);
                self.attempts.push(attempt_of(asking, failure));
                let error = refusal::error(&provider, failure, self);
                self.attempts.pop();
                error
            }
            None => ToolError::upstream(failure.message.clone()),
        };
        let usage = failure.partial.as_ref().map(|partial| partial.usage);
        let tally = Tally {
            usage: usage.unwrap_or_default(),
            ..Tally::default()
        };
        self.settle(Status::Partial, Some((&error, Some(failure))), &tally, None);
        error
    }

    /// Nobody answered.
    pub fn refused(&mut self, error: &ToolError) {
        if !self.ended {
            self.settle(Status::Error, Some((error, None)), &Tally::default(), None);
        }
    }

    /// What is known while the answer comes.
    pub fn so_far(&self) -> Done {
        let target = self.asking.as_ref().map(|asking| &asking.target);
        Done {
            request_id: self.began.id.to_string(),
            provider: target
                .map(|t| Arc::clone(&t.key.provider))
                .unwrap_or_default(),
            simulated: target.is_some_and(|target| target.simulated),
            usage: Usage::default(),
            usage_source: UsageSource::None,
            cost_nanousd: None,
            cost_source: CostSource::Unknown,
            downgraded: self.downgraded.is_some(),
        }
    }

    /// It was answered before.
    pub fn cached(mut self, stored: &Stored, how: CacheOutcome) -> Done {
        self.cache = Some(how);
        let outcome = Outcome {
            status: Status::Cached,
            provider: Arc::clone(&stored.provider),
            cost_nanousd: Some(0),
            cost_source: CostSource::Cache,
            saved_nanousd: stored.cost_nanousd,
            ..self.outcome()
        };
        let done = Done {
            request_id: self.began.id.to_string(),
            provider: Arc::clone(&stored.provider),
            simulated: false,
            usage: Usage::default(),
            usage_source: UsageSource::None,
            cost_nanousd: Some(0),
            cost_source: CostSource::Cache,
            downgraded: false,
        };
        self.write(outcome, Vec::new(), None);
        done
    }

    /// The attempts so far, for the caller.
    pub fn attempts(&self) -> Value {
        let shown = |attempt: &Attempt| {
            let mut shown = json!({
                "provider": &*attempt.provider,
                "model": &*attempt.upstream_model,
                "status": attempt.status,
            });
            if let Some(fields) = shown.as_object_mut() {
                if let Some(status) = attempt.http_status {
                    fields.insert("http_status".into(), status.into());
                }
                if let Some(code) = &attempt.code {
                    fields.insert("code".into(), code.as_str().into());
                }
            }
            shown
        };
        self.attempts.iter().map(shown).collect()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.ended {
            let gone = ToolError::new(Code::Cancelled, "the caller went away");
            self.settle(
                Status::Cancelled,
                Some((&gone, None)),
                &Tally::default(),
                None,
            );
        }
    }
}
