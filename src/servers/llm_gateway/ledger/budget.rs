//! A budget that is ready to be asked.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::{
    Who,
    config::{Action, BudgetConfig},
    decide::Limits,
    period::{self, Span},
};
use crate::{base::clock::Millis, tool::ToolError};

/// Stands between the names in a subject; no name holds one.
const SEPARATOR: char = '\n';

/// A budget of the settings, or of a project.
#[derive(Debug, Clone)]
pub struct Budget {
    /// What its windows are stored under.
    pub id: Arc<str>,
    pub config: BudgetConfig,
    pub limits: Limits,
    zone: TimeZone,
}

impl Budget {
    /// Checks `config`; an error names the wrong field.
    pub fn new(id: &str, config: BudgetConfig) -> Result<Self, (&'static str, String)> {
        let zone = config.check()?;
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let limits = Limits {
            nano_usd: config.usd.map(|usd| (usd * 1e9).round() as i64),
            tokens: config.tokens.map(whole),
            requests: config.requests.map(whole),
        };
        Ok(Self {
            id: id.into(),
            config,
            limits,
            zone,
        })
    }

    /// Which of its windows counts the requests of `who`: the names of all that it has one for each of. None where it does not
    /// count them.
    pub fn subject(&self, who: &Who) -> Option<String> {
        let names = [
            &who.project,
            &who.agent,
            &who.token,
            &who.model,
            &who.provider,
        ];
        let mut subject = String::new();
        for ((_, wanted), name) in self.config.scope.named().into_iter().zip(names) {
            match wanted {
                None => {}
                Some("*") => {
                    subject.push_str(name);
                    subject.push(SEPARATOR);
                }
                Some(wanted) if wanted == &**name => {}
                Some(_) => return None,
            }
        }
        Some(subject)
    }

    /// Whether it may count requests of `who`, whose empty names stand for any.
    pub fn concerns(&self, who: &Who) -> bool {
        let names = [
            &who.project,
            &who.agent,
            &who.token,
            &who.model,
            &who.provider,
        ];
        let scope = self.config.scope.named();
        scope.iter().zip(names).all(|((_, wanted), name)| {
            name.is_empty() || wanted.is_none_or(|wanted| wanted == "*" || wanted == &**name)
        })
    }

    /// The names that `subject` is made of, in place of the budget's `*`; None if they are not those of `who`, whose empty names
    /// stand for any.
    pub fn names(&self, subject: &str, who: &Who) -> Option<super::config::BudgetScope> {
        let mut scope = self.config.scope.clone();
        let mut parts = subject.split(SEPARATOR);
        let slots = [
            (&mut scope.project, &who.project),
            (&mut scope.agent, &who.agent),
            (&mut scope.token, &who.token),
            (&mut scope.model, &who.model),
            (&mut scope.provider, &who.provider),
        ];
        for (slot, own) in slots {
            if slot.as_deref() == Some("*") {
                let name = parts.next()?;
                if !own.is_empty() && name != &**own {
                    return None;
                }
                *slot = Some(name.to_owned());
            }
        }
        Some(scope)
    }

    /// Whether it only counts the requests of `who`: they are for the model that it downgrades to.
    pub fn spares(&self, who: &Who) -> bool {
        self.config.action == Action::Downgrade
            && self.config.downgrade_to.as_deref() == Some(&*who.model)
    }

    /// The period that `now` is in.
    pub fn span(&self, now: Millis) -> Span {
        period::span(self.config.period, &self.zone, now)
    }

    /// `ms` as RFC 3339 in the budget's zone.
    pub fn time(&self, ms: Millis) -> String {
        period::rfc3339(ms, &self.zone)
    }
}

/// The budgets of the settings; the error names the wrong field.
pub fn configured(config: &[BudgetConfig]) -> Result<Vec<Arc<Budget>>, ToolError> {
    let mut budgets: Vec<Arc<Budget>> = Vec::new();
    for (n, budget) in config.iter().enumerate() {
        let at = format!("servers.llm_gateway.budgets[{n}]");
        if budgets.iter().any(|other| other.config.name == budget.name) {
            let why = format!("{at}.name: {:?} is the name of another budget", budget.name);
            return Err(ToolError::invalid("", why));
        }
        let budget = Budget::new(&format!("config:{}", budget.name), budget.clone())
            .map_err(|(field, why)| ToolError::invalid("", format!("{at}.{field}: {why}")))?;
        budgets.push(Arc::new(budget));
    }
    Ok(budgets)
}
