//! llm-gateway: one door to every model.
//!
//! A model's name leads to targets ([`catalogue`]); a [`call`] is put to one after the other until one answers, within budgets
//! ([`ledger`]) and limits ([`routing`]), and is on record from before the first attempt until after the end ([`record`],
//! [`store`]). What the settings say is a [`setup`], replaced when they change. [`faces`] speak the dialects of OpenAI and Anthropic, [`tools`] the hub's own. [`engine`] knows how providers and
//! dialects talk.

pub mod call;
pub mod catalogue;
mod config;
pub mod engine;
mod faces;
pub mod first_run;
pub mod ledger;
pub mod model;
pub mod prices;
mod prompts;
pub mod record;
mod resources;
mod routes;
pub mod routing;
pub mod setup;
pub mod store;
pub mod tools;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

pub use config::*;
use tokio::sync::watch;

use self::{
    call::{flights::Flights, request::Books, shared::Stored},
    ledger::Ledger,
    prices::Prices,
    routing::{
        health::{Key, Targets},
        limits::Limits,
    },
    setup::Setup,
    store::Store,
};
use crate::{
    base::ids::new_id,
    db::{Apply, Behind},
    tool::{Changes, Tasks, WireSet, prelude::*},
};

/// Requests of other processes that started longer ago than this and never ended are over, in milliseconds.
const LONGEST: i64 = 3_600_000;
/// How long a request's record may wait for company on its way to the database: who reads it does not wait for this.
const GATHER: Duration = Duration::from_millis(100);
/// The same where hubs share the database, and what a request reserved is not free before.
const GATHER_SHARED: Duration = Duration::from_millis(5);

/// The server.
pub struct LlmGateway {
    setup: RwLock<Arc<Setup>>,
    prices: Prices,
    health: Targets,
    books: Arc<Books>,
    answers: Flights<Stored>,
    /// Days that requests are kept.
    retention: watch::Sender<u32>,
    store: Store,
    changes: Changes,
    tasks: Tasks,
}

impl LlmGateway {
    /// Opens the server; requests that a dead process left are ended. Nothing is asked over the network.
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        let owner = new_id("own");
        let store = Store::new(host.db.clone());
        let apply: Apply<record::Event> = {
            let store = store.clone();
            Arc::new(move |events| {
                let store = store.clone();
                Box::pin(async move { store.apply(events).await })
            })
        };
        let gather = if store.is_alone() {
            GATHER
        } else {
            GATHER_SHARED
        };
        let log = Behind::open(&host.data.join("journal/llm.jsonl"), gather, apply).await?;
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
        let retention = watch::Sender::new(config.log.retention_days);
        store.keep_for(retention.subscribe(), host);
        let prices = Prices::open(&store, host).await?;
        let setup = Setup::new(&config, prices.clone(), host.clock.now())?;
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
        };
        Ok(Self {
            setup: RwLock::new(Arc::new(setup)),
            prices,
            health,
            books: Arc::new(books),
            answers: Flights::new(config.cache.max_mb << 20),
            retention,
            store,
            changes: host.changes.clone(),
            tasks: host.tasks.clone(),
        })
    }

    /// What it is set to now.
    pub fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks new settings; nothing changes yet.
    pub fn prepare(&self, config: &Config) -> Result<Setup, ToolError> {
        Setup::new(config, self.prices.clone(), self.books.clock.now())
    }

    /// Works by `setup` from now on. Calls that run end as they began.
    pub fn follow(&self, setup: Setup) {
        self.books.ledger.follow(&setup.budgets);
        self.answers.hold(setup.cache.max_mb << 20);
        self.retention.send_replace(setup.log.retention_days);
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
        self.changes.tell(resources::models_changed());
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
