//! `get_provider_status`: how providers do.

use std::collections::BTreeMap;

use crate::{
    base::clock::rfc3339,
    servers::llm_gateway::{
        LlmGateway,
        catalogue::Place,
        config::ProviderKind,
        routing::health::{Health, State},
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct GetProviderStatus;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Only this provider.
    #[garde(length(bytes, min = 1, max = 200))]
    pub provider: Option<String>,
}

/// A model that was asked.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Model {
    /// The provider's own name of it.
    pub upstream_model: String,
    /// `closed`: it is asked. `open`: it cools down after failures. `half_open`: the next request finds out.
    pub health: State,
    /// Failures since the last success.
    pub failures: u32,
    /// Why the last request failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When its cooldown is over: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_until: Option<String>,
    /// True while one request, the probe, finds out whether it is well again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub probing: bool,
    /// Mean time to the first token in milliseconds, the newest counting most; left out before its first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
}

/// A provider.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its name.
    pub provider: String,
    /// What it speaks; left out for the built-in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ProviderKind>,
    /// Requests a minute that the hub sends at most, where limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpm: Option<u32>,
    /// Tokens a minute that the hub sends at most, where limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm: Option<u64>,
    /// Requests at the same time, where limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<usize>,
    /// Its models that were asked, by name.
    pub models: Vec<Model>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Providers, by name.
    pub items: Vec<Item>,
}

impl Tool for GetProviderStatus {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "get_provider_status";
    const ABOUT: &'static str = "Show the providers of models and how they do: failures, cooldowns, probes, time to the first token, \
        limits. Use it when calls fail; explain_route shows the same for one model's targets. Returns providers with the models \
        that were asked.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let mut asked: BTreeMap<String, Vec<Model>> = BTreeMap::new();
        for (key, known) in server.health.all() {
            let model = model(key.model.to_string(), &known, ctx.now());
            asked
                .entry(key.provider.to_string())
                .or_default()
                .push(model);
        }
        let wanted = |place: &&Place| {
            args.provider
                .as_deref()
                .is_none_or(|name| name == &*place.name)
        };
        let item = |place: &Place| Item {
            provider: place.name.to_string(),
            kind: place.kind,
            rpm: place.limit.rpm,
            tpm: place.limit.tpm,
            max_concurrency: place.limit.concurrency,
            models: asked.remove(&*place.name).unwrap_or_default(),
        };
        let setup = server.setup();
        let items: Vec<Item> = setup.catalogue.places().filter(wanted).map(item).collect();
        match args.provider {
            Some(name) if items.is_empty() => {
                Err(ToolError::not_found("provider", name).hint("leave it out to see all"))
            }
            _ => Ok(Output { items }),
        }
    }
}

fn model(name: String, known: &Health, now: Millis) -> Model {
    Model {
        upstream_model: name,
        health: known.state(now),
        failures: known.failures,
        last_error: known.last_error.clone(),
        cooldown_until: (known.until_ms > 0).then(|| rfc3339(known.until_ms)),
        probing: known.probing_ms.is_some(),
        first_token_ms: known.first_token_ms,
    }
}
