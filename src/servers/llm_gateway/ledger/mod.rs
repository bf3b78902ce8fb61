//! Budgets that hold: what a request may use is reserved before it is sent, and settled when it has ended.
//!
//! [`decide`] has the rule. On the embedded database this process is the only one, so the truth is in memory ([`local`]); on
//! PostgreSQL several hubs share the windows, so each reservation is a transaction ([`shared`]). What is spent gets into the
//! database with the request's record, which carries the [`Charge`]s: exactly once, also after a crash.

pub mod budget;
pub mod config;
pub mod decide;
mod judge;
mod local;
pub mod period;
mod shared;
mod state;
mod store;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::{
    budget::Budget,
    config::BudgetConfig,
    decide::{Amounts, Limits, Standing},
    judge::Claim,
    local::Local,
    shared::Shared,
};
use crate::{
    base::{
        clock::{Clock, Millis},
        ids::{ProjectId, new_id},
    },
    db::{Db, DbError},
    tool::{Code, Host, ToolError},
};

pub use judge::usd;
pub use state::{BudgetState, Level};

/// Whose request it is, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    pub project: Arc<str>,
    pub agent: Arc<str>,
    /// Id of the service token.
    pub token: Arc<str>,
    /// Model or route, as it was asked for.
    pub model: Arc<str>,
    pub provider: Arc<str>,
}

/// What a request is estimated to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Need {
    /// What is likely, input and output.
    pub tokens: u64,
    /// What it will use at the very least: input and `max_tokens` if the caller gave one, else input and 1.
    pub least_tokens: u64,
    /// What is likely; None where the price is not known.
    pub nano_usd: Option<i64>,
    /// The cost of `least_tokens`; as `nano_usd` unless given.
    pub least_nano_usd: Option<i64>,
    /// It costs nothing, since nobody is asked.
    pub simulated: bool,
}

/// What a request has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub requests: u64,
    pub tokens: u64,
    /// 0 where it is not known.
    pub nano_usd: i64,
}

/// What a window is charged when the request's record is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub budget: Arc<str>,
    pub subject: String,
    pub start_ms: Millis,
    pub end_ms: Option<Millis>,
    pub amounts: Amounts,
    /// The reservation that ends with it, where several hubs share the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Arc<str>>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The budget is used up.
    Used,
    /// Others that have not ended may use it up.
    Busy,
    /// The price is not known.
    Unpriced,
    /// The budgets cannot be read.
    Unavailable,
}

/// A request that does not fit a budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Exceeded {
    pub reason: Reason,
    /// The budget's name.
    pub budget: String,
    /// What is used up, and what to do.
    pub message: String,
    /// When the budget starts anew: RFC 3339 in its zone.
    pub resets: Option<String>,
    /// At most a day.
    pub retry_after: Option<Duration>,
    /// The model or route to ask instead: reserve again with it as [`Who::model`].
    pub downgrade_to: Option<String>,
}

impl From<Exceeded> for ToolError {
    fn from(exceeded: Exceeded) -> Self {
        let code = match exceeded.reason {
            Reason::Used | Reason::Unpriced => Code::QuotaExceeded,
            Reason::Busy => Code::RateLimited,
            Reason::Unavailable => Code::Unavailable,
        };
        let details = json!({ "budget": exceeded.budget, "resets": exceeded.resets });
        let error = Self::new(code, exceeded.message).details(details);
        match exceeded.retry_after {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }
}

/// What the tightest budget had left when a request was admitted, the request not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// The budget's name.
    pub budget: String,
    pub nano_usd: Option<i64>,
    pub tokens: Option<i64>,
    pub requests: Option<i64>,
}

impl Remaining {
    fn of(budget: &Budget, standing: &Standing) -> Self {
        let left =
            |limit: Option<i64>, spent: i64| limit.map(|limit| limit.saturating_sub(spent).max(0));
        let Limits {
            nano_usd,
            tokens,
            requests,
        } = budget.limits;
        Self {
            budget: budget.config.name.clone(),
            nano_usd: left(nano_usd, standing.spent.nano_usd),
            tokens: left(tokens, standing.spent.tokens),
            requests: left(requests, standing.spent.requests),
        }
    }

    /// What is left of the tightest limit, in millionths of it.
    fn share(&self, limits: &Limits) -> Option<u128> {
        let pairs = [
            (self.nano_usd, limits.nano_usd),
            (self.tokens, limits.tokens),
            (self.requests, limits.requests),
        ];
        let share = |(left, limit): (Option<i64>, Option<i64>)| {
            let (left, limit) = (left?.unsigned_abs(), limit?.unsigned_abs());
            Some(u128::from(left) * 1_000_000 / u128::from(limit.max(1)))
        };
        pairs.into_iter().filter_map(share).min()
    }
}

/// A reservation. Dropped before it is settled, it is given back.
#[derive(Debug)]
pub struct Held {
    /// Budgets that are used up, and only warn.
    pub warnings: Vec<String>,
    /// Of the tightest budget, if any counts this request.
    pub remaining: Option<Remaining>,
    id: Arc<str>,
    claims: Vec<Claim>,
    hold: Amounts,
    books: Books,
    open: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.open {
            match &self.books {
                Books::Local(local) => local.end(&self.claims, self.hold, Amounts::default()),
                Books::Shared(shared) => shared.give_back(&self.id),
            }
        }
    }
}

/// Where the windows are.
#[derive(Debug, Clone)]
enum Books {
    Local(Arc<Local>),
    Shared(Arc<Shared>),
}

/// The budgets of the hub.
#[derive(Debug)]
pub struct Ledger {
    db: Db,
    clock: Clock,
    known: RwLock<Known>,
    books: Books,
}

/// The budgets that are known.
#[derive(Debug)]
struct Known {
    configured: Vec<Arc<Budget>>,
    /// Those of projects, and when they were read.
    stored: Vec<Arc<Budget>>,
    read: Millis,
    /// All.
    all: Arc<[Arc<Budget>]>,
}

impl Known {
    fn join(&mut self) {
        let all = self.configured.iter().chain(&self.stored);
        self.all = all.cloned().collect();
    }
}

/// How long a budget that another hub has set may go unseen, in milliseconds.
const BUDGETS_TTL: Millis = 1000;

impl Ledger {
    /// Opens the budgets of `config` and of the projects. Records of requests that an earlier process left in its journal must
    /// have been written before: what was spent is read from the database.
    pub async fn open(
        config: &[BudgetConfig],
        host: &Host,
        owner: &str,
    ) -> Result<Self, ToolError> {
        let configured = budget::configured(config)?;
        let books = match &host.db {
            Db::Sqlite(_) => {
                let windows = store::windows(&host.db, host.clock.now()).await?;
                Books::Local(Arc::new(Local::new(host.clock.clone(), windows)))
            }
            Db::Postgres(_) => Books::Shared(Shared::open(host, owner)),
        };
        let ledger = Self {
            db: host.db.clone(),
            clock: host.clock.clone(),
            known: RwLock::new(Known {
                configured,
                stored: Vec::new(),
                read: 0,
                all: Arc::new([]),
            }),
            books,
        };
        ledger.read_budgets().await?;
        Ok(ledger)
    }

    /// Reserves what a request needs in every budget that counts it. Near a limit it waits, at most `patience`, for requests
    /// that are on their way to end.
    pub async fn reserve(
        &self,
        who: &Who,
        need: &Need,
        patience: Duration,
    ) -> Result<Held, Exceeded> {
        let budgets = self.budgets().await.map_err(|error| unavailable(&error))?;
        let claims = || Claim::all(&budgets, who, self.clock.now());
        match &self.books {
            Books::Local(local) => local.reserve(claims(), need, patience).await,
            Books::Shared(shared) => shared.reserve(claims, need, patience).await,
        }
    }

    /// Ends a reservation with what was used. The charges belong into the request's record.
    pub fn settle(&self, mut held: Held, spent: Spent) -> Vec<Charge> {
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let amounts = Amounts {
            nano_usd: spent.nano_usd,
            tokens: whole(spent.tokens),
            requests: whole(spent.requests),
        };
        held.open = false;
        let reservation = match &held.books {
            Books::Local(local) => {
                local.end(&held.claims, held.hold, amounts);
                None
            }
            // The reservation stays until the record is written, which ends it in the same transaction.
            Books::Shared(_) => Some(Arc::clone(&held.id)),
        };
        let charge = |claim: &Claim| Charge {
            budget: Arc::clone(&claim.budget.id),
            subject: claim.subject.clone(),
            start_ms: claim.span.start,
            end_ms: claim.span.end,
            amounts,
            reservation: reservation.clone(),
        };
        held.claims.iter().map(charge).collect()
    }

    /// How the budgets stand that count requests of `who`; its empty names stand for any.
    pub async fn states(&self, who: &Who) -> Result<Vec<BudgetState>, DbError> {
        let (budgets, now) = (self.budgets().await?, self.clock.now());
        let concerned: Vec<&Arc<Budget>> = budgets
            .iter()
            .filter(|budget| budget.concerns(who))
            .collect();
        let windows = match &self.books {
            Books::Local(local) => local.windows(now),
            Books::Shared(_) => store::standings(&self.db, now).await?,
        };
        Ok(state::states(&concerned, &windows, who, now))
    }

    /// Sets the budget of `project` that has the name of `config`; it counts that project alone. An error names the wrong field.
    pub async fn set(
        &self,
        project: &ProjectId,
        mut config: BudgetConfig,
    ) -> Result<(), ToolError> {
        config.scope.project = Some(project.as_str().to_owned());
        let id = new_id("bud");
        let budget = Budget::new(&id, config)
            .map_err(|(field, why)| ToolError::invalid(format!("/{field}"), why))?;
        store::put_budget(&self.db, project, budget, self.clock.now()).await?;
        self.read_budgets().await?;
        Ok(())
    }

    /// Removes the budget that `project` has set under `name`; false if there is none.
    pub async fn remove(&self, project: &ProjectId, name: &str) -> Result<bool, DbError> {
        let removed = store::delete_budget(&self.db, project, name).await?;
        self.read_budgets().await?;
        Ok(removed)
    }

    /// Goes by the settings' budgets `configured` from now on; one that keeps its name keeps what is spent.
    pub fn follow(&self, configured: &[Arc<Budget>]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.configured = configured.to_vec();
        known.join();
    }

    async fn budgets(&self) -> Result<Arc<[Arc<Budget>]>, DbError> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let fresh = self.clock.now() - known.read < BUDGETS_TTL;
            if fresh || matches!(self.books, Books::Local(_)) {
                return Ok(Arc::clone(&known.all));
            }
        }
        self.read_budgets().await
    }

    async fn read_budgets(&self) -> Result<Arc<[Arc<Budget>]>, DbError> {
        let now = self.clock.now();
        let stored = store::budgets(&self.db).await?.into_iter().map(Arc::new);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.stored = stored.collect();
        known.read = now;
        known.join();
        Ok(Arc::clone(&known.all))
    }
}

/// Without the database nothing says what is left: better no request than one too many.
fn unavailable(error: &DbError) -> Exceeded {
    tracing::error!(%error, "budgets cannot be read");
    Exceeded {
        reason: Reason::Unavailable,
        budget: String::new(),
        message: "the budgets cannot be read: try again in a moment".to_owned(),
        resets: None,
        retry_after: Some(Duration::from_secs(1)),
        downgrade_to: None,
    }
}
