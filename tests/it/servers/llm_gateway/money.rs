//! What requests cost.

use serde_json::json;

use super::{
    body,
    upstream::{Act, Upstream},
};
use crate::support::{Hub, Settings};

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
