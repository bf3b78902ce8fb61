//! `[[servers.llm_gateway.budgets]]` of config.toml, and what `set_budget` stores.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A budget: what may be used in a period. At least one of `usd`, `tokens` and `requests` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// A name for people, shown where the budget refuses.
    pub name: String,
    /// Whose requests it counts.
    #[serde(default)]
    pub scope: BudgetScope,
    /// Dollars in a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// Tokens, input and output, in a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Requests in a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// How long it lasts before it starts anew.
    pub period: Period,
    /// Time zone of the periods, as `Europe/Berlin`.
    #[serde(default = "utc")]
    pub tz: String,
    /// What happens when it is used up.
    #[serde(default)]
    pub action: Action,
    /// For `action = "downgrade"`: the model or route that is asked instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downgrade_to: Option<String>,
    /// What happens, under a limit in dollars, to requests whose price is not known.
    #[serde(default)]
    pub unpriced: Unpriced,
}

/// Whose requests a budget counts: each a name, or `*` for one budget for each; what is left out counts all together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetScope {
    /// Project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Id of a service token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Model or route, as it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// How long a budget lasts. Periods begin with the hour, the day, Monday, or the first of the month in the budget's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Hour,
    Day,
    Week,
    Month,
    /// It never starts anew.
    Total,
}

/// What happens when a budget is used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Requests are refused until the next period.
    #[default]
    Block,
    /// Requests go on, with a warning.
    Warn,
    /// Requests go to another model.
    Downgrade,
}

/// What happens to requests whose price is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unpriced {
    /// They are refused.
    #[default]
    Block,
    /// They go on, and count as costing nothing.
    Allow,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl BudgetConfig {
    /// Checks that it makes sense; answers with its zone, or with the wrong field and what to do.
    pub fn check(&self) -> Result<TimeZone, (&'static str, String)> {
        let plain =
            |text: &str| !text.is_empty() && text.len() <= 256 && !text.contains(char::is_control);
        if !plain(&self.name) {
            return Err(("name", "must be 1 to 256 characters on one line".to_owned()));
        }
        for (field, name) in self.scope.named() {
            if !name.is_none_or(plain) {
                return Err((
                    field,
                    "must be a name, or `*` for a budget for each".to_owned(),
                ));
            }
        }
        if self.usd.is_none() && self.tokens.is_none() && self.requests.is_none() {
            return Err((
                "usd",
                "give at least one of usd, tokens and requests".to_owned(),
            ));
        }
        if self.usd.is_some_and(|usd| !(0.0..=1e9).contains(&usd)) {
            return Err(("usd", "must be 0 to 1000000000 dollars".to_owned()));
        }
        match (&self.downgrade_to, self.action) {
            (None, Action::Downgrade) => {
                return Err((
                    "downgrade_to",
                    "name the model or route to ask instead".to_owned(),
                ));
            }
            (Some(_), Action::Block | Action::Warn) => {
                return Err((
                    "downgrade_to",
                    "is for action = \"downgrade\" only".to_owned(),
                ));
            }
            _ => {}
        }
        TimeZone::get(&self.tz).map_err(|_| {
            (
                "tz",
                format!(
                    "{:?} is no time zone: use a name such as Europe/Berlin or UTC",
                    self.tz
                ),
            )
        })
    }
}

impl BudgetScope {
    /// The parts with their names, in the order in which subjects hold them.
    pub fn named(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("project", self.project.as_deref()),
            ("agent", self.agent.as_deref()),
            ("token", self.token.as_deref()),
            ("model", self.model.as_deref()),
            ("provider", self.provider.as_deref()),
        ]
    }
}
