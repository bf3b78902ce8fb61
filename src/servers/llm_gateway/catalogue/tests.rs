//! What names lead to.

use serde_json::{Value, json};

use super::*;
use crate::{servers::llm_gateway::store::Store, test, tool::Code};

async fn catalogue(config: Value) -> Result<Catalogue, String> {
    let (host, _dir) = test::host().await;
    let prices = Prices::open(&Store::new(host.db.clone()), &host)
        .await
        .unwrap();
    Catalogue::new(&serde_json::from_value(config).unwrap(), prices, 0)
}

#[tokio::test]
async fn names_lead_to_providers() {
    let catalogue = catalogue(json!({
        "providers": {
            "local": { "kind": "openai", "base_url": "http://127.0.0.1:8000/v1" },
            "claude": { "kind": "anthropic" },
        },
        "models": { "coder": { "provider": "local", "model": "qwen", "input_usd_per_million": 0.5, "output_usd_per_million": 1.5 } },
        "routes": { "best": { "targets": ["coder", { "model": "claude/claude-sonnet-4-5", "weight": 3 }] } },
    }))
    .await
    .unwrap();
    let found = |name: &str| {
        let plan = catalogue.plan(name, &[], 0).unwrap();
        let of =
            |(target, _): &(Target, u32)| format!("{}/{}", target.key.provider, target.key.model);
        plan.targets.iter().map(of).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("coder"), "local/qwen");
    assert_eq!(found("local/org/model"), "local/org/model");
    assert_eq!(found("mock/echo:hang"), "mock/echo:hang");
    assert_eq!(
        found("claude-opus-4-1"),
        "claude/claude-opus-4-1",
        "by its well-known name"
    );
    assert_eq!(found("best"), "local/qwen claude/claude-sonnet-4-5");
    let plan = catalogue.plan("coder", &["best".into()], 0).unwrap();
    assert_eq!(plan.targets.len(), 3);
    assert!(
        catalogue.plan("local/x", &[], 0).unwrap().targets[0]
            .0
            .price()
            .is_none()
    );
    let unknown = catalogue.plan("unheard-of", &[], 0).err().unwrap();
    assert_eq!(unknown.code, Code::NotFound);
    assert!(unknown.message.contains("best"), "{}", unknown.message);
    let names: Vec<String> = catalogue.names().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["best", "coder", "mock/echo", "mock/embed", "mock/lorem"]
    );
}

#[tokio::test]
async fn settings_that_do_not_fit_are_told() {
    for (config, told) in [
        (
            json!({"models": {"m": {"provider": "nope"}}}),
            "models.m.provider",
        ),
        (
            json!({"providers": {"p": {"kind": "openai", "base_url": "ftp://x"}}}),
            "providers.p",
        ),
        (
            json!({"providers": {"p": {"kind": "openai", "api_key_env": "A", "api_key_file": "b"}}}),
            "providers.p.api_key_file",
        ),
        (
            json!({"providers": {"mock": {"kind": "openai"}}}),
            "providers.mock",
        ),
        (
            json!({"routes": {"r": {"targets": ["nope"]}}}),
            "routes.r.targets[0]",
        ),
        (
            json!({"routes": {"r": {"targets": []}}}),
            "routes.r.targets",
        ),
        (
            json!({"models": {"m": {"provider": "mock", "output_usd_per_million": 1.0}}}),
            "models.m",
        ),
    ] {
        let error = catalogue(config).await.err().unwrap();
        assert!(error.contains(told), "{error}");
    }
    let bare = catalogue(json!({"mock": false})).await.unwrap();
    assert!(bare.plan("mock/echo", &[], 0).is_err());
}
