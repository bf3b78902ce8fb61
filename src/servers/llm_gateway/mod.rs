//! llm-gateway: one door to every model.
//!
//! A model's name leads to targets ([`catalogue`]); a [`call`] is put to one after the other until one answers, within budgets
//! ([`ledger`]) and limits ([`routing`]), and is on record from before the first attempt until after the end ([`record`],
//! [`store`]). [`faces`] speak the dialects of OpenAI and Anthropic, [`tools`] the hub's own. [`engine`] knows how providers and
//! dialects talk.

pub mod call;
pub mod catalogue;
mod config;
pub mod engine;
mod faces;
pub mod ledger;
pub mod model;
pub mod prices;
mod prompts;
pub mod record;
mod resources;
mod routes;
pub mod routing;
pub mod store;
pub mod tools;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

pub use config::*;

use self::{
    call::{flights::Flights, request::Books, shared::Stored},
    catalogue::Catalogue,
    ledger::Ledger,
    prices::Prices,
    routing::{
        health::{Key, Targets},
        limits::{Limit, Limits},
    },
    store::Store,
};
use crate::{
    base::ids::new_id,
    db::{Apply, Behind},
    tool::{Tasks, WireSet, prelude::*},
};

/// Requests of other processes that started longer ago than this and never ended are over, in milliseconds.
const LONGEST: i64 = 3_600_000;
/// How long a request's record may wait for company on its way to the database.
const GATHER: Duration = Duration::from_millis(5);

/// The server.
pub struct LlmGateway {
    catalogue: Catalogue,
    health: Targets,
    limits: Vec<LimitConfig>,
    books: Arc<Books>,
    answers: Flights<Stored>,
    cache: CacheConfig,
    store: Store,
    tasks: Tasks,
}

impl LlmGateway {
    /// Opens the server; requests that a dead process left are ended. Nothing is asked over the network.
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        let invalid = |why| ToolError::invalid("", why);
        let owner = new_id("own");
        let store = Store::new(host.db.clone());
        let apply: Apply<record::Event> = {
            let store = store.clone();
            Arc::new(move |events| {
                let store = store.clone();
                Box::pin(async move { store.apply(events).await })
            })
        };
        let log = Behind::open(&host.data.join("journal/llm.jsonl"), GATHER, apply).await?;
        let store = store.after(log.clone());
        let last = store.clone();
        host.tasks.spawn("llm journal", |stop| async move {
            stop.cancelled().await;
            last.settled().await;
        });
        // The embedded database has one process, so every other owner is dead.
        let before = if store.is_alone() {
            i64::MAX
        } else {
            host.clock.now() - LONGEST
        };
        store.abort(&owner, before).await?;
        store.keep_for(config.log.retention_days, host);
        let prices = Prices::open(&store, host).await?;
        let catalogue = Catalogue::new(&config, prices, host.clock.now()).map_err(invalid)?;
        let health = Targets::default();
        for (key, known) in store.health().await? {
            health.restore(key, known);
        }
        let books = Books {
            log,
            ledger: Ledger::open(&config.budgets, host, &owner).await?,
            limits: Limits::default(),
            clock: host.clock.clone(),
            owner: owner.into(),
            keeps: config.log.bodies,
        };
        Ok(Self {
            catalogue,
            health,
            limits: config.limits,
            books: Arc::new(books),
            answers: Flights::new(config.cache.max_mb << 20),
            cache: config.cache,
            store,
            tasks: host.tasks.clone(),
        })
    }

    /// The limits that count calls of `ctx`.
    fn limits_of(&self, ctx: &Ctx) -> Vec<(String, Limit)> {
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

    /// Keeps what is known of a target over restarts.
    fn note_health(&self, key: &Key) {
        let (store, key, known) = (self.store.clone(), key.clone(), self.health.of(key));
        self.tasks.spawn("llm target health", |_| async move {
            if let Err(error) = store.put_health(&key, &known).await {
                tracing::warn!(%error, "a target's health was not written");
            }
        });
    }
}

impl ToolServer for LlmGateway {
    const ID: ServerId = ServerId::LlmGateway;
    const ROUTES: &'static [Route] = routes::ROUTES;
    const RESOURCES: &'static [Resource] = resources::RESOURCES;
    const PROMPTS: &'static [Prompt] = prompts::PROMPTS;
    const COMPLETIONS: &'static [Completion] = resources::COMPLETIONS;

    fn tools(set: &mut ToolSet<Self>) {
        set.add::<tools::chat::Chat>()
            .add::<tools::embed::Embed>()
            .add::<tools::count_tokens::CountTokens>()
            .add::<tools::list_models::ListModels>()
            .add::<tools::explain_route::ExplainRoute>()
            .add::<tools::get_usage::GetUsage>()
            .add::<tools::get_request::GetRequest>()
            .add::<tools::get_budget::GetBudget>()
            .add::<tools::set_budget::SetBudget>()
            .add::<tools::get_provider_status::GetProviderStatus>()
            .add::<tools::purge_cache::PurgeCache>();
    }

    fn wires(set: &mut WireSet<Self>) {
        faces::add(set);
    }
}
