//! Two hubs on one PostgreSQL: what one of them spends, sets or dies with, the other knows. Where the environment names no server,
//! these tests show nothing.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use super::{
    body, providers,
    upstream::{Act, Upstream, says},
};
use crate::support::{Hub, Settings, database, eventually, run};

/// Two hubs before one provider, and the URL of their database.
async fn hubs(name: &str, upstream: &Upstream, more: &str) -> Option<(Hub, Hub, String)> {
    let url = database(name).await?;
    let lines = format!("{}{more}", providers(&[upstream]));
    let settings = Settings::default()
        .server("llm_gateway", &lines)
        .extra(&format!("[database]\nurl = \"{url}\"\n"));
    let one = Hub::with(settings).await;
    let other = one.beside().await;
    Some((one, other, url))
}

async fn status(hub: &Hub, call: &Value) -> u16 {
    let answer = hub.v1("chat/completions", call).send().await.unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn of_64_calls_at_once_over_both_ten_pass_on_a_budget_for_ten() {
    // 10 tokens in and 10 out, at a thousand dollars a million: two cents.
    let upstream = Upstream::start(Act::After(20, Box::new(says("yes", 10, 10)))).await;
    let budget =
        "[[servers.llm_gateway.budgets]]\nname = \"ten\"\nusd = 0.205\nperiod = \"total\"\n";
    let Some((one, other, _)) = hubs("syndarix_llm_ten", &upstream, budget).await else {
        return;
    };
    let call = body("m0", "one two three");
    let both = [&one, &other];
    let calls = (0..64).map(|n| status(both[n % 2], &call));
    let statuses = join_all(calls).await;
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!((passed, upstream.count()), (10, 10), "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 429].contains(status)));

    for hub in both {
        // Each hub's last records may be on their way to the database.
        eventually("the spend of both to sum up", || async {
            let usage = &hub.llm("get_usage", json!({})).await["items"][0];
            let budget = &hub.llm("get_budget", json!({})).await["items"][0];
            usage["requests"] == 64
                && usage["cost_usd"].as_f64() == Some(0.2)
                && budget["usd"]["spent"].as_f64() == Some(0.2)
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_killed_hub_had_reserved_expires_for_the_other() {
    let upstream = Upstream::start(Act::Hang).await;
    let budget =
        "[[servers.llm_gateway.budgets]]\nname = \"one\"\nrequests = 1\nperiod = \"total\"\n";
    let Some((mut one, other, url)) = hubs("syndarix_llm_dead", &upstream, budget).await else {
        return;
    };
    let call = body("m0", "hello");
    let hanging = tokio::spawn(one.v1("chat/completions", &call).send());
    eventually("the provider is asked", || async { upstream.open() == 1 }).await;
    one.kill();
    let _dead = hanging.await;
    upstream.always(says("yes", 1, 1));
    assert_eq!(status(&other, &call).await, 429, "it is held still");

    let db = sqlx::PgPool::connect(&url).await.unwrap();
    let ends: Vec<(i64,)> = sqlx::query_as("select expires_ms from llm_reservation")
        .fetch_all(&db)
        .await
        .unwrap();
    let [(ends,)] = ends[..] else {
        panic!("one reservation is left: {ends:?}")
    };
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let left = i128::from(ends) - i128::try_from(now.as_millis()).unwrap();
    assert!(left <= 30_000, "{left} ms");
    // Nobody renews it: half a minute later, which is made now, it is over.
    sqlx::query("update llm_reservation set expires_ms = expires_ms - 30000")
        .execute(&db)
        .await
        .unwrap();
    assert_eq!(status(&other, &call).await, 200);
    assert_eq!(status(&other, &call).await, 429);
}

#[tokio::test]
async fn a_budget_that_is_set_through_one_holds_on_the_other_within_a_second() {
    let upstream = Upstream::start(says("yes", 1, 1)).await;
    let Some((one, other, _)) = hubs("syndarix_llm_set", &upstream, "").await else {
        return;
    };
    let call = body("m0", "hello");
    assert_eq!(status(&other, &call).await, 200);
    let budget = json!({"name": "none", "requests": 0, "period": "total"});
    one.llm("set_budget", budget).await;
    let set = Instant::now();
    assert_eq!(status(&one, &call).await, 429);
    tokio::time::sleep(Duration::from_secs(1).saturating_sub(set.elapsed())).await;
    assert_eq!(status(&other, &call).await, 429);
    one.llm("set_budget", json!({"name": "none", "remove": true}))
        .await;
    eventually("the budget to be gone", || async {
        status(&other, &call).await == 200
    })
    .await;
}

#[tokio::test]
async fn imported_prices_reach_running_hubs() {
    let upstream = Upstream::start(says("yes", 1000, 0)).await;
    let Some((one, other, _)) = hubs("syndarix_llm_prices", &upstream, "").await else {
        return;
    };
    let call = body("p0/brand-new", "hello");
    let cost = async |hub: &Hub| {
        let answer = hub.v1("chat/completions", &call).send().await.unwrap();
        let cost = answer.headers().get("x-syndarix-cost-usd")?;
        Some(cost.to_str().unwrap().to_owned())
    };
    assert_eq!(cost(&one).await, None);
    let table = json!({"brand-new": {
        "mode": "chat", "litellm_provider": "openai", "input_cost_per_token": 3e-6, "output_cost_per_token": 0.0,
    }});
    std::fs::write(one.dir().join("table.json"), table.to_string()).unwrap();
    let done = run(one.dir(), &["llm-prices", "import", "table.json"]);
    assert!(done.status.success(), "{done:?}");
    for hub in [&one, &other] {
        eventually("the price to be known", || async {
            cost(hub).await.as_deref() == Some("0.003")
        })
        .await;
    }
}
