//! How budgets stand, as callers see it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Who,
    budget::Budget,
    config::{Action, BudgetScope, Period},
    decide::Standing,
    period::Span,
    store::Window,
};
use crate::{base::clock::Millis, servers::llm_gateway::model::dollars};

/// How a budget stands in its present period.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BudgetState {
    /// The budget's name.
    pub name: String,
    /// Whose requests it counts.
    pub scope: BudgetScope,
    /// Whether it stands in the hub's settings, where set_budget cannot change it.
    pub from_settings: bool,
    /// How long it lasts before it starts anew.
    pub period: Period,
    /// When this period began: RFC 3339 in the budget's zone. Left out for a budget that never starts anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<String>,
    /// When it starts anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets: Option<String>,
    /// What happens when it is used up.
    pub action: Action,
    /// The model or route that is asked instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downgrade_to: Option<String>,
    /// Dollars, where they are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<Level<f64>>,
    /// Tokens, where they are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Level<i64>>,
    /// Requests, where they are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Level<i64>>,
    /// Requests that have not ended.
    pub in_flight: i64,
}

/// How far a limit is used up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Level<T> {
    /// The most in a period.
    pub limit: T,
    /// What is used.
    pub spent: T,
    /// What requests that have not ended may use besides: twice what is likely.
    pub held: T,
    /// What is left of the limit beside what is used.
    pub remaining: T,
}

/// The states of `budgets` for `who`, whose empty names stand for any: of a budget for each name, those that have been used.
pub fn states(
    budgets: &[&Arc<Budget>],
    windows: &[Window],
    who: &Who,
    now: Millis,
) -> Vec<BudgetState> {
    let mut states = Vec::new();
    for budget in budgets {
        let span = budget.span(now);
        let before = states.len();
        for window in windows
            .iter()
            .filter(|window| window.budget == budget.id && window.span.start == span.start)
        {
            if let Some(scope) = budget.names(&window.subject, who) {
                states.push(state(budget, scope, span, window.standing));
            }
        }
        if states.len() == before {
            let unused = budget
                .subject(who)
                .and_then(|subject| budget.names(&subject, who));
            let scope = unused.unwrap_or_else(|| budget.config.scope.clone());
            states.push(state(budget, scope, span, Standing::default()));
        }
    }
    states
}

fn state(budget: &Budget, scope: BudgetScope, span: Span, standing: Standing) -> BudgetState {
    let (config, limits) = (&budget.config, &budget.limits);
    let Standing {
        spent,
        held,
        in_flight,
    } = standing;
    let level = |limit: Option<i64>, spent: i64, held: i64| {
        limit.map(|limit| Level {
            limit,
            spent,
            held,
            remaining: limit.saturating_sub(spent).max(0),
        })
    };
    BudgetState {
        name: config.name.clone(),
        scope,
        from_settings: budget.id.starts_with("config:"),
        period: config.period,
        began: span.end.map(|_| budget.time(span.start)),
        resets: span.end.map(|end| budget.time(end)),
        action: config.action,
        downgrade_to: config.downgrade_to.clone(),
        usd: level(limits.nano_usd, spent.nano_usd, held.nano_usd).map(|level| Level {
            limit: dollars(level.limit),
            spent: dollars(level.spent),
            held: dollars(level.held),
            remaining: dollars(level.remaining),
        }),
        tokens: level(limits.tokens, spent.tokens, held.tokens),
        requests: level(limits.requests, spent.requests, held.requests),
        in_flight,
    }
}
