//! What requests cost.

use serde_json::json;

use super::{
    body,
    upstream::{Act, Upstream, completion},
};
use crate::support::{Hub, Settings, run};

#[tokio::test]
async fn costs_are_those_of_an_invoice_by_hand_and_sums_are_those_of_the_requests() {
    let upstream = Upstream::start(Act::Hang).await;
    let lines = format!(
        "[servers.llm_gateway.providers.p]\nkind = \"openai\"\nbase_url = \"{0}/v1\"\n\
         [servers.llm_gateway.providers.a]\nkind = \"anthropic\"\nbase_url = \"{0}\"\n\
         [servers.llm_gateway.models.o]\nprovider = \"p\"\nmodel = \"up\"\ninput_usd_per_million = 2.5\n\
         cached_input_usd_per_million = 1.25\noutput_usd_per_million = 10.0\nreasoning_usd_per_million = 12.0\n\
         [servers.llm_gateway.models.c]\nprovider = \"a\"\nmodel = \"up\"\ninput_usd_per_million = 3.0\n\
         cached_input_usd_per_million = 0.3\ncache_write_usd_per_million = 3.75\ncache_write_1h_usd_per_million = 6.0\n\
         output_usd_per_million = 15.0\n",
        upstream.url
    );
    let hub = Hub::with(Settings::default().server("llm_gateway", &lines)).await;
    hub.project("other", &["ann"]).await;

    let openai = json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "up",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}],
        "usage": {
            "prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500,
            "prompt_tokens_details": {"cached_tokens": 1000}, "completion_tokens_details": {"reasoning_tokens": 100},
        },
    });
    let anthropic = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "up", "stop_reason": "end_turn", "stop_sequence": null,
        "content": [{"type": "text", "text": "yes"}],
        "usage": {
            "input_tokens": 100, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 700, "output_tokens": 50,
            "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 300},
        },
    });
    let answer = |body: &serde_json::Value| Act::Answer(200, Vec::new(), body.to_string());
    // 200 × 2.5 + 1000 × 1.25 + 200 × 10 + 100 × 12 = 500 + 1250 + 2000 + 1200 = 4950 millionths of a dollar.
    upstream.next([answer(&openai), answer(&openai)]);
    for project in ["default", "other"] {
        let agent = if project == "other" { "ann" } else { "default" };
        let said = hub
            .v1("chat/completions", &body("o", "x"))
            .header("x-project-id", project)
            .header("x-agent-id", agent)
            .send()
            .await
            .unwrap();
        assert_eq!(said.headers()["x-syndarix-cost-usd"], "0.00495");
    }
    // 100 × 3 + 2000 × 0.3 + 400 × 3.75 + 300 × 6 + 50 × 15 = 300 + 600 + 1500 + 1800 + 750 = 4950.
    upstream.next([answer(&anthropic)]);
    let said = hub.v1("messages", &body("c", "x")).send().await.unwrap();
    assert_eq!(said.headers()["x-syndarix-cost-usd"], "0.00495");

    let sums = hub
        .llm(
            "get_usage",
            json!({"group_by": ["project", "agent", "model", "day"]}),
        )
        .await;
    let items = sums["items"].as_array().unwrap();
    let costs: Vec<_> = items
        .iter()
        .map(|item| {
            (
                item["model"].as_str().unwrap(),
                item["cost_usd"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        costs,
        [("c", 0.00495), ("o", 0.00495)],
        "its own project's only"
    );
    let sum = &hub.llm("get_usage", json!({})).await["items"][0];
    assert_eq!(
        (sum["cost_usd"].as_f64(), sum["requests"].as_i64()),
        (Some(0.0099), Some(2))
    );
}

#[tokio::test]
async fn a_request_is_priced_as_it_was_served() {
    let upstream = Upstream::start(Act::Hang).await;
    let lines = format!(
        "[servers.llm_gateway.providers.p]\nkind = \"openai\"\nbase_url = \"{0}/v1\"\n\
         [servers.llm_gateway.providers.a]\nkind = \"anthropic\"\nbase_url = \"{0}\"\n",
        upstream.url
    );
    let mut hub = Hub::with(Settings::default().server("llm_gateway", &lines)).await;
    hub.kill();
    // Dollars a million, input and output: 2 and 8; flex 1 and 4, priority 4 and 16; above 200,000 tokens 5 and 20.
    let table = json!({
        "four": {
            "mode": "chat", "litellm_provider": "openai",
            "input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6,
            "input_cost_per_token_flex": 1e-6, "output_cost_per_token_flex": 4e-6,
            "input_cost_per_token_priority": 4e-6, "output_cost_per_token_priority": 16e-6,
            "input_cost_per_token_above_200k_tokens": 5e-6, "output_cost_per_token_above_200k_tokens": 20e-6,
        },
        "claude": {
            "mode": "chat", "litellm_provider": "anthropic",
            "input_cost_per_token": 3e-6, "output_cost_per_token": 15e-6,
            "input_cost_per_token_batches": 1.5e-6, "output_cost_per_token_batches": 7.5e-6,
        },
    });
    std::fs::write(hub.dir().join("table.json"), table.to_string()).unwrap();
    let done = run(hub.dir(), &["llm-prices", "import", "table.json"]);
    assert!(done.status.success(), "{done:?}");
    let hub = hub.again().await;

    let openai = |input: u64, tier: Option<&str>| {
        let mut answer = completion("yes", input, 100);
        if let Some(tier) = tier {
            answer["service_tier"] = tier.into();
        }
        Act::Answer(200, Vec::new(), answer.to_string())
    };
    for (asked, input, served, invoice) in [
        // 1000 × 2 + 100 × 8 = 2800 millionths of a dollar.
        (None, 1000, None, "0.0028"),
        (Some("auto"), 1000, Some("default"), "0.0028"),
        // 1000 × 1 + 100 × 4 = 1400, whether the answer says so or not.
        (Some("flex"), 1000, Some("flex"), "0.0014"),
        (Some("flex"), 1000, None, "0.0014"),
        // 1000 × 4 + 100 × 16 = 5600; what was asked for and not given is not paid for.
        (Some("priority"), 1000, Some("priority"), "0.0056"),
        (Some("priority"), 1000, Some("default"), "0.0028"),
        // 200,000 × 2 + 100 × 8 = 400,800, and 200,001 × 5 + 100 × 20 = 1,002,005.
        (None, 200_000, None, "0.4008"),
        (None, 200_001, None, "1.002005"),
    ] {
        upstream.next([openai(input, served)]);
        let mut call = body("p/four", "x");
        if let Some(asked) = asked {
            call["service_tier"] = asked.into();
        }
        let said = hub.v1("chat/completions", &call).send().await.unwrap();
        let cost = &said.headers()["x-syndarix-cost-usd"];
        assert_eq!(cost, invoice, "{asked:?} {served:?} {input}");
    }
    // 1000 × 1.5 + 100 × 7.5 = 2250; a tier without a price of its own is not guessed.
    for (served, invoice) in [("batch", Some("0.00225")), ("priority", None)] {
        let answer = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "up", "stop_reason": "end_turn", "stop_sequence": null,
            "content": [{"type": "text", "text": "yes"}],
            "usage": {"input_tokens": 1000, "output_tokens": 100, "service_tier": served},
        });
        upstream.next([Act::Answer(200, Vec::new(), answer.to_string())]);
        let said = hub
            .v1("messages", &body("a/claude", "x"))
            .send()
            .await
            .unwrap();
        let cost = said.headers().get("x-syndarix-cost-usd");
        assert_eq!(cost.map(|cost| cost.to_str().unwrap()), invoice, "{served}");
    }
    // A provider of another dialect is not told of the tier, and serves as it always does.
    let answer = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "up", "stop_reason": "end_turn", "stop_sequence": null,
        "content": [{"type": "text", "text": "yes"}], "usage": {"input_tokens": 1000, "output_tokens": 100},
    });
    upstream.next([Act::Answer(200, Vec::new(), answer.to_string())]);
    let mut call = body("a/claude", "x");
    call["service_tier"] = "flex".into();
    let said = hub.v1("chat/completions", &call).send().await.unwrap();
    // 1000 × 3 + 100 × 15 = 4500.
    assert_eq!(said.headers()["x-syndarix-cost-usd"], "0.0045");
}
