//! What callers may ask of the hub: each token, and whoever and whatever a rule names.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Principal,
    quota::{Quota, Rates},
    tools::{self, matches},
};
use crate::project::Scope;

/// Subjects that are remembered; past it those that are quiet are forgotten.
const MOST: usize = 10_000;

/// `[limits]` of config.toml: what callers may ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Calls a minute for each token; 0 for no limit.
    pub calls_per_minute: u32,
    /// Calls at the same time for each token.
    pub concurrent_calls: u32,
    /// Bytes a minute for each token, of arguments and results together; 0 for no limit.
    pub bytes_per_minute: u64,
    /// Administrative requests a minute for each token, which are not calls; 0 for no limit.
    pub admin_requests_per_minute: u32,
    /// Threads for blocking work (git, search, parsing); 0 for twice the number of processors.
    pub blocking_threads: usize,
    /// More limits, each for what it names.
    pub rules: Vec<LimitRule>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            calls_per_minute: 0,
            concurrent_calls: 256,
            bytes_per_minute: 0,
            admin_requests_per_minute: 0,
            blocking_threads: 0,
            rules: Vec::new(),
        }
    }
}

/// `[[limits.rules]]`: what a project, an agent or a token may ask of some tools.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitRule {
    /// Project; `*` is each on its own. Left out, the rule does not tell projects apart.
    pub project: Option<String>,
    /// Agent; `*` is each on its own.
    pub agent: Option<String>,
    /// Token id; `*` is each on its own. What clients got by a token counts to it.
    pub token: Option<String>,
    /// The tools whose calls count together: names, or patterns such as `git_*`. Without any, all.
    pub tools: Vec<String>,
    /// Calls a minute; 0 for no limit.
    pub calls_per_minute: u32,
    /// Calls at the same time; 0 for no limit.
    pub concurrent_calls: u32,
    /// Bytes a minute, of arguments and results together; 0 for no limit.
    pub bytes_per_minute: u64,
}

impl LimitRule {
    /// Says what is wrong with it. `known` are all tools.
    pub fn check(&self, known: &[&'static str]) -> Result<(), String> {
        let rates = self.rates();
        if rates == Rates::default() {
            return Err(
                "limits nothing: give calls_per_minute, concurrent_calls or bytes_per_minute"
                    .to_owned(),
            );
        }
        self.tools
            .iter()
            .try_for_each(|tool| tools::check(tool, known))
    }

    fn rates(&self) -> Rates {
        Rates {
            calls_per_minute: self.calls_per_minute,
            concurrent_calls: self.concurrent_calls,
            bytes_per_minute: self.bytes_per_minute,
            admin_requests_per_minute: 0,
        }
    }

    /// Whom it counts `call` for, if it does.
    fn subject(&self, n: usize, call: &Call<'_>) -> Option<String> {
        let covers = |pattern: &String| matches(pattern, call.tool);
        if !self.tools.is_empty() && !self.tools.iter().any(covers) {
            return None;
        }
        let names = [
            ("project", &self.project, call.scope.project.as_str()),
            ("agent", &self.agent, call.scope.agent.as_str()),
            ("token", &self.token, &*call.principal.owner),
        ];
        let mut subject = format!("rule {n}");
        for (kind, wanted, name) in names {
            match wanted.as_deref() {
                None => {}
                Some("*") => subject.extend([" ", kind, " ", name]),
                Some(wanted) if wanted == name => {}
                Some(_) => return None,
            }
        }
        Some(subject)
    }
}

/// A call that asks to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// Where, and for whom.
    pub scope: &'a Scope,
    /// What.
    pub tool: &'a str,
}

/// The rules, and what each has counted.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<LimitRule>,
    by_subject: Mutex<HashMap<String, Arc<Quota>>>,
}

impl Rules {
    /// Rules that have counted nothing.
    pub fn new(rules: &[LimitRule]) -> Self {
        Self {
            rules: rules.to_vec(),
            by_subject: Mutex::default(),
        }
    }

    /// What counts `call`.
    pub fn quotas(&self, call: &Call<'_>) -> Vec<Arc<Quota>> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let mut known = self
            .by_subject
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, quota| Arc::strong_count(quota) > 1 || !quota.is_idle());
        }
        let counted = self.rules.iter().enumerate().filter_map(|(n, rule)| {
            let subject = rule.subject(n, call)?;
            let quota = known
                .entry(subject)
                .or_insert_with_key(|subject| Arc::new(Quota::of(subject, rule.rates())));
            Some(Arc::clone(quota))
        });
        counted.collect()
    }
}
