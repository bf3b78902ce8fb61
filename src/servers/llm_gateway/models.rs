//! Which provider a model's name means, and what it costs there.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use genai::adapter::AdapterKind;
use tokio::sync::Semaphore;

use super::{
    config::{Config, ModelConfig, ProviderConfig, ProviderKind},
    engine::{
        mock::{self, Mock},
        price::{self, Price},
        provider::Provider,
        remote::{Access, Remote},
    },
};
use crate::tool::ToolError;

/// Name of the built-in provider.
pub const MOCK: &str = "mock";

/// A provider with its limit.
#[derive(Clone)]
pub struct Place {
    pub name: Arc<str>,
    pub provider: Arc<dyn Provider>,
    pub slots: Arc<Semaphore>,
}

/// A model at its provider.
#[derive(Clone)]
pub struct Target {
    pub place: Place,
    /// The provider's own name of the model.
    pub upstream: String,
    pub price: Option<Price>,
    pub simulated: bool,
}

/// A model that can be asked for by name.
pub struct Listed {
    pub name: String,
    pub target: Target,
}

/// All models.
pub struct Models {
    places: BTreeMap<String, Place>,
    models: BTreeMap<String, Target>,
    mock: Option<Place>,
}

impl Models {
    /// Checks that the settings fit together. Nothing is asked over the network.
    pub fn new(config: &Config) -> Result<Self, String> {
        let mock = config.mock.then(|| place(MOCK, Arc::new(Mock), 10_000));
        if config.providers.contains_key(MOCK) {
            return Err(
                "servers.llm_gateway.providers.mock: the name is taken by the built-in provider"
                    .to_owned(),
            );
        }
        let mut places = BTreeMap::new();
        for (name, provider) in &config.providers {
            let at = format!("servers.llm_gateway.providers.{name}");
            if name.is_empty() || name.contains('/') {
                return Err(format!("{at}: a provider's name has no `/`"));
            }
            let access = access(provider).map_err(|why| format!("{at}.{why}"))?;
            places.insert(
                name.clone(),
                place(
                    name,
                    Arc::new(Remote::new(access)),
                    provider.max_concurrency,
                ),
            );
        }
        let mut models = BTreeMap::new();
        for (name, model) in &config.models {
            let at = format!("servers.llm_gateway.models.{name}");
            let known: Vec<&str> = places.keys().map(String::as_str).collect();
            let place = places.get(&model.provider).cloned().ok_or_else(|| {
                format!(
                    "{at}.provider: {:?} is not in providers ({})",
                    model.provider,
                    known.join(", ")
                )
            })?;
            let price = price_of(model).map_err(|why| format!("{at}: {why}"))?;
            let upstream = model.model.clone().unwrap_or_else(|| name.clone());
            models.insert(
                name.clone(),
                Target {
                    place,
                    upstream,
                    price,
                    simulated: false,
                },
            );
        }
        Ok(Self {
            places,
            models,
            mock,
        })
    }

    /// The model called `name`: a configured one, `mock/…`, or `provider/model` at a configured provider.
    pub fn find(&self, name: &str) -> Result<Target, ToolError> {
        if let Some(target) = self.models.get(name) {
            return Ok(target.clone());
        }
        let (provider, upstream) = name.split_once('/').unwrap_or((name, ""));
        if provider == MOCK
            && let Some(place) = &self.mock
        {
            return Ok(simulated(place, upstream));
        }
        match self.places.get(provider) {
            Some(place) if !upstream.is_empty() => Ok(Target {
                place: place.clone(),
                upstream: upstream.to_owned(),
                price: None,
                simulated: false,
            }),
            _ => {
                let next = format!("list_models shows what there is, e.g. {}", self.example());
                Err(ToolError::not_found("model", name).hint(next))
            }
        }
    }

    /// All models that have a name of their own, sorted by it.
    pub fn list(&self) -> Vec<Listed> {
        let configured = self.models.iter().map(|(name, target)| Listed {
            name: name.clone(),
            target: target.clone(),
        });
        let mocks = self.mock.iter().flat_map(|place| {
            mock::MODELS.map(|model| Listed {
                name: format!("{MOCK}/{model}"),
                target: simulated(place, model),
            })
        });
        let mut all: Vec<Listed> = configured.chain(mocks).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn example(&self) -> String {
        let first = self.models.keys().next().cloned();
        first
            .or_else(|| {
                self.places
                    .keys()
                    .next()
                    .map(|name| format!("{name}/<model>"))
            })
            .unwrap_or_else(|| "mock/echo".to_owned())
    }
}

fn place(name: &str, provider: Arc<dyn Provider>, most: usize) -> Place {
    Place {
        name: name.into(),
        provider,
        slots: Arc::new(Semaphore::new(most.clamp(1, 100_000))),
    }
}

fn simulated(place: &Place, model: &str) -> Target {
    Target {
        place: place.clone(),
        upstream: model.to_owned(),
        price: Some(Price::FREE),
        simulated: true,
    }
}

fn access(config: &ProviderConfig) -> Result<Access, String> {
    if let Some(url) = &config.base_url {
        let parsed = reqwest::Url::parse(url).map_err(|error| format!("base_url: {error}"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err("base_url: must start with http:// or https://".to_owned());
        }
    }
    if config.api_key_env.is_some() && config.api_key_file.is_some() {
        return Err("api_key_file: give api_key_env or api_key_file, not both".to_owned());
    }
    let (adapter, openai) = match config.kind {
        ProviderKind::Openai => (AdapterKind::OpenAI, true),
        ProviderKind::OpenaiResponses => (AdapterKind::OpenAIResp, false),
        ProviderKind::Anthropic => (AdapterKind::Anthropic, false),
        ProviderKind::Gemini => (AdapterKind::Gemini, false),
        ProviderKind::Ollama => (AdapterKind::Ollama, false),
        ProviderKind::Cohere => (AdapterKind::Cohere, false),
        ProviderKind::Groq => (AdapterKind::Groq, true),
        ProviderKind::Mistral => (AdapterKind::Mistral, true),
        ProviderKind::Deepseek => (AdapterKind::DeepSeek, true),
        ProviderKind::Xai => (AdapterKind::Xai, true),
        ProviderKind::Together => (AdapterKind::Together, true),
        ProviderKind::Fireworks => (AdapterKind::Fireworks, true),
    };
    Ok(Access {
        adapter,
        openai,
        base_url: config.base_url.clone(),
        key_env: config.api_key_env.clone(),
        key_file: config.api_key_file.clone(),
        connect_timeout: Duration::from_secs(config.connect_timeout_seconds.max(1)),
        read_timeout: Duration::from_secs(config.read_timeout_seconds.max(1)),
    })
}

fn price_of(model: &ModelConfig) -> Result<Option<Price>, String> {
    let nano = |dollars: f64| price::nano(dollars).ok_or_else(|| format!("{dollars} is no price"));
    match (model.input_usd_per_million, model.output_usd_per_million) {
        (None, None) if model.cached_input_usd_per_million.is_none() => Ok(None),
        (Some(input), output) => Ok(Some(Price {
            input: nano(input)?,
            cached: model.cached_input_usd_per_million.map(nano).transpose()?,
            output: nano(output.unwrap_or(0.0))?,
        })),
        _ => Err("a price needs input_usd_per_million".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tool::Code;

    fn models(config: serde_json::Value) -> Result<Models, String> {
        Models::new(&serde_json::from_value(config).unwrap())
    }

    #[test]
    fn names_lead_to_providers() {
        let models = models(json!({
            "providers": { "local": { "kind": "openai", "base_url": "http://127.0.0.1:8000/v1" } },
            "models": { "coder": { "provider": "local", "model": "qwen", "input_usd_per_million": 0.5, "output_usd_per_million": 1.5 } }
        }))
        .unwrap();
        let found = |name: &str| {
            models
                .find(name)
                .map(|target| (target.place.name.to_string(), target.upstream))
                .unwrap()
        };
        assert_eq!(found("coder"), ("local".to_owned(), "qwen".to_owned()));
        assert_eq!(
            found("local/org/model"),
            ("local".to_owned(), "org/model".to_owned())
        );
        assert_eq!(
            found("mock/echo:hang"),
            ("mock".to_owned(), "echo:hang".to_owned())
        );
        assert!(models.find("local/x").unwrap().price.is_none());
        let unknown = models.find("gpt-9").err().unwrap();
        assert_eq!(unknown.code, Code::NotFound);
        assert!(unknown.message.contains("coder"), "{}", unknown.message);
        let names: Vec<String> = models
            .list()
            .into_iter()
            .map(|listed| listed.name)
            .collect();
        assert_eq!(names, ["coder", "mock/echo", "mock/embed", "mock/lorem"]);
    }

    #[test]
    fn settings_that_do_not_fit_are_told() {
        for (config, told) in [
            (
                json!({"models": {"m": {"provider": "nope"}}}),
                "models.m.provider",
            ),
            (
                json!({"providers": {"p": {"kind": "openai", "base_url": "ftp://x"}}}),
                "providers.p.base_url",
            ),
            (
                json!({"providers": {"p": {"kind": "openai", "api_key_env": "A", "api_key_file": "b"}}}),
                "providers.p.api_key_file",
            ),
            (
                json!({"providers": {"mock": {"kind": "openai"}}}),
                "providers.mock",
            ),
        ] {
            let error = models(config).err().unwrap();
            assert!(error.contains(told), "{error}");
        }
        assert!(
            models(json!({"mock": false}))
                .unwrap()
                .find("mock/echo")
                .is_err()
        );
    }
}
