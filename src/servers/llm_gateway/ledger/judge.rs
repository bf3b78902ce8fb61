//! Whether a request fits all budgets that count it, and what is said where it does not.

use std::{sync::Arc, time::Duration};

use super::{
    Exceeded, Need, Reason, Remaining, Who,
    budget::Budget,
    config::{Action, Unpriced},
    decide::{Amounts, Ask, Standing, Verdict, decide},
    period::Span,
};
use crate::base::clock::Millis;

/// Longest wait that a refusal names.
const DAY_MS: Millis = 86_400_000;

/// A window that a request counts in.
#[derive(Debug, Clone)]
pub struct Claim {
    pub budget: Arc<Budget>,
    pub subject: String,
    pub span: Span,
    /// The budget only counts this request.
    pub spared: bool,
}

impl Claim {
    /// The windows of all `budgets` that count a request of `who`, in the order in which they are locked.
    pub fn all(budgets: &[Arc<Budget>], who: &Who, now: Millis) -> Vec<Self> {
        let claim = |budget: &Arc<Budget>| {
            Some(Self {
                subject: budget.subject(who)?,
                span: budget.span(now),
                spared: budget.spares(who),
                budget: Arc::clone(budget),
            })
        };
        let mut claims: Vec<Self> = budgets.iter().filter_map(claim).collect();
        claims.sort_by(|a, b| (&a.budget.id, &a.subject).cmp(&(&b.budget.id, &b.subject)));
        claims
    }
}

/// What comes of a request.
#[derive(Debug)]
pub enum Judgement {
    Admit(Admission),
    /// A request in flight has to end first; what is said if none does.
    Wait(Exceeded),
    Refuse(Exceeded),
}

/// What an admitted request is told.
#[derive(Debug, Default)]
pub struct Admission {
    pub warnings: Vec<String>,
    pub remaining: Option<Remaining>,
}

/// What a request of `need` asks of every window.
pub fn ask(need: &Need) -> Ask {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (likely, least) = if need.simulated {
        (0, 0)
    } else {
        let likely = need.nano_usd.unwrap_or(0);
        (likely, need.least_nano_usd.unwrap_or(likely))
    };
    let least = Amounts {
        nano_usd: least,
        tokens: whole(need.least_tokens),
        requests: 1,
    };
    Ask {
        hold: Amounts {
            nano_usd: likely.saturating_mul(2).max(least.nano_usd),
            tokens: whole(need.tokens).saturating_mul(2).max(least.tokens),
            requests: 1,
        },
        least,
    }
}

/// `standings` are those of `claims`, in their order.
pub fn judge(claims: &[Claim], standings: &[Standing], need: &Need, now: Millis) -> Judgement {
    let ask = ask(need);
    let unpriced = need.nano_usd.is_none() && !need.simulated;
    let (mut admission, mut wait, mut lower) = (Admission::default(), None, None);
    let mut tightest = u128::MAX;
    for (claim, standing) in claims.iter().zip(standings) {
        let budget = &claim.budget;
        let left = Remaining::of(budget, standing);
        if let Some(share) = left.share(&budget.limits)
            && share < tightest
        {
            tightest = share;
            admission.remaining = Some(left);
        }
        let blind = unpriced
            && budget.limits.nano_usd.is_some()
            && budget.config.unpriced == Unpriced::Block;
        let verdict = if claim.spared {
            Verdict::Admit
        } else {
            decide(&budget.limits, standing, &ask)
        };
        match (budget.config.action, verdict) {
            (Action::Block, _) if blind => return Judgement::Refuse(price_unknown(budget)),
            (Action::Warn, Verdict::Refuse) => {
                admission.warnings.push(used_up(claim, standing, &ask));
            }
            (Action::Block, Verdict::Refuse) => {
                return Judgement::Refuse(refused(claim, standing, &ask, now));
            }
            (Action::Block, Verdict::Wait) => wait = wait.or_else(|| Some(busy(claim))),
            (Action::Downgrade, _) if blind && !claim.spared => {
                lower = lower.or(Some(price_unknown(budget)));
            }
            (Action::Downgrade, Verdict::Refuse | Verdict::Wait) => {
                lower = lower.or_else(|| Some(refused(claim, standing, &ask, now)));
            }
            (_, Verdict::Admit) | (Action::Warn, Verdict::Wait) => {}
        }
    }
    match (lower, wait) {
        (Some(exceeded), _) => Judgement::Refuse(exceeded),
        (None, Some(busy)) => Judgement::Wait(busy),
        (None, None) => Judgement::Admit(admission),
    }
}

/// The refusal of a request that waited in vain for others to end.
pub fn busy(claim: &Claim) -> Exceeded {
    let name = &claim.budget.config.name;
    Exceeded {
        reason: Reason::Busy,
        budget: name.clone(),
        message: format!(
            "budget {name:?} is nearly used up, and requests that have not ended may take what is left: try \
              again in a moment, or set a smaller max_tokens"
        ),
        resets: None,
        retry_after: Some(Duration::from_secs(1)),
        downgrade_to: None,
    }
}

fn price_unknown(budget: &Budget) -> Exceeded {
    let name = &budget.config.name;
    Exceeded {
        reason: Reason::Unpriced,
        budget: name.clone(),
        message: format!(
            "budget {name:?} limits dollars, and the model's price is not known: use a model that list_models shows a price \
             for, or have the operator set its price, or unpriced = \"allow\" in the budget"
        ),
        resets: None,
        retry_after: None,
        downgrade_to: budget.config.downgrade_to.clone(),
    }
}

fn refused(claim: &Claim, standing: &Standing, ask: &Ask, now: Millis) -> Exceeded {
    let budget = &claim.budget;
    let wait = claim.span.end.map(|end| (end - now).clamp(1, DAY_MS));
    Exceeded {
        reason: Reason::Used,
        budget: budget.config.name.clone(),
        message: used_up(claim, standing, ask),
        resets: claim.span.end.map(|end| budget.time(end)),
        retry_after: wait
            .and_then(|ms| u64::try_from(ms).ok())
            .map(Duration::from_millis),
        downgrade_to: budget.config.downgrade_to.clone(),
    }
}

/// Which limit is reached, how much of it is used, and what can be done.
fn used_up(claim: &Claim, standing: &Standing, ask: &Ask) -> String {
    let (budget, wanted) = (&claim.budget, standing.spent + ask.least);
    let (limits, spent) = (&budget.limits, &standing.spent);
    let over = |limit: Option<i64>, wanted: i64| limit.filter(|limit| wanted > *limit);
    let what = if let Some(limit) = over(limits.nano_usd, wanted.nano_usd) {
        format!("{} of {} are spent", usd(spent.nano_usd), usd(limit))
    } else if let Some(limit) = over(limits.tokens, wanted.tokens) {
        format!("{} of {limit} tokens are used", spent.tokens)
    } else if let Some(limit) = over(limits.requests, wanted.requests) {
        format!("{} of {limit} requests are made", spent.requests)
    } else {
        "requests that have not ended may take what is left".to_owned()
    };
    let least = if ask.least.tokens > 1 {
        format!(
            " (this request needs at least {} tokens, {})",
            ask.least.tokens,
            usd(ask.least.nano_usd)
        )
    } else {
        String::new()
    };
    let next = match claim.span.end {
        Some(end) => format!(
            "it starts anew at {}: wait, ask for less, or use a cheaper model",
            budget.time(end)
        ),
        None => "it never starts anew: ask for less, or have it raised".to_owned(),
    };
    format!(
        "budget {:?} is used up: {what}{least}; {next}",
        budget.config.name
    )
}

/// Nano-dollars as text, exact: `$0.0000015`.
pub fn usd(nano: i64) -> String {
    let (sign, nano) = (if nano < 0 { "-" } else { "" }, nano.unsigned_abs());
    let fraction = format!("{:09}", nano % 1_000_000_000);
    let fraction = fraction.trim_end_matches('0');
    format!("{sign}${}.{fraction:0<2}", nano / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::usd;

    #[test]
    fn dollars_are_exact() {
        let texts = [0, 1, 1_500, 1_000_000_000, 12_345_678_900, -20_000_000].map(usd);
        assert_eq!(
            texts,
            [
                "$0.00",
                "$0.000000001",
                "$0.0000015",
                "$1.00",
                "$12.3456789",
                "-$0.02"
            ]
        );
    }
}
