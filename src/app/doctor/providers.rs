//! Providers of models, and the gateway that the knowledge base's vectors come from: whether they can be reached, and have a key.

use std::time::Duration;

use futures::future::join_all;

use super::{Finding, Patient};
use crate::{
    access::ServerId,
    servers::{
        knowledge_base::ProviderConfig as Embedding,
        llm_gateway::{Config, ProviderConfig},
    },
};

const PROVIDERS: &str = "providers";
const EMBEDDING: &str = "embedding";
/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let servers = &patient.settings.servers;
    let mut found = Vec::new();
    if servers.common(ServerId::LlmGateway).enabled {
        let config = &servers.llm_gateway;
        let asked = config
            .providers
            .iter()
            .map(|(name, set)| provider(name, set));
        found.extend(join_all(asked).await);
        if found.is_empty() {
            let next = "set one in [servers.llm_gateway.providers] when models are to be asked";
            let none = "there is none, but for the built-in mock";
            found.push(Finding::ok(PROVIDERS, format!("{none}: {next}")));
        }
    }
    let embedding = &servers.knowledge_base.embedding;
    if servers.common(ServerId::KnowledgeBase).enabled && embedding.provider == Embedding::Gateway {
        let gateway = servers
            .common(ServerId::LlmGateway)
            .enabled
            .then_some(&servers.llm_gateway);
        found.push(model(
            gateway,
            embedding.model.as_deref().unwrap_or_default(),
        ));
    }
    found
}

async fn provider(name: &str, set: &ProviderConfig) -> Finding {
    let section = format!("[servers.llm_gateway.providers.{name}]");
    if let Some(variable) = &set.api_key_env
        && std::env::var_os(variable).is_none()
    {
        let found = format!("{name}: the environment has no {variable}, which is to hold its key");
        let next = format!("set it where the hub starts, or use api_key_file in {section}");
        return Finding::error(PROVIDERS, found, next);
    }
    if let Some(file) = &set.api_key_file
        && let Err(error) = std::fs::File::open(file)
    {
        let found = format!(
            "{name}: its key file {} cannot be read: {error}",
            file.display()
        );
        return Finding::error(PROVIDERS, found, format!("see api_key_file in {section}"));
    }
    let Some(url) = set.base_url.as_deref().or(set.kind.base_url()) else {
        let found = format!("{name}: it has no address");
        return Finding::error(PROVIDERS, found, format!("set base_url in {section}"));
    };
    match reach(url).await {
        Ok(()) => Finding::ok(PROVIDERS, format!("{name} answers")),
        Err(problem) => {
            let found = format!("{name} cannot be reached at {url}: {problem}");
            let next = format!("see whether it runs, and base_url in {section}");
            Finding::error(PROVIDERS, found, next)
        }
    }
}

/// Whether anything answers at `url`; what it answers without a key is of no interest, and no key is sent.
async fn reach(url: &str) -> Result<(), String> {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|error| error.to_string())?;
    match client.get(url).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.is_timeout() => Err("it does not answer".to_owned()),
        Err(error) => {
            // The innermost cause says what it is: refused, unknown name, wrong certificate.
            let mut cause: &dyn std::error::Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            Err(cause.to_string())
        }
    }
}

/// Whether the model of the vectors is one that the gateway can be asked for.
fn model(gateway: Option<&Config>, model: &str) -> Finding {
    let key = "servers.knowledge_base.embedding.model";
    let Some(gateway) = gateway else {
        let found = "vectors are to come from llm_gateway, which is disabled";
        let next = "enable it, or set servers.knowledge_base.embedding.provider = \"builtin\"";
        return Finding::error(EMBEDDING, found, next);
    };
    let provider = model.split_once('/').map(|(provider, _)| provider);
    let known = gateway.models.contains_key(model)
        || gateway.routes.contains_key(model)
        || provider.is_some_and(|p| p == "mock" || gateway.providers.contains_key(p));
    if known {
        return Finding::ok(EMBEDDING, format!("by {model}"));
    }
    let found = format!("{model:?} is no model, route or provider/model of llm_gateway");
    Finding::warning(EMBEDDING, found, format!("see {key}"))
}
