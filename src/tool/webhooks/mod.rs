//! Webhooks: the events of a project, sent to whoever asked for them, signed as [Standard Webhooks] says.
//!
//! A webhook has a place in the order of events. It moves in one transaction with the deliveries that come of the events it passes,
//! so that a killed hub loses none. One hub at a time delivers to a webhook, under a lease, one delivery after the other.
//!
//! [Standard Webhooks]: https://www.standardwebhooks.com

mod admin;
mod config;
mod gather;
mod message;
mod model;
mod run;
mod send;
mod sign;
mod store;
mod verdict;

use std::sync::Arc;

use tokio::sync::Notify;

pub use config::WebhooksConfig;
pub use model::{
    Delivery, DeliveryState, NewWebhook, SecretRotation, Webhook, WebhookChange, WebhookFilter,
};
pub use sign::WebhookSecret;

use super::Outbox;
use crate::{
    base::{clock::Clock, ids::new_id, seal::Seal},
    db::Db,
};

/// How many attempts are under way at the same time, each for another webhook.
pub const MOST_AT_ONCE: usize = 64;

/// The webhooks of all projects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    /// This process, among those that share the database.
    hub: String,
    seal: Seal,
    outbox: Outbox,
    config: WebhooksConfig,
    /// The names of all tools there are, switched on or not.
    tools: Vec<&'static str>,
    /// There may be something to do.
    wake: Notify,
}

impl Webhooks {
    /// Webhooks in `db`, for the events of `outbox`; secrets are sealed by `seal`, and `tools` are all there are.
    pub fn new(
        db: Db,
        clock: Clock,
        seal: Seal,
        outbox: Outbox,
        config: &WebhooksConfig,
        tools: Vec<&'static str>,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            clock,
            hub: new_id("hub"),
            seal,
            outbox,
            config: config.clone(),
            tools,
            wake: Notify::new(),
        }))
    }
}
