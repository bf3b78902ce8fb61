//! Budgets on the embedded database.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::{base::clock::Clock, test};

const PATIENCE: Duration = Duration::from_secs(20);
/// 2026-11-23, a Monday, 12:00 UTC.
const NOON: Millis = 1_795_435_200_000;

fn budget(extra: serde_json::Value) -> BudgetConfig {
    let mut config = json!({"name": "team", "period": "day"});
    let fields = extra.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(config).unwrap()
}

async fn ledger(budgets: &[BudgetConfig]) -> (Arc<Ledger>, Clock, TempDir) {
    let (mut host, dir) = test::host().await;
    host.clock = Clock::manual(NOON);
    let ledger = Ledger::open(budgets, &host, "own").await.unwrap();
    (Arc::new(ledger), host.clock, dir)
}

fn who(project: &str, agent: &str, model: &str) -> Who {
    Who {
        project: project.into(),
        agent: agent.into(),
        token: "tok".into(),
        model: model.into(),
        provider: "p".into(),
    }
}

fn demo() -> Who {
    who("demo", "ann", "m")
}

fn need(tokens: u64, least_tokens: u64) -> Need {
    Need {
        tokens,
        least_tokens,
        nano_usd: Some(tokens as i64 * 1000),
        least_nano_usd: Some(least_tokens as i64 * 1000),
        simulated: false,
    }
}

fn spent(tokens: u64) -> Spent {
    Spent {
        requests: 1,
        tokens,
        nano_usd: tokens as i64 * 1000,
    }
}

/// How many of 64 calls at once pass, each of `truth` tokens, and how many tokens are spent in the end.
async fn rush(limit: serde_json::Value, need: Need, truth: u64) -> (usize, i64) {
    let (ledger, _clock, _dir) = ledger(&[budget(limit)]).await;
    let calls = (0..64).map(|_| {
        let (ledger, need) = (Arc::clone(&ledger), need.clone());
        tokio::spawn(async move {
            let held = ledger.reserve(&demo(), &need, PATIENCE).await.ok()?;
            tokio::time::sleep(Duration::from_millis(3)).await;
            Some(ledger.settle(held, spent(truth)))
        })
    });
    let ended = futures::future::join_all(calls.collect::<Vec<_>>()).await;
    let passed: Vec<Vec<Charge>> = ended.into_iter().filter_map(Result::unwrap).collect();
    (
        passed.len(),
        passed
            .iter()
            .flatten()
            .map(|charge| charge.amounts.tokens)
            .sum(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_at_once_ten_pass_however_the_estimate_is_off() {
    // The truth is 150 tokens of input and 50 of output; the budget is for ten such calls.
    for limit in [
        json!({"tokens": 2000}),
        json!({"usd": 0.002}),
        json!({"requests": 10}),
        json!({"tokens": 2000, "requests": 10, "usd": 0.002}),
    ] {
        for (likely, least) in [
            (100, 76),  // half of the truth, without max_tokens
            (300, 151), // one and a half of it
            (100, 125), // input at half of the truth, with max_tokens = 50
            (300, 200), // output at far more than the truth, with what is least known well
            (200, 200),
        ] {
            let (passed, tokens) = rush(limit.clone(), need(likely, least), 200).await;
            assert_eq!((passed, tokens), (10, 2000), "{limit} {likely} {least}");
        }
    }
}

#[tokio::test]
async fn a_call_that_may_go_over_is_not_let_in_though_its_estimate_fits() {
    let (ledger, ..) = ledger(&[budget(json!({"tokens": 100}))]).await;
    let error = ledger
        .reserve(&demo(), &need(50, 101), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.reason, Reason::Used);
}

#[tokio::test]
async fn a_refusal_says_what_is_used_until_when_and_what_to_do() {
    let config = budget(json!({"usd": 1.5, "tz": "Europe/Berlin"}));
    let (ledger, ..) = ledger(&[config]).await;
    let held = ledger
        .reserve(&demo(), &need(10, 10), PATIENCE)
        .await
        .unwrap();
    ledger.settle(
        held,
        Spent {
            requests: 1,
            tokens: 10,
            nano_usd: 1_500_000_000,
        },
    );
    let error = ledger
        .reserve(&demo(), &need(10, 10), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.resets.as_deref(), Some("2026-11-24T00:00:00+01:00"));
    assert_eq!(error.retry_after, Some(Duration::from_secs(11 * 3600)));
    for word in [
        "\"team\"",
        "$1.50 of $1.50",
        "2026-11-24T00:00:00+01:00",
        "cheaper model",
    ] {
        assert!(error.message.contains(word), "{}", error.message);
    }
    let error = ToolError::from(error);
    assert_eq!(
        (error.code, error.retry_after_s()),
        (Code::QuotaExceeded, Some(39_600))
    );
}

#[tokio::test]
async fn what_is_dropped_is_given_back_and_the_next_goes_on() {
    let (ledger, ..) = ledger(&[budget(json!({"requests": 1}))]).await;
    let held = ledger
        .reserve(&demo(), &need(1, 1), PATIENCE)
        .await
        .unwrap();
    let next = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move {
            ledger
                .reserve(&demo(), &need(1, 1), PATIENCE)
                .await
                .map(|_held| ())
        }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!next.is_finished());
    drop(held);
    next.await.unwrap().unwrap();
    assert!(ledger.reserve(&demo(), &need(1, 1), PATIENCE).await.is_ok());
}

#[tokio::test]
async fn who_waits_goes_in_order_and_who_gives_up_holds_nobody_up() {
    let (ledger, ..) = ledger(&[budget(json!({"tokens": 100}))]).await;
    let first = ledger
        .reserve(&demo(), &need(10, 10), PATIENCE)
        .await
        .unwrap();
    let wait = |tokens, patience| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            ledger
                .reserve(&demo(), &need(tokens, 1), Duration::from_millis(patience))
                .await
        })
    };
    let big = wait(45, 60);
    tokio::time::sleep(Duration::from_millis(10)).await;
    // It would fit beside the first, but another came before it.
    let small = wait(5, 10_000);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(!small.is_finished());
    let error = big.await.unwrap().unwrap_err();
    assert_eq!(error.reason, Reason::Busy);
    assert!(small.await.unwrap().is_ok());
    drop(first);
}

#[tokio::test]
async fn a_budget_for_each_and_one_for_all() {
    let each =
        budget(json!({"name": "each", "requests": 1, "scope": {"project": "demo", "agent": "*"}}));
    let all = budget(json!({"name": "all", "requests": 3}));
    let (ledger, ..) = ledger(&[each, all]).await;
    let call = async |project: &str, agent: &str| {
        let held = ledger
            .reserve(&who(project, agent, "m"), &need(1, 1), PATIENCE)
            .await;
        held.map(|held| ledger.settle(held, spent(1)).len())
            .map_err(|error| error.budget)
    };
    assert_eq!(call("demo", "ann").await, Ok(2));
    assert_eq!(call("demo", "ann").await, Err("each".to_owned()));
    assert_eq!(call("demo", "bea").await, Ok(2));
    assert_eq!(call("other", "ann").await, Ok(1));
    assert_eq!(call("other", "ann").await, Err("all".to_owned()));

    let anyone = Who {
        agent: "".into(),
        ..demo()
    };
    let states = ledger.states(&anyone).await.unwrap();
    let mut seen: Vec<_> = states
        .iter()
        .map(|s| {
            (
                s.name.as_str(),
                s.scope.agent.as_deref(),
                s.requests.unwrap().spent,
            )
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("all", None, 3),
            ("each", Some("ann"), 1),
            ("each", Some("bea"), 1)
        ]
    );
    let own = ledger.states(&who("demo", "cem", "m")).await.unwrap();
    assert!(own.iter().any(|s| s.name == "each"
        && s.requests.unwrap().spent == 0
        && s.scope.agent.as_deref() == Some("cem")));
}

#[tokio::test]
async fn a_new_day_starts_anew_and_what_ends_then_counts_for_the_old_one() {
    let (ledger, clock, _dir) = ledger(&[budget(json!({"requests": 1, "tz": "Asia/Tokyo"}))]).await;
    let held = ledger
        .reserve(&demo(), &need(1, 1), PATIENCE)
        .await
        .unwrap();
    clock.advance(3 * 3_600_000 - 1);
    assert!(
        ledger
            .reserve(&demo(), &need(1, 1), Duration::ZERO)
            .await
            .is_err()
    );
    clock.advance(1);
    let next = ledger
        .reserve(&demo(), &need(1, 1), Duration::ZERO)
        .await
        .unwrap();
    let (old, new) = (ledger.settle(held, spent(1)), ledger.settle(next, spent(1)));
    assert_eq!(old[0].end_ms, Some(new[0].start_ms));
    assert_eq!(
        ledger.states(&demo()).await.unwrap()[0]
            .requests
            .unwrap()
            .spent,
        1
    );
}

#[tokio::test]
async fn an_unknown_price_is_refused_under_dollars_only() {
    let unknown = Need {
        nano_usd: None,
        least_nano_usd: None,
        ..need(1, 1)
    };
    let check = async |config: serde_json::Value, need: &Need| {
        let (ledger, ..) = ledger(&[budget(config)]).await;
        ledger
            .reserve(&demo(), need, PATIENCE)
            .await
            .map(|_| ())
            .map_err(|error| error.reason)
    };
    assert_eq!(
        check(json!({"usd": 1.0}), &unknown).await,
        Err(Reason::Unpriced)
    );
    assert_eq!(
        check(json!({"usd": 1.0, "unpriced": "allow"}), &unknown).await,
        Ok(())
    );
    assert_eq!(check(json!({"tokens": 10}), &unknown).await, Ok(()));
    let simulated = Need {
        simulated: true,
        ..unknown
    };
    assert_eq!(check(json!({"usd": 0.0}), &simulated).await, Ok(()));
}

#[tokio::test]
async fn a_warning_lets_pass_and_a_downgrade_names_the_other_model() {
    let warn = budget(json!({"name": "soft", "requests": 0, "action": "warn"}));
    let lower = budget(
        json!({"name": "thrift", "requests": 0, "action": "downgrade", "downgrade_to": "small"}),
    );
    let (ledger, ..) = ledger(&[warn, lower]).await;
    let error = ledger
        .reserve(&demo(), &need(1, 1), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.downgrade_to.as_deref(), Some("small"));
    let held = ledger
        .reserve(&who("demo", "ann", "small"), &need(1, 1), PATIENCE)
        .await
        .unwrap();
    assert_eq!(held.warnings.len(), 1);
    assert!(
        held.warnings[0].contains("\"soft\" is used up: 0 of 0 requests"),
        "{:?}",
        held.warnings
    );
    assert_eq!(ledger.settle(held, spent(1)).len(), 2, "both count it");
}

#[tokio::test]
async fn the_tightest_budget_tells_what_remains() {
    let (ledger, ..) = ledger(&[
        budget(json!({"usd": 1.0})),
        budget(json!({"name": "few", "requests": 4})),
    ])
    .await;
    let held = ledger
        .reserve(&demo(), &need(1, 1), PATIENCE)
        .await
        .unwrap();
    ledger.settle(held, spent(1000));
    let held = ledger
        .reserve(&demo(), &need(1, 1), PATIENCE)
        .await
        .unwrap();
    let left = held.remaining.as_ref().unwrap();
    assert_eq!(
        (left.budget.as_str(), left.requests, left.nano_usd),
        ("few", Some(3), None)
    );
}

#[tokio::test]
async fn budgets_that_make_no_sense_are_refused() {
    let (host, _dir) = test::host().await;
    for (config, field) in [
        (json!({}), ".usd: "),
        (json!({"usd": -1.0}), ".usd: "),
        (json!({"requests": 1, "tz": "Europe/Nowhere"}), ".tz: "),
        (
            json!({"requests": 1, "action": "downgrade"}),
            ".downgrade_to: ",
        ),
        (
            json!({"requests": 1, "scope": {"agent": "a\nb"}}),
            ".agent: ",
        ),
        (json!({"requests": 1, "name": ""}), ".name: "),
    ] {
        let error = Ledger::open(&[budget(config)], &host, "own")
            .await
            .unwrap_err();
        assert!(error.message.contains(field), "{}", error.message);
    }
    let same = budget(json!({"requests": 1}));
    assert!(
        Ledger::open(&[same.clone(), same], &host, "own")
            .await
            .is_err()
    );
}
