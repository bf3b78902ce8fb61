//! Prices that are in no table: those of the settings, and of what is made up.

use std::sync::Arc;

use crate::servers::llm_gateway::{
    config::ModelConfig,
    engine::prices::{Capabilities, Entry, Price, Rates, Task, nano},
    prices::Priced,
    record::CostSource,
};

/// What the settings say that the model `name` costs; none where they say nothing.
pub fn of_config(name: &str, model: &ModelConfig) -> Result<Option<Priced>, String> {
    let read = |usd: Option<f64>| match usd {
        None => Ok(None),
        Some(usd) => nano(usd)
            .map(Some)
            .ok_or_else(|| format!("{usd} is no price")),
    };
    let others = [
        model.cached_input_usd_per_million,
        model.cache_write_usd_per_million,
        model.cache_write_1h_usd_per_million,
        model.output_usd_per_million,
        model.reasoning_usd_per_million,
    ];
    let Some(input) = read(model.input_usd_per_million)? else {
        return if others.iter().any(Option::is_some) {
            Err("a price needs input_usd_per_million".to_owned())
        } else {
            Ok(None)
        };
    };
    let written = read(model.cache_write_usd_per_million)?;
    let rates = Rates {
        input,
        output: read(model.output_usd_per_million)?.unwrap_or(0),
        cached: read(model.cached_input_usd_per_million)?,
        written: written.or(Some(input)),
        written_1h: read(model.cache_write_1h_usd_per_million)?
            .or(written)
            .or(Some(input)),
        reasoning: read(model.reasoning_usd_per_million)?,
    };
    Ok(Some(priced(
        &format!("config/{name}"),
        CostSource::Config,
        Price::flat(rates),
    )))
}

/// What costs nothing, since nobody is asked.
pub fn simulated() -> Priced {
    priced("simulated", CostSource::Simulated, Price::free())
}

fn priced(id: &str, source: CostSource, price: Price) -> Priced {
    let entry = Entry {
        provider: String::new(),
        task: Task::Chat,
        price: Some(price),
        max_input: None,
        max_output: None,
        capabilities: Capabilities::default(),
    };
    Priced {
        id: id.into(),
        source,
        entry: Arc::new(entry),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(fields: Value) -> Result<Option<Priced>, String> {
        let mut config = json!({"provider": "p"});
        config
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        of_config("m", &serde_json::from_value(config).unwrap())
    }

    #[test]
    fn what_is_not_said_costs_as_input_or_as_output() {
        let priced = of(json!({"input_usd_per_million": 3.0, "output_usd_per_million": 15.0}));
        let price = priced.unwrap().unwrap().entry.price.clone().unwrap();
        let Rates {
            input,
            output,
            written,
            written_1h,
            cached,
            reasoning,
        } = price.standard.base;
        assert_eq!((input, output), (3_000_000_000, 15_000_000_000));
        assert_eq!(
            (written, written_1h),
            (Some(3_000_000_000), Some(3_000_000_000))
        );
        assert_eq!((cached, reasoning), (None, None));
        assert!(of(json!({})).unwrap().is_none());
        assert!(of(json!({"output_usd_per_million": 1.0})).is_err());
        assert!(of(json!({"input_usd_per_million": -1.0})).is_err());
    }
}
