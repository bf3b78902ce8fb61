//! Which providers, models and routes there are, and what a name means.

mod own_prices;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::{
    config::{Config, ModelConfig, ProviderConfig, ProviderKind, RouteConfig, TargetConfig},
    engine::{
        mock,
        prices::Entry,
        providers::{self, ProviderSettings},
        upstream::Upstream,
    },
    prices::{Priced, Prices},
    routing::{
        health::{Cooldown, Key},
        limits::Limit,
        plan::{Plan, Skills, Target},
    },
};
use crate::{base::clock::Millis, tool::ToolError};

/// Name of the built-in provider.
pub const MOCK: &str = "mock";

/// A provider.
#[derive(Clone)]
pub struct Place {
    pub name: Arc<str>,
    /// None for the built-in one.
    pub kind: Option<ProviderKind>,
    pub upstream: Arc<dyn Upstream>,
    pub limit: Limit,
    /// Names of models that are asked for without the provider's.
    serves: GlobSet,
}

/// A model that the settings name.
struct Named {
    place: Place,
    upstream: String,
    /// What the settings say it costs.
    priced: Option<Priced>,
    /// What the settings say it can.
    skills: Skills,
}

/// A route that the settings name.
struct NamedRoute {
    targets: Vec<(String, u32)>,
    config: RouteConfig,
}

/// All that can be asked for.
pub struct Catalogue {
    places: BTreeMap<String, Place>,
    models: BTreeMap<String, Named>,
    routes: BTreeMap<String, NamedRoute>,
    prices: Prices,
}

impl Catalogue {
    /// Checks that the settings fit together. Nothing is asked over the network.
    pub fn new(config: &Config, prices: Prices, now: Millis) -> Result<Self, String> {
        let mut catalogue = Self {
            places: places(config)?,
            models: BTreeMap::new(),
            routes: BTreeMap::new(),
            prices,
        };
        for (name, model) in &config.models {
            let named = catalogue.configured(name, model)?;
            catalogue.models.insert(name.clone(), named);
        }
        for (name, route) in &config.routes {
            let named = catalogue.route(name, route, now)?;
            catalogue.routes.insert(name.clone(), named);
        }
        Ok(catalogue)
    }

    fn configured(&self, name: &str, model: &ModelConfig) -> Result<Named, String> {
        let at = format!("servers.llm_gateway.models.{name}");
        let place = self.places.get(&model.provider).ok_or_else(|| {
            let known: Vec<&str> = self.places.keys().map(String::as_str).collect();
            let known = known.join(", ");
            format!(
                "{at}.provider: {:?} is not in providers ({known})",
                model.provider
            )
        })?;
        Ok(Named {
            place: place.clone(),
            upstream: model.model.clone().unwrap_or_else(|| name.to_owned()),
            priced: own_prices::of_config(name, model).map_err(|why| format!("{at}: {why}"))?,
            skills: Skills {
                tools: model.tools,
                images: model.images,
                schema: model.structured_output,
                max_input: model.max_input_tokens,
                max_output: model.max_output_tokens,
            },
        })
    }

    fn route(&self, name: &str, route: &RouteConfig, now: Millis) -> Result<NamedRoute, String> {
        let at = format!("servers.llm_gateway.routes.{name}");
        if self.models.contains_key(name) {
            return Err(format!("{at}: a model has this name already"));
        }
        if route.targets.is_empty() {
            return Err(format!("{at}.targets: name at least one model"));
        }
        for (n, target) in route.targets.iter().enumerate() {
            let model = target.model();
            if self.model(model, now).is_none() {
                return Err(format!("{at}.targets[{n}]: no model is called {model:?}"));
            }
        }
        let named = |target: &TargetConfig| (target.model().to_owned(), target.weight());
        Ok(NamedRoute {
            targets: route.targets.iter().map(named).collect(),
            config: route.clone(),
        })
    }

    fn target(&self, place: &Place, name: &str, upstream: &str, now: Millis) -> Target {
        let (priced, skills) = match place.kind {
            None => (Some(own_prices::simulated()), Skills::default()),
            Some(kind) => {
                let priced = self.prices.find(kind.word(), upstream, now);
                let skills = priced.as_ref().map(|priced| skills(&priced.entry));
                (priced, skills.unwrap_or_default())
            }
        };
        Target {
            name: name.into(),
            key: Key {
                provider: Arc::clone(&place.name),
                model: upstream.into(),
            },
            upstream: Arc::clone(&place.upstream),
            priced,
            skills,
            limit: place.limit,
            simulated: place.kind.is_none(),
        }
    }

    /// The model called `name`: a configured one, `provider/model`, or one that a provider serves under its bare name.
    fn model(&self, name: &str, now: Millis) -> Option<Target> {
        if let Some(named) = self.models.get(name) {
            let mut target = self.target(&named.place, name, &named.upstream, now);
            let (own, known) = (&named.skills, &target.skills);
            target.skills = Skills {
                tools: own.tools.or(known.tools),
                images: own.images.or(known.images),
                schema: own.schema.or(known.schema),
                max_input: own.max_input.or(known.max_input),
                max_output: own.max_output.or(known.max_output),
            };
            target.priced = named.priced.clone().or(target.priced);
            return Some(target);
        }
        if let Some((provider, upstream)) = name.split_once('/')
            && let Some(place) = self.places.get(provider)
        {
            return (!upstream.is_empty()).then(|| self.target(place, name, upstream, now));
        }
        let serves = |place: &&Place| place.serves.is_match(name);
        let place = self.places.values().find(serves)?;
        Some(self.target(place, name, name, now))
    }

    /// What a call of `model` tries, `fallbacks` after it.
    pub fn plan(&self, model: &str, fallbacks: &[String], now: Millis) -> Result<Plan, ToolError> {
        let mut plan = self.named(model, "/model", now)?;
        for (n, name) in fallbacks.iter().enumerate() {
            let more = self.named(name, &format!("/fallbacks/{n}"), now)?;
            plan.targets
                .extend(more.targets.into_iter().map(|(target, _)| (target, 0)));
        }
        Ok(plan)
    }

    fn named(&self, name: &str, at: &str, now: Millis) -> Result<Plan, ToolError> {
        if let Some(route) = self.routes.get(name) {
            let target = |(model, weight): &(String, u32)| Some((self.model(model, now)?, *weight));
            let RouteConfig {
                strategy,
                retry,
                cooldown,
                ..
            } = &route.config;
            return Ok(Plan {
                route: Some(name.into()),
                targets: route.targets.iter().filter_map(target).collect(),
                strategy: *strategy,
                retry: *retry,
                cooldown: Cooldown {
                    failures: cooldown.failures,
                    time: Duration::from_secs(cooldown.seconds),
                },
            });
        }
        self.model(name, now).map(Plan::of).ok_or_else(|| {
            let next = format!("list_models shows what there is, e.g. {}", self.example());
            let mut error = ToolError::not_found("model", name).hint(next);
            if at != "/model" {
                error.message = format!("{at}: {}", error.message);
            }
            error
        })
    }

    /// All names that can be asked for, sorted, each with its provider; routes have none.
    pub fn names(&self) -> impl Iterator<Item = (String, String)> {
        let models = self
            .models
            .iter()
            .map(|(name, named)| (name.clone(), named.place.name.to_string()));
        let routes = self
            .routes
            .keys()
            .map(|name| (name.clone(), "route".to_owned()));
        let mocks =
            self.places.get(MOCK).into_iter().flat_map(|_| {
                mock::MODELS.map(|model| (format!("{MOCK}/{model}"), MOCK.to_owned()))
            });
        let mut all: Vec<(String, String)> = models.chain(routes).chain(mocks).collect();
        all.sort();
        all.into_iter()
    }

    /// The providers.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    fn example(&self) -> String {
        let names = self.names().find(|(_, owner)| owner != MOCK);
        let provider = || {
            let real = self.places.keys().find(|name| *name != MOCK)?;
            Some(format!("{real}/<model>"))
        };
        names
            .map(|(name, _)| name)
            .or_else(provider)
            .unwrap_or_else(|| "mock/echo".to_owned())
    }
}

/// What the table of prices says that a model can do.
fn skills(entry: &Entry) -> Skills {
    Skills {
        tools: Some(entry.capabilities.tools),
        images: Some(entry.capabilities.vision),
        schema: Some(entry.capabilities.json_schema),
        max_input: entry.max_input,
        max_output: entry.max_output,
    }
}

fn place(name: &str, config: &ProviderConfig) -> Result<Place, String> {
    Ok(Place {
        name: name.into(),
        kind: Some(config.kind),
        upstream: providers::build(name, &settings(config))?,
        limit: Limit {
            rpm: config.rpm,
            tpm: config.tpm,
            concurrency: config.max_concurrency,
        },
        serves: serves(config)?,
    })
}

/// The providers of `config`, by name. Nothing is asked over the network.
pub fn places(config: &Config) -> Result<BTreeMap<String, Place>, String> {
    let mut places = BTreeMap::new();
    if config.mock {
        let place = Place {
            name: MOCK.into(),
            kind: None,
            upstream: Arc::new(mock::Mock::default()),
            limit: Limit::default(),
            serves: GlobSet::empty(),
        };
        places.insert(MOCK.to_owned(), place);
    }
    for (name, provider) in &config.providers {
        let at = format!("servers.llm_gateway.providers.{name}");
        if name == MOCK {
            return Err(format!("{at}: the name is taken by the built-in provider"));
        }
        if name.is_empty() || name.contains('/') {
            return Err(format!("{at}: a provider's name has no `/`"));
        }
        let place = place(name, provider).map_err(|why| format!("{at}.{why}"))?;
        places.insert(name.clone(), place);
    }
    Ok(places)
}

/// The names of models that a provider serves without its own name before them.
fn serves(config: &ProviderConfig) -> Result<GlobSet, String> {
    let own = config.serves.as_ref();
    let known = || {
        config
            .kind
            .serves()
            .iter()
            .map(|&pattern| pattern.to_owned())
            .collect()
    };
    let patterns: Vec<String> = own.cloned().unwrap_or_else(known);
    let mut set = GlobSetBuilder::new();
    for pattern in &patterns {
        let glob = Glob::new(pattern).map_err(|error| format!("serves: {error}"))?;
        set.add(glob);
    }
    set.build().map_err(|error| format!("serves: {error}"))
}

fn settings(config: &ProviderConfig) -> ProviderSettings {
    let seconds = |n: u64| Duration::from_secs(n.max(1));
    ProviderSettings {
        kind: config.kind,
        base_url: config.base_url.clone(),
        key_env: config.api_key_env.clone(),
        key_file: config.api_key_file.clone(),
        connect_timeout: seconds(config.connect_timeout_seconds),
        first_byte_timeout: seconds(config.first_byte_timeout_seconds),
        idle_timeout: seconds(config.read_timeout_seconds),
        allow_private: config.allow_private,
        responses: config.responses,
    }
}
