//! A caller who goes away takes the provider's work along.

use futures::StreamExt;
use serde_json::json;

use super::{
    body,
    upstream::{Act, Upstream, chunk},
};
use crate::support::{Hub, Settings, eventually};

#[tokio::test]
async fn whenever_a_caller_leaves_the_provider_is_left_too_and_it_is_on_record() {
    let upstream = Upstream::start(Act::Hang).await;
    // No timeout may do what the caller's leaving has to.
    let patient = format!(
        "[servers.llm_gateway.providers.p]\nkind = \"openai\"\nbase_url = \"{}/v1\"\n",
        upstream.url
    );
    let hub = Hub::with(Settings::default().server("llm_gateway", &patient)).await;
    for (n, (stream, act)) in [
        (false, Act::Hang),
        (true, Act::Hang),
        (
            true,
            Act::Stall(vec![(0, chunk(&json!({"content": "one"}), None))]),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        upstream.next([act]);
        let mut call = body("p/up", "hello");
        call["stream"] = stream.into();
        let calling = hub.v1("chat/completions", &call).send();
        if n == 2 {
            let mut answer = calling.await.unwrap().bytes_stream();
            answer.next().await.unwrap().unwrap();
            drop(answer);
        } else {
            let calling = tokio::spawn(calling);
            eventually("the provider is asked", || async { upstream.open() == 1 }).await;
            calling.abort();
        }
        eventually("the provider is left", || async { upstream.gone() > n }).await;
    }
    eventually("all are on record as cancelled", || async {
        let sum = &hub.llm("get_usage", json!({})).await["items"][0];
        sum["requests"] == 3
    })
    .await;
    assert_eq!(upstream.count(), 3, "no retry for nobody");
}
