//! The LLM gateway as its clients see it, before scripted providers.

mod budgets;
mod faces;
mod failover;
mod leaving;
mod live;
mod money;
mod routing;
mod secrets;
mod sharing;
mod tool;
mod two_hubs;
mod upstream;

use serde_json::{Value, json};

use self::upstream::Upstream;
use crate::support::{Hub, Settings};

/// config.toml's lines for providers of OpenAI's kind at these addresses, each with a model of its own called `m<n>`, and a route
/// `all` of them in their order.
fn providers(upstreams: &[&Upstream]) -> String {
    let mut lines = String::new();
    for (n, upstream) in upstreams.iter().enumerate() {
        lines.push_str(&format!(
            "[servers.llm_gateway.providers.p{n}]\nkind = \"openai\"\nbase_url = \"{}/v1\"\n\
             first_byte_timeout_seconds = 1\nread_timeout_seconds = 2\n\
             [servers.llm_gateway.models.m{n}]\nprovider = \"p{n}\"\nmodel = \"up\"\n\
             input_usd_per_million = 1000.0\noutput_usd_per_million = 1000.0\n",
            upstream.url
        ));
    }
    let targets: Vec<String> = (0..upstreams.len()).map(|n| format!("\"m{n}\"")).collect();
    lines.push_str(&format!(
        "[servers.llm_gateway.routes.all]\ntargets = [{}]\nretry = {{ rounds = 1 }}\n",
        targets.join(", ")
    ));
    lines
}

/// A hub before these providers.
async fn hub(upstreams: &[&Upstream], more: &str) -> Hub {
    let lines = format!("{}{more}", providers(upstreams));
    Hub::with(Settings::default().server("llm_gateway", &lines)).await
}

/// A chat completion's body.
fn body(model: &str, text: &str) -> Value {
    json!({"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": text}]})
}

impl Hub {
    /// Posts to `/v1` with the administrator's token.
    fn v1(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}/v1/{path}", self.main))
            .bearer_auth(&self.admin)
            .json(body)
    }

    /// Calls a tool for `default` and `default`.
    async fn llm(&self, tool: &str, mut args: Value) -> Value {
        args["project_id"] = "default".into();
        args["agent_id"] = "default".into();
        let path = format!("/api/v1/servers/llm_gateway/tools/{tool}");
        let (status, answer) = self.admin("POST", &path, args).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}
