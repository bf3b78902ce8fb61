//! Invoices worked by hand.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// The price of a model of the built-in table.
fn price(kind: &str, model: &str) -> Price {
    let (_, entry) = Table::builtin().find(kind, model).unwrap();
    entry.price.clone().unwrap()
}

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input: Some(input),
        output: Some(output),
        ..Usage::default()
    }
}

#[test]
fn openai_with_cached_input() {
    // gpt-4o: $2.50 input, $1.25 cached, $10.00 output. 100 000 in, 60 000 of them cached, 2 000 out, 500 of it reasoning:
    // 40 000 × 2.50/M = 0.10; 60 000 × 1.25/M = 0.075; 2 000 × 10/M = 0.02; together $0.195.
    let usage = Usage {
        cached: Some(60_000),
        reasoning: Some(500),
        ..usage(100_000, 2_000)
    };
    assert_eq!(
        price("openai", "gpt-4o").cost(&usage, Mode::Standard),
        Some(195_000_000)
    );
    // By batch input and output are half: no price of cached input is given, so it counts as input.
    // 100 000 × 1.25/M = 0.125; 2 000 × 5/M = 0.01; together $0.135.
    assert_eq!(
        price("openai", "gpt-4o").cost(&usage, Mode::Batch),
        Some(135_000_000)
    );
    // Priority: 40 000 × 4.25/M = 0.17; 60 000 × 2.125/M = 0.1275; 2 000 × 17/M = 0.034; together $0.3315.
    assert_eq!(
        price("openai", "gpt-4o").cost(&usage, Mode::Priority),
        Some(331_500_000)
    );
    assert_eq!(price("openai", "gpt-4o").cost(&usage, Mode::Flex), None);
}

#[test]
fn anthropic_with_writes_for_five_minutes_and_an_hour() {
    // claude-sonnet-4-5: $3 input, $0.30 read, $3.75 written, $6 written for an hour, $15 output. 21 000 in: 1 000 fresh, 10 000
    // read, 6 000 written for five minutes, 4 000 for an hour; 800 out:
    // 0.003 + 0.003 + 0.0225 + 0.024 + 0.012 = $0.0645.
    let usage = Usage {
        cached: Some(10_000),
        written: Some(10_000),
        written_1h: Some(4_000),
        ..usage(21_000, 800)
    };
    let price = price("anthropic", "claude-sonnet-4-5-20250929");
    assert_eq!(price.cost(&usage, Mode::Standard), Some(64_500_000));
    // A batch has no price of an hour in the table.
    assert_eq!(price.cost(&usage, Mode::Batch), None);
    // Half of all without it: 1 000 × 1.50/M + 10 000 × 0.15/M + 10 000 × 1.875/M + 800 × 7.50/M
    // = 0.0015 + 0.0015 + 0.01875 + 0.006 = $0.02775.
    let usage = Usage {
        written_1h: None,
        ..usage
    };
    assert_eq!(price.cost(&usage, Mode::Batch), Some(27_750_000));
}

#[test]
fn gemini_above_200k_is_priced_at_the_tier_as_a_whole() {
    // gemini-2.5-pro: $1.25 and $10; above 200k $2.50 and $15, cached $0.25.
    let price = price("gemini", "gemini-2.5-pro");
    // 200 000 × 1.25/M + 1 000 × 10/M = 0.25 + 0.01.
    assert_eq!(
        price.cost(&usage(200_000, 1_000), Mode::Standard),
        Some(260_000_000)
    );
    // 200 001 × 2.50/M + 1 000 × 15/M = 0.5000025 + 0.015.
    assert_eq!(
        price.cost(&usage(200_001, 1_000), Mode::Standard),
        Some(515_002_500)
    );
    // 300 000 in, 100 000 cached: 200 000 × 2.50/M + 100 000 × 0.25/M + 1 000 × 15/M = 0.5 + 0.025 + 0.015.
    let cached = Usage {
        cached: Some(100_000),
        ..usage(300_000, 1_000)
    };
    assert_eq!(price.cost(&cached, Mode::Standard), Some(540_000_000));
}

#[test]
fn reasoning_that_is_priced_apart() {
    // sonar-deep-research: $2 input, $8 output, $3 reasoning. 500 in, 10 000 out, 7 000 of it reasoning:
    // 500 × 2/M + 3 000 × 8/M + 7 000 × 3/M = 0.001 + 0.024 + 0.021 = $0.046.
    let usage = Usage {
        reasoning: Some(7_000),
        ..usage(500, 10_000)
    };
    assert_eq!(
        price("perplexity", "sonar-deep-research").cost(&usage, Mode::Standard),
        Some(46_000_000)
    );
}

#[test]
fn tiers_given_as_ranges_and_vectors_without_output() {
    // qwen-flash: $0.05 and $0.40 up to 256k of input, $0.25 and $2.00 above. 256 001 × 0.25/M + 100 × 2/M = 0.06400025 + 0.0002.
    let qwen = price("dashscope", "qwen-flash");
    assert_eq!(
        qwen.cost(&usage(256_000, 100), Mode::Standard),
        Some(12_840_000)
    );
    assert_eq!(
        qwen.cost(&usage(256_001, 100), Mode::Standard),
        Some(64_200_250)
    );
    let vectors = Usage {
        input: Some(3),
        ..Usage::default()
    };
    // 3 × $0.02/M = 60 nano-dollars.
    assert_eq!(
        price("openai", "text-embedding-3-small").cost(&vectors, Mode::Standard),
        Some(60)
    );
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let rates = Rates {
        input: 1_000_000,
        output: 2_000_000,
        ..Rates::default()
    };
    let price = Price::flat(rates);
    assert_eq!(price.cost(&Usage::default(), Mode::Standard), None);
    assert_eq!(
        price.cost(
            &Usage {
                input: Some(5),
                ..Usage::default()
            },
            Mode::Standard
        ),
        None,
        "an answer costs"
    );
    assert_eq!(
        price.cost(
            &Usage {
                written: Some(1),
                ..usage(5, 0)
            },
            Mode::Standard
        ),
        None
    );
    assert_eq!(
        price.cost(
            &Usage {
                written: Some(0),
                ..usage(5, 1)
            },
            Mode::Standard
        ),
        Some(7)
    );
    assert_eq!(
        Price::free().cost(&Usage::default(), Mode::Standard),
        Some(0)
    );
    assert_eq!(
        (nano(-1.0), nano(f64::NAN), nano(0.0375)),
        (None, None, Some(37_500_000))
    );
}

#[test]
fn a_cost_is_rounded_once_and_a_request_may_have_its_own() {
    // 0.0375 nano-dollars a token: 40 tokens are 1.5, 39 are 1.4625.
    let price = Price {
        per_request: 5,
        ..Price::flat(Rates {
            input: 37_500,
            ..Rates::default()
        })
    };
    assert_eq!(price.cost(&usage(40, 0), Mode::Standard), Some(7));
    assert_eq!(price.cost(&usage(39, 0), Mode::Standard), Some(6));
}

#[test]
fn a_model_is_found_by_its_names_and_no_other() {
    let key = |kind, model| Table::builtin().find(kind, model).map(|(key, _)| key);
    for (kind, model, expected) in [
        ("openai", "gpt-4o", Some("gpt-4o")),
        ("openai_responses", "gpt-4o", Some("gpt-4o")),
        ("openai", "gpt-4o-2031-01-01", Some("gpt-4o")),
        ("openai", "gpt-4o-nano", None),
        ("openai", "claude-sonnet-4-5", None),
        (
            "openai",
            "ft:gpt-4o-2024-08-06:acme::x1",
            Some("ft:gpt-4o-2024-08-06"),
        ),
        (
            "anthropic",
            "claude-sonnet-4-5-20310101",
            Some("claude-sonnet-4-5"),
        ),
        ("gemini", "gemini-2.5-pro", Some("gemini/gemini-2.5-pro")),
        (
            "gemini",
            "models/gemini-2.5-pro",
            Some("gemini/gemini-2.5-pro"),
        ),
        ("vertex", "gemini-2.5-pro", Some("gemini-2.5-pro")),
        (
            "vertex",
            "claude-3-5-sonnet@20310101",
            Some("vertex_ai/claude-3-5-sonnet"),
        ),
        (
            "bedrock",
            "eu.anthropic.claude-3-5-haiku-20241022-v1:0",
            Some("eu.anthropic.claude-3-5-haiku-20241022-v1:0"),
        ),
        ("bedrock", "eu.anthropic.claude-9-v1:0", None),
        ("deepseek", "deepseek-chat", Some("deepseek/deepseek-chat")),
        ("cohere", "command-r-08-2024", Some("command-r-08-2024")),
        ("openai", "", None),
        ("", "gpt-4o", None),
    ] {
        assert_eq!(key(kind, model).as_deref(), expected, "{kind} {model}");
    }
}

#[test]
fn the_built_in_table_says_where_it_is_from_and_what_models_can() {
    let table = Table::builtin();
    assert!(table.origin.source.contains("litellm") && table.origin.licence.contains("MIT"));
    let (_, sonnet) = table.find("anthropic", "claude-sonnet-4-5").unwrap();
    assert_eq!(
        (sonnet.max_input, sonnet.max_output, sonnet.task),
        (Some(200_000), Some(64_000), Task::Chat)
    );
    let can = Capabilities {
        vision: true,
        tools: true,
        json_schema: true,
        pdf: true,
        reasoning: true,
        audio: false,
    };
    assert_eq!(sonnet.capabilities, can);
}

#[test]
fn what_is_slimmed_reads_the_same() {
    let full = json!({
        "a": {"mode": "chat", "litellm_provider": "x", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "source": "https://…",
              "supports_vision": true, "supports_reasoning": false, "input_cost_per_token_above_200k_tokens_batches": 5e-7},
        "b": {"mode": "image_generation", "litellm_provider": "x", "input_cost_per_token": 1e-6},
        "c": {"mode": "chat", "litellm_provider": "x", "output_cost_per_token": 2e-6},
    });
    let full = full.as_object().unwrap();
    let shipped: Value = serde_json::from_slice(&slim(full, Origin::default()).unwrap()).unwrap();
    let models = shipped["models"].as_object().unwrap();
    assert_eq!(models.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(models["a"].as_object().unwrap().len(), 6);
    let read = |model: &Value| Entry::read(model.as_object().unwrap()).unwrap();
    assert_eq!(read(&models["a"]), read(&full["a"]));
}

proptest! {
    #[test]
    fn any_fields_are_read_or_refused(names in proptest::collection::vec("[a-z_0-9]{0,40}(_above_[0-9]{1,25}k_tokens)?(_batches|_flex)?", 0..6), number in any::<f64>()) {
        let mut fields: Map<String, Value> = names.into_iter().map(|name| (name, json!(number))).collect();
        fields.insert("mode".into(), "chat".into());
        fields.insert("litellm_provider".into(), "x".into());
        fields.insert("input_cost_per_token".into(), json!(number));
        fields.insert("output_cost_per_token".into(), json!(1e-6));
        let entry = Entry::read(&fields).unwrap();
        prop_assert_eq!(entry.price.is_some(), (0.0..1.0).contains(&number));
    }

    #[test]
    fn a_cost_grows_with_what_is_used(input in 0u64..2_000_000, cached in 0u64..2_000_000, output in 0u64..100_000) {
        let price = price("gemini", "gemini-2.5-pro");
        let cost = |output| price.cost(&Usage { cached: Some(cached), ..usage(input, output) }, Mode::Standard).unwrap();
        prop_assert!(cost(output) <= cost(output + 1));
    }
}
