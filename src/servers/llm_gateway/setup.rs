//! What the settings say, ready for use. It is replaced as a whole when they change; a call ends with what it began with.

use std::sync::Arc;

use super::{
    catalogue::{self, Catalogue},
    config::{CacheConfig, Config, LimitConfig, LogConfig},
    ledger::budget::{self, Budget},
    prices::Prices,
    routing::limits::Limit,
};
use crate::{base::clock::Millis, tool::prelude::*};

/// All that the settings say.
pub struct Setup {
    pub catalogue: Catalogue,
    pub cache: CacheConfig,
    pub log: LogConfig,
    pub budgets: Vec<Arc<Budget>>,
    limits: Vec<LimitConfig>,
}

/// Checks what of the settings can be checked without a database: providers and budgets. The error begins with its place.
pub fn check(config: &Config) -> Result<(), String> {
    catalogue::places(config)?;
    budget::configured(&config.budgets).map_err(|error| error.message)?;
    Ok(())
}

impl Setup {
    /// Checks that the settings fit together. Nothing is asked over the network.
    pub fn new(config: &Config, prices: Prices, now: Millis) -> Result<Self, ToolError> {
        let catalogue = Catalogue::new(config, prices, now);
        Ok(Self {
            catalogue: catalogue.map_err(|why| ToolError::invalid("", why))?,
            cache: config.cache,
            log: config.log,
            budgets: budget::configured(&config.budgets)?,
            limits: config.limits.clone(),
        })
    }

    /// The limits that count calls of `ctx`.
    pub fn limits_of(&self, ctx: &Ctx) -> Vec<(String, Limit)> {
        let own = |(n, limit): (usize, &LimitConfig)| {
            let names = [
                ("project", &limit.project, ctx.project().as_str()),
                ("agent", &limit.agent, ctx.agent().as_str()),
                ("token", &limit.token, &*ctx.principal().id),
            ];
            let mut subject = format!("limit {n}");
            for (kind, wanted, name) in names {
                match wanted.as_deref() {
                    None => {}
                    Some("*") => subject.extend([" ", kind, " ", name]),
                    Some(wanted) if wanted == name => {}
                    Some(_) => return None,
                }
            }
            let most = Limit {
                rpm: limit.rpm,
                tpm: limit.tpm,
                concurrency: limit.max_concurrency,
            };
            Some((subject, most))
        };
        self.limits.iter().enumerate().filter_map(own).collect()
    }
}
