//! A caller who goes away takes the provider's work along.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;

use super::{
    body, hub,
    upstream::{Act, Upstream, chunk},
};
use crate::support::eventually;

#[tokio::test]
async fn whenever_a_caller_leaves_the_provider_is_left_too_and_it_is_on_record() {
    let upstream = Upstream::start(Act::Hang).await;
    let hub = hub(&[&upstream], "").await;
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
        let mut call = body("m0", "hello");
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
        let left = std::time::Instant::now();
        while upstream.gone() <= n {
            // Generous: what is shown is that it happens at all, without waiting for any timeout.
            assert!(
                left.elapsed() < Duration::from_millis(900),
                "{n}: the provider still works"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    eventually("all are on record as cancelled", || async {
        let sum = &hub.llm("get_usage", json!({})).await["items"][0];
        sum["requests"] == 3
    })
    .await;
    assert_eq!(upstream.count(), 3, "no retry for nobody");
}
