//! The attempts of one call: its targets in their order, one after the other, until one answers.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, timeout_at};

use super::{
    Asked,
    refusal::{self, Refused},
    request::Request,
};
use crate::{
    servers::llm_gateway::{
        LlmGateway,
        engine::{
            failure::{Failure, Kind},
            prices::Mode,
        },
        ledger::{Exceeded, Need, Who},
        record,
        routing::{
            health::{Key, State, Targets},
            limits::{Limit, Met},
            plan::{Plan, Target, pause},
            random_below,
        },
    },
    tool::{Code, Ctx, ToolError},
};

/// How long a call waits for others that may leave something of a budget.
const PATIENCE: Duration = Duration::from_secs(5);
/// Tokens of an answer that a caller sets no limit to, as an estimate.
const LIKELY_OUTPUT: u64 = 256;

/// How a call is put to one target.
pub trait Lane: Sync {
    /// What comes back: an answer, or one that has begun.
    type Got: Send;
    /// Asks `target`. A failure that tells what had come ends the call: its caller has seen a part of the answer.
    fn send<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Self::Got, Failure>>;
    /// How `target` is asked to serve it.
    fn mode(&self, _target: &Target) -> Mode {
        Mode::Standard
    }
}

/// Puts `asked` to one target of `plan` after the other.
///
/// Boxed: what a call holds while it waits is large, and lies in the future of every face.
pub fn run<'a, L: Lane>(
    gateway: &'a LlmGateway,
    ctx: &'a Ctx,
    asked: &'a Asked,
    plan: Plan,
    lane: &'a L,
    request: &'a mut Request,
) -> BoxFuture<'a, Result<L::Got, ToolError>> {
    try_all(gateway, ctx, asked, plan, lane, request).boxed()
}

async fn try_all<L: Lane>(
    gateway: &LlmGateway,
    ctx: &Ctx,
    asked: &Asked,
    mut plan: Plan,
    lane: &L,
    request: &mut Request,
) -> Result<L::Got, ToolError> {
    request.on(&plan);
    let likely = asked.input + asked.max_tokens.map_or(LIKELY_OUTPUT, u64::from);
    let setup = gateway.setup();
    let entered = gateway.books.limits.enter(&setup.limits_of(ctx), likely);
    request.entered(entered.map_err(|met| {
        let why = format!(
            "the limit of {} is met: wait, then repeat the call",
            met.what
        );
        ToolError::new(Code::RateLimited, why).retry_after(met.retry_after)
    })?);
    let mut downgraded = false;
    'plan: loop {
        let until = Instant::now() + Duration::from_secs(plan.retry.deadline_seconds.max(1));
        let mut refused = Refused::default();
        for round in 0..plan.retry.rounds.max(1) {
            if round > 0 {
                let Some(wait) = refused
                    .again()
                    .and_then(|asked| pause(&plan.retry, round, asked, random_below))
                    .filter(|wait| Instant::now() + *wait < until)
                else {
                    break;
                };
                tokio::time::sleep(wait).await;
            }
            for target in open(gateway, &plan, ctx) {
                match attempt(gateway, ctx, asked, lane, request, &plan, target, until).await {
                    Ok(got) => return Ok(got),
                    Err(Stop::Next(why)) => refused.add(why),
                    Err(Stop::End(error)) => return Err(error),
                    Err(Stop::Downgrade(budget, model)) if !downgraded => {
                        downgraded = true;
                        plan = setup.catalogue.plan(&model, &[], ctx.now())?;
                        request.downgraded(&budget, &plan);
                        continue 'plan;
                    }
                    Err(Stop::Downgrade(_, model)) => {
                        let why = format!("the budgets' downgrade leads in a circle, at {model}");
                        return Err(ToolError::quota_exceeded(why));
                    }
                }
            }
        }
        return Err(refused.error(&asked.model, request));
    }
}

/// The targets to be tried now. One that cools down is left out while there are others.
fn open<'a>(gateway: &LlmGateway, plan: &'a Plan, ctx: &Ctx) -> Vec<&'a Target> {
    let now = ctx.now();
    let mut order = plan.order(&gateway.health, now, random_below);
    let cools = |target: &&Target| gateway.health.of(&target.key).state(now) == State::Open;
    if order.iter().all(cools) {
        order.truncate(1);
    } else {
        order.retain(|target| !cools(target));
    }
    order
}

/// Why an attempt did not bring an answer.
pub enum Stop {
    /// Another target may.
    Next(Why),
    /// No other target may.
    End(ToolError),
    /// The budget of this name wants another model to be asked.
    Downgrade(String, String),
}

/// Why a target did not answer, or was not asked.
pub enum Why {
    Failed(Arc<str>, Failure),
    Lacks(Arc<str>, &'static str),
    Cools(Arc<str>),
    Busy(Arc<str>, Met),
    Budget(Exceeded),
}

#[allow(clippy::too_many_arguments)]
async fn attempt<L: Lane>(
    gateway: &LlmGateway,
    ctx: &Ctx,
    asked: &Asked,
    lane: &L,
    request: &mut Request,
    plan: &Plan,
    target: &Target,
    until: Instant,
) -> Result<L::Got, Stop> {
    let name = || Arc::clone(&target.name);
    // A model alone is asked in any case: its provider knows best.
    let others = plan.targets.len() > 1;
    if others && let Some(lacking) = target.skills.lacks(asked.wants) {
        return Err(Stop::Next(Why::Lacks(name(), lacking)));
    }
    if others && !gateway.health.admit(&target.key, ctx.now()) {
        return Err(Stop::Next(Why::Cools(name())));
    }
    let mode = lane.mode(target);
    let need = need(asked, target, mode);
    let provider = (format!("provider {}", target.key.provider), target.limit);
    let limited = target.limit != Limit::default();
    let subjects = limited.then_some(provider);
    let pass = gateway
        .books
        .limits
        .enter(subjects.as_slice(), need.tokens)
        .map_err(|met| {
            gateway.health.gave_up(&target.key);
            Stop::Next(Why::Busy(name(), met))
        })?;
    let who = Who {
        project: ctx.project().as_str().into(),
        agent: ctx.agent().as_str().into(),
        token: Arc::clone(&ctx.principal().id),
        // Not what was asked for, where a budget led elsewhere.
        model: plan.name(),
        provider: Arc::clone(&target.key.provider),
    };
    let held = match gateway.books.ledger.reserve(&who, &need, PATIENCE).await {
        Ok(held) => held,
        Err(exceeded) => {
            gateway.health.gave_up(&target.key);
            return Err(match exceeded.downgrade_to.clone() {
                Some(model) => Stop::Downgrade(exceeded.budget, model),
                None => Stop::Next(Why::Budget(exceeded)),
            });
        }
    };
    request.asking(target, held, pass, mode, ctx.now());
    let mut probing = Probing {
        health: &gateway.health,
        key: &target.key,
        told: false,
    };
    let done = timeout_at(until, lane.send(target))
        .await
        .unwrap_or_else(|_| Err(Failure::new(Kind::TimedOut, "it did not answer in time")));
    probing.told = true;
    match done {
        Ok(got) => {
            let took = request.answered();
            if gateway.health.succeeded(&target.key, took) {
                gateway.note_health(&target.key);
            }
            Ok(got)
        }
        Err(failure) => {
            let now = ctx.now();
            if gateway
                .health
                .failed(&target.key, &failure, plan.cooldown, now)
                .is_some()
            {
                gateway.note_health(&target.key);
            }
            if failure.partial.is_some() {
                let error = request.broke_off(&failure);
                return Err(Stop::End(error));
            }
            request.failed(&failure);
            // Another target may have room for what this one finds too long.
            let too_long = failure.code.as_deref() == Some("context_length_exceeded");
            match failure.kind {
                Kind::BadRequest if !too_long => Err(Stop::End(refusal::error(
                    &target.key.provider,
                    &failure,
                    request,
                ))),
                _ => Err(Stop::Next(Why::Failed(
                    Arc::clone(&target.key.provider),
                    failure,
                ))),
            }
        }
    }
}

/// A call under way: when its caller goes away, it says nothing about its target, and the next call may be the probe.
struct Probing<'a> {
    health: &'a Targets,
    key: &'a Key,
    told: bool,
}

impl Drop for Probing<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.health.gave_up(self.key);
        }
    }
}

/// What the call will use of `target`, as an estimate.
fn need(asked: &Asked, target: &Target, mode: Mode) -> Need {
    let most = asked.max_tokens.map(u64::from);
    let output = match asked.kind {
        record::Kind::Embed => 0,
        record::Kind::Chat => most.unwrap_or(LIKELY_OUTPUT),
    };
    let least = match asked.kind {
        record::Kind::Embed => 0,
        record::Kind::Chat => most.unwrap_or(1),
    };
    let cost = |output| target.cost_of(asked.input, output, mode);
    Need {
        tokens: asked.input + output,
        least_tokens: asked.input + least,
        nano_usd: cost(output),
        least_nano_usd: cost(least),
        simulated: target.simulated,
    }
}
