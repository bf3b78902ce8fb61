//! In which order a call tries its targets.

use std::{sync::Arc, time::Duration};

use super::{
    health::{Cooldown, Key, State, Targets},
    limits::Limit,
};
use crate::{
    base::clock::Millis,
    servers::llm_gateway::{
        config::{RetryConfig, Strategy},
        engine::{
            chat::Usage,
            prices::{Mode, Price},
            upstream::Upstream,
        },
        prices::Priced,
    },
};

/// A model at its provider, ready to be asked.
#[derive(Clone)]
pub struct Target {
    /// The name it is asked for by.
    pub name: Arc<str>,
    /// Provider, and the provider's own name of the model.
    pub key: Key,
    pub upstream: Arc<dyn Upstream>,
    /// What it costs now, where that is known.
    pub priced: Option<Priced>,
    pub skills: Skills,
    /// Of the provider.
    pub limit: Limit,
    /// Its answers are made up: the built-in provider.
    pub simulated: bool,
}

impl Target {
    /// Its price, where that is known.
    pub fn price(&self) -> Option<&Price> {
        self.priced.as_ref()?.entry.price.as_ref()
    }

    /// What so many tokens cost, where that is known.
    pub fn cost_of(&self, input: u64, output: u64, mode: Mode) -> Option<i64> {
        let usage = Usage {
            input: Some(input),
            output: Some(output),
            ..Usage::default()
        };
        self.price()?.cost(&usage, mode)
    }
}

/// What a model can do, where that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skills {
    pub tools: Option<bool>,
    pub images: Option<bool>,
    pub schema: Option<bool>,
    pub max_input: Option<u64>,
    pub max_output: Option<u64>,
}

/// What a call needs of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    pub tools: bool,
    pub images: bool,
    pub schema: bool,
    /// Room for so many tokens of input, as an estimate.
    pub input: u64,
}

impl Skills {
    /// What is wanted and surely not there.
    pub fn lacks(&self, wants: Wants) -> Option<&'static str> {
        let lacks = |wanted: bool, has: Option<bool>| wanted && has == Some(false);
        if lacks(wants.tools, self.tools) {
            Some("tools")
        } else if lacks(wants.images, self.images) {
            Some("images")
        } else if lacks(wants.schema, self.schema) {
            Some("structured output")
        } else if self.max_input.is_some_and(|most| wants.input > most) {
            Some("so much input")
        } else {
            None
        }
    }
}

/// A route, or one model alone.
#[derive(Clone)]
pub struct Plan {
    /// The route's name, if it is one.
    pub route: Option<Arc<str>>,
    /// Targets with their weights.
    pub targets: Vec<(Target, u32)>,
    pub strategy: Strategy,
    pub retry: RetryConfig,
    pub cooldown: Cooldown,
}

impl Plan {
    /// One model alone.
    pub fn of(target: Target) -> Self {
        Self {
            route: None,
            targets: vec![(target, 1)],
            strategy: Strategy::Priority,
            retry: RetryConfig::default(),
            cooldown: Cooldown {
                failures: 3,
                time: Duration::from_secs(30),
            },
        }
    }

    /// The name of the model or route.
    pub fn name(&self) -> Arc<str> {
        let model = || self.targets.first().map(|(target, _)| &target.name);
        self.route
            .as_ref()
            .or_else(model)
            .cloned()
            .unwrap_or_default()
    }

    /// The models that it leads to, as a text: the same as long as the settings are.
    pub fn resolved(&self) -> String {
        let name =
            |(target, _): &(Target, u32)| format!("{}/{}\n", target.key.provider, target.key.model);
        self.targets.iter().map(name).collect()
    }

    /// The targets in the order in which they are tried at `now`: those that cool down last, soonest over first. `draw` gives
    /// numbers below its argument.
    pub fn order(
        &self,
        health: &Targets,
        now: Millis,
        draw: impl FnMut(u64) -> u64,
    ) -> Vec<&Target> {
        let mut order = match self.strategy {
            Strategy::Priority => self.targets.iter().map(|(target, _)| target).collect(),
            Strategy::Weighted => self.drawn(draw),
            Strategy::Latency => self.soonest(health),
        };
        if order.len() > 1 {
            order.sort_by_key(|target| {
                let known = health.of(&target.key);
                match known.state(now) {
                    State::Closed | State::HalfOpen => 0,
                    State::Open => known.until_ms,
                }
            });
        }
        order
    }

    /// One after the other drawn by weight, those of weight 0 last.
    fn drawn(&self, mut draw: impl FnMut(u64) -> u64) -> Vec<&Target> {
        let mut left: Vec<&(Target, u32)> = self.targets.iter().collect();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let sum: u64 = left.iter().map(|(_, weight)| u64::from(*weight)).sum();
            let mut lot = if sum == 0 { 0 } else { draw(sum) };
            let hit = left.iter().position(|(_, weight)| {
                let weight = u64::from(*weight);
                let hit = lot < weight;
                lot = lot.saturating_sub(weight);
                hit
            });
            order.push(&left.remove(hit.unwrap_or(0)).0);
        }
        order
    }

    fn soonest(&self, health: &Targets) -> Vec<&Target> {
        let mut order: Vec<&Target> = self.targets.iter().map(|(target, _)| target).collect();
        let mean = |target: &&Target| health.of(&target.key).first_token_ms.unwrap_or(0.0);
        order.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
        order
    }
}

/// How long to wait before round `round` (the second is 1): a random share of an exponentially growing time ("full jitter"),
/// or what the provider asked for. None when that is longer than a call shall wait.
pub fn pause(
    retry: &RetryConfig,
    round: u32,
    asked: Option<Duration>,
    mut draw: impl FnMut(u64) -> u64,
) -> Option<Duration> {
    let most = Duration::from_millis(retry.max_wait_ms);
    if let Some(asked) = asked {
        return (asked <= most).then_some(asked);
    }
    let factor = 1_u64 << round.saturating_sub(1).min(16);
    let span = retry.base_ms.saturating_mul(factor).min(retry.max_wait_ms);
    Some(Duration::from_millis(draw(span.saturating_add(1))))
}
