//! llm-gateway: one door to every model.
//!
//! A model's name leads to a provider ([`models`]); a request is a row from before it is sent until after its end
//! ([`requests`]). The provider `mock` is built in; real ones come from the settings and go through [`engine::remote`].

pub mod call;
mod config;
pub mod engine;
pub mod model;
mod models;
mod prompts;
mod requests;
mod resources;
mod routes;
pub mod routing;
pub mod store;
pub mod tools;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use config::{Config, ModelConfig, ProviderConfig, ProviderKind};
use models::{Models, Target};
use requests::Request;
use store::Store;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    base::ids::new_id,
    tool::{Tasks, prelude::*},
};

/// Requests of other processes that started longer ago than this and never ended are over, in milliseconds.
const LONGEST: i64 = 3_600_000;

/// The server.
pub struct LlmGateway {
    models: Models,
    store: Store,
    tasks: Tasks,
    owner: String,
}

impl LlmGateway {
    /// Opens the server; requests that a dead process left are ended. Nothing is asked over the network.
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        let models = Models::new(&config).map_err(|why| ToolError::invalid("", why))?;
        let (store, owner) = (Store::new(host.db.clone()), new_id("own"));
        // The embedded database has one process, so every other owner is dead.
        let before = if store.is_alone() {
            i64::MAX
        } else {
            host.clock.now() - LONGEST
        };
        store.abort(&owner, before).await?;
        Ok(Self {
            models,
            store,
            tasks: host.tasks.clone(),
            owner,
        })
    }

    /// Notes a request for the model called `model`, and waits for its turn at the provider.
    async fn begin(
        &self,
        ctx: &Ctx,
        kind: &'static str,
        model: &str,
    ) -> Result<(Target, Arc<Request>, OwnedSemaphorePermit), ToolError> {
        let target = self.models.find(model)?;
        let request = Request::start(
            (&self.store, &self.tasks, &self.owner),
            ctx,
            kind,
            model,
            &target,
        )
        .await?;
        let slot = Arc::clone(&target.place.slots)
            .acquire_owned()
            .await
            .map_err(ToolError::internal)?;
        Ok((target, request, slot))
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
            .add::<tools::list_models::ListModels>()
            .add::<tools::get_usage::GetUsage>();
    }
}
