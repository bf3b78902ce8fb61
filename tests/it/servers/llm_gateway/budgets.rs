//! Budgets that hold, whatever comes at once.

use futures::future::join_all;
use serde_json::json;

use super::{
    body, hub,
    upstream::{Act, Upstream, says},
};

const BUDGET: &str =
    "[[servers.llm_gateway.budgets]]\nname = \"ten\"\nusd = 0.205\nperiod = \"day\"\n";

#[tokio::test]
async fn of_64_calls_at_once_ten_pass_on_a_budget_for_ten_and_an_administrators_too() {
    // 10 tokens in and 10 out, at a thousand dollars a million: two cents.
    let upstream = Upstream::start(Act::After(20, Box::new(says("yes", 10, 10)))).await;
    let hub = hub(&[&upstream], BUDGET).await;
    let call = body("m0", "one two three");
    let calls = (0..64).map(|_| async { hub.v1("chat/completions", &call).send().await.unwrap() });
    let answers = join_all(calls).await;
    let passed = answers
        .iter()
        .filter(|answer| answer.status() == 200)
        .count();
    assert_eq!((passed, upstream.count()), (10, 10));
    let refused = answers
        .into_iter()
        .find(|answer| answer.status() != 200)
        .unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let told: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(told["error"]["code"], "insufficient_quota");
    assert!(
        told["error"]["message"].as_str().unwrap().contains("ten"),
        "{told}"
    );

    let budget = &hub.llm("get_budget", json!({})).await["items"][0];
    assert_eq!(budget["name"], "ten", "{budget}");
    let usage = &hub.llm("get_usage", json!({})).await["items"][0];
    assert_eq!(
        (usage["cost_usd"].as_f64(), usage["requests"].as_i64()),
        (Some(0.2), Some(64))
    );
}

#[tokio::test]
async fn what_a_killed_hub_had_reserved_is_free_again_and_what_it_spent_is_not() {
    let upstream = Upstream::start(Act::Hang).await;
    let budget =
        "[[servers.llm_gateway.budgets]]\nname = \"two\"\nrequests = 2\nperiod = \"total\"\n";
    let mut hub = hub(&[&upstream], budget).await;
    upstream.next([says("yes", 1, 1)]);
    let call = body("m0", "hello");
    assert_eq!(
        hub.v1("chat/completions", &call)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let hanging = tokio::spawn(hub.v1("chat/completions", &call).send());
    crate::support::eventually("the provider is asked", || async { upstream.open() == 1 }).await;
    hub.kill();
    let _dead = hanging.await;
    let hub = hub.again().await;
    upstream.always(says("yes", 1, 1));
    let answers = [
        hub.v1("chat/completions", &call)
            .send()
            .await
            .unwrap()
            .status(),
        hub.v1("chat/completions", &call)
            .send()
            .await
            .unwrap()
            .status(),
    ];
    assert_eq!(answers.map(|status| status.as_u16()), [200, 429]);
}

#[tokio::test]
async fn an_unknown_price_is_null_and_blocked_where_dollars_are_limited() {
    let upstream = Upstream::start(says("yes", 10, 10)).await;
    let hub = hub(&[&upstream], BUDGET).await;
    let blocked = hub
        .v1("chat/completions", &body("p0/unheard-of", "x"))
        .send()
        .await
        .unwrap();
    assert_eq!((blocked.status().as_u16(), upstream.count()), (429, 0));
    let allowed = super::hub(&[&upstream], &format!("{BUDGET}unpriced = \"allow\"\n")).await;
    let passed = allowed
        .v1("chat/completions", &body("p0/unheard-of", "x"))
        .send()
        .await
        .unwrap();
    assert_eq!(passed.status(), 200);
    let open = super::hub(&[&upstream], "").await;
    let passed = open
        .v1("chat/completions", &body("p0/unheard-of", "x"))
        .send()
        .await
        .unwrap();
    assert_eq!(passed.status(), 200);
    assert!(!passed.headers().contains_key("x-syndarix-cost-usd"));
    let sum = &open.llm("get_usage", json!({})).await["items"][0];
    assert_eq!(
        (sum["unpriced_requests"].as_i64(), sum["cost_usd"].as_f64()),
        (Some(1), Some(0.0))
    );
}

#[tokio::test]
async fn budgets_that_only_warn_or_downgrade_say_so_in_a_header() {
    let upstream = Upstream::start(says("yes", 1, 1)).await;
    let budgets = "[[servers.llm_gateway.budgets]]\nname = \"soft\"\nrequests = 1\nperiod = \"total\"\naction = \"warn\"\n\
                   [[servers.llm_gateway.budgets]]\nname = \"fine\"\nrequests = 1\nperiod = \"total\"\naction = \"downgrade\"\n\
                   downgrade_to = \"mock/echo\"\n";
    let hub = hub(&[&upstream], budgets).await;
    let ask = async || {
        let answer = hub
            .v1("chat/completions", &body("m0", "hello"))
            .send()
            .await
            .unwrap();
        let warnings = answer.headers().get_all("x-syndarix-warning").iter();
        let warnings: Vec<String> = warnings.map(|w| w.to_str().unwrap().to_owned()).collect();
        (
            answer.headers()["x-syndarix-provider"]
                .to_str()
                .unwrap()
                .to_owned(),
            warnings.join("; "),
        )
    };
    assert_eq!(ask().await, ("p0".into(), String::new()));
    let (provider, warnings) = ask().await;
    assert_eq!((provider.as_str(), upstream.count()), ("mock", 1));
    assert!(
        warnings.contains("soft") && warnings.contains("fine"),
        "{warnings}"
    );
}
