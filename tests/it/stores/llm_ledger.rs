//! Budgets under many calls at once. Where hubs share the database, two of them take the calls in turn.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use syndarix::{
    base::{
        clock::Clock,
        ids::{AgentId, ProjectId},
    },
    db::Db,
    project::{Projects, workspace::Workspaces},
    servers::llm_gateway::{
        ledger::{Charge, Ledger, Need, Reason, Spent, Who, config::BudgetConfig},
        record::{Began, Ended, Event, Kind, Outcome, Status},
        store::Store,
    },
    tool::{Changes, Host, Tasks, Upkeep},
};

/// 2026-11-23, a Monday, 12:00 UTC.
const NOON: i64 = 1_795_435_200_000;
const PATIENCE: Duration = Duration::from_secs(60);
/// What a call uses.
const TRUTH: u64 = 200;

fn host(db: &Db, clock: &Clock) -> Host {
    let data = std::env::temp_dir();
    Host {
        db: db.clone(),
        workspaces: Workspaces::new(&data),
        data,
        clock: clock.clone(),
        changes: Changes::default(),
        tasks: Tasks::default(),
        upkeep: Upkeep::default(),
    }
}

fn who() -> Who {
    Who {
        project: "llm-budget".into(),
        agent: "ann".into(),
        token: "tok".into(),
        model: "m".into(),
        provider: "p".into(),
    }
}

fn config(budget: Value) -> Vec<BudgetConfig> {
    vec![serde_json::from_value(budget).unwrap()]
}

fn need(tokens: u64, least_tokens: u64) -> Need {
    Need {
        tokens,
        least_tokens,
        nano_usd: Some(tokens as i64),
        least_nano_usd: Some(least_tokens as i64),
        simulated: false,
    }
}

fn ended(id: &str, charges: Vec<Charge>) -> Event {
    Event::Ended(Box::new(Ended {
        began: Began {
            id: id.into(),
            project: "llm-budget".into(),
            agent: "ann".into(),
            token: "tok".into(),
            kind: Kind::Chat,
            model: "m".into(),
            route: None,
            dialect: None,
            stream: false,
            idempotency_hash: None,
            owner: "own".into(),
            started_ms: NOON,
        },
        outcome: Outcome {
            status: Status::Ok,
            ..Outcome::default()
        },
        attempts: Vec::new(),
        charges,
        bodies: None,
    }))
}

/// How many of 64 calls at once pass, and what is spent by the database in the end.
async fn rush(db: &Db, name: &str, limit: Value, need: Need) -> (usize, i64) {
    let mut budget = json!({"name": name, "period": "day"});
    budget
        .as_object_mut()
        .unwrap()
        .extend(limit.as_object().unwrap().clone());
    let clock = Clock::manual(NOON);
    let host = host(db, &clock);
    let first = Arc::new(
        Ledger::open(&config(budget.clone()), &host, "one")
            .await
            .unwrap(),
    );
    let second = match db {
        Db::Sqlite(_) => Arc::clone(&first),
        Db::Postgres(_) => Arc::new(
            Ledger::open(&config(budget.clone()), &host, "two")
                .await
                .unwrap(),
        ),
    };
    let calls = (0..64).map(|n| {
        let ledger = Arc::clone(if n % 2 == 0 { &first } else { &second });
        let (need, store, id) = (need.clone(), Store::new(db.clone()), format!("{name}-{n}"));
        tokio::spawn(async move {
            let held = ledger
                .reserve(&who(), &need, PATIENCE)
                .await
                .map_err(|error| error.reason)?;
            tokio::time::sleep(Duration::from_millis(3)).await;
            let charges = ledger.settle(
                held,
                Spent {
                    requests: 1,
                    tokens: TRUTH,
                    nano_usd: TRUTH as i64,
                },
            );
            store.apply(vec![ended(&id, charges)]).await.unwrap();
            Ok::<_, Reason>(())
        })
    });
    let outcomes = futures::future::join_all(calls.collect::<Vec<_>>()).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    let passed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(
        outcomes
            .iter()
            .all(|outcome| !matches!(outcome, Err(reason) if *reason != Reason::Used)),
        "{outcomes:?}"
    );

    // A hub that opens later sees the same.
    let later = Ledger::open(&config(budget), &host, "later").await.unwrap();
    let state = later.states(&who()).await.unwrap().remove(0);
    assert_eq!(state.in_flight, 0);
    assert!(later.reserve(&who(), &need, Duration::ZERO).await.is_err());
    host.tasks.drain(Duration::from_secs(5)).await;
    (
        passed,
        state
            .tokens
            .map(|level| level.spent)
            .or(state.requests.map(|level| level.spent * TRUTH as i64))
            .unwrap(),
    )
}

/// Runs the suite.
pub async fn suite(db: Db) {
    let projects = Projects::new(db.clone(), Clock::default());
    for project in ["llm-budget", "llm-budget-other"] {
        projects
            .create_project(&ProjectId::new(project).unwrap(), "")
            .await
            .unwrap();
    }
    projects
        .create_agent(&AgentId::new("ann").unwrap(), "")
        .await
        .unwrap();

    // Ten calls of 150 tokens of input and 50 of output.
    for (name, limit, likely, least) in [
        ("half", json!({"tokens": 2000}), 100, 76),
        ("half-max", json!({"tokens": 2000}), 100, 125),
        ("more", json!({"tokens": 2000}), 300, 151),
        ("more-max", json!({"tokens": 2000}), 300, 200),
        ("count", json!({"requests": 10}), 200, 200),
    ] {
        assert_eq!(
            rush(&db, name, limit, need(likely, least)).await,
            (10, 2000),
            "{name}"
        );
    }
    a_replay_charges_once(&db).await;
    what_is_dropped_is_given_back(&db).await;
    budgets_of_projects(&db).await;
    if matches!(db, Db::Postgres(_)) {
        tokio::join!(
            a_dead_hubs_reservations_expire(&db),
            a_live_hubs_reservations_are_renewed(&db)
        );
    }
}

async fn a_replay_charges_once(db: &Db) {
    let (clock, budget) = (
        Clock::manual(NOON),
        json!({"name": "replay", "requests": 5, "period": "month"}),
    );
    let host = host(db, &clock);
    let ledger = Ledger::open(&config(budget.clone()), &host, "one")
        .await
        .unwrap();
    let held = ledger.reserve(&who(), &need(1, 1), PATIENCE).await.unwrap();
    let event = ended(
        "replayed",
        ledger.settle(
            held,
            Spent {
                requests: 1,
                tokens: 1,
                nano_usd: 1,
            },
        ),
    );
    let store = Store::new(db.clone());
    for _ in 0..2 {
        store
            .apply(vec![event.clone(), event.clone()])
            .await
            .unwrap();
    }
    let ledger = Ledger::open(&config(budget), &host, "two").await.unwrap();
    assert_eq!(
        ledger.states(&who()).await.unwrap()[0]
            .requests
            .unwrap()
            .spent,
        1
    );
    host.tasks.drain(Duration::from_secs(5)).await;
}

async fn what_is_dropped_is_given_back(db: &Db) {
    let (clock, budget) = (
        Clock::manual(NOON),
        json!({"name": "drop", "requests": 1, "period": "total"}),
    );
    let host = host(db, &clock);
    let ledger = Ledger::open(&config(budget), &host, "one").await.unwrap();
    let held = ledger.reserve(&who(), &need(1, 1), PATIENCE).await.unwrap();
    let busy = ledger
        .reserve(&who(), &need(1, 1), Duration::from_millis(120))
        .await
        .unwrap_err();
    assert_eq!(busy.reason, Reason::Busy);
    drop(held);
    drop(ledger.reserve(&who(), &need(1, 1), PATIENCE).await.unwrap());
    host.tasks.drain(Duration::from_secs(5)).await;
}

async fn budgets_of_projects(db: &Db) {
    let (clock, own, other) = (
        Clock::manual(NOON),
        ProjectId::new("llm-budget").unwrap(),
        ProjectId::new("llm-budget-other").unwrap(),
    );
    let host = host(db, &clock);
    let ledger = Ledger::open(&[], &host, "one").await.unwrap();
    // Whatever project it names, it is the caller's own.
    let config = config(json!({"name": "mine", "requests": 0, "period": "day", "scope": {"project": "llm-budget-other"}})).remove(0);
    ledger.set(&own, config.clone()).await.unwrap();
    ledger
        .set(
            &own,
            BudgetConfig {
                requests: Some(1),
                ..config
            },
        )
        .await
        .unwrap();
    let foreign = Who {
        project: "llm-budget-other".into(),
        ..who()
    };
    assert_eq!(ledger.states(&foreign).await.unwrap(), []);
    assert_eq!(
        ledger.states(&who()).await.unwrap()[0]
            .requests
            .unwrap()
            .limit,
        1
    );
    assert!(!ledger.remove(&other, "mine").await.unwrap());
    assert!(ledger.remove(&own, "mine").await.unwrap());
    assert_eq!(ledger.states(&who()).await.unwrap(), []);
    host.tasks.drain(Duration::from_secs(5)).await;
}

async fn a_dead_hubs_reservations_expire(db: &Db) {
    let (clock, budget) = (
        Clock::manual(NOON),
        json!({"name": "dead", "requests": 1, "period": "day"}),
    );
    let host = host(db, &clock);
    let ledger = Ledger::open(&config(budget), &host, "one").await.unwrap();
    // As kill -9 does: it is neither settled nor given back.
    std::mem::forget(ledger.reserve(&who(), &need(1, 1), PATIENCE).await.unwrap());
    clock.advance(29_999);
    assert!(
        ledger
            .reserve(&who(), &need(1, 1), Duration::ZERO)
            .await
            .is_err()
    );
    clock.advance(1);
    drop(
        ledger
            .reserve(&who(), &need(1, 1), Duration::ZERO)
            .await
            .unwrap(),
    );
    host.tasks.drain(Duration::from_secs(5)).await;
}

async fn a_live_hubs_reservations_are_renewed(db: &Db) {
    let (clock, budget) = (
        Clock::manual(NOON),
        json!({"name": "alive", "requests": 1, "period": "day"}),
    );
    let (host, other) = (host(db, &clock), host(db, &clock));
    let ledger = Ledger::open(&config(budget.clone()), &host, "one")
        .await
        .unwrap();
    let held = ledger.reserve(&who(), &need(1, 1), PATIENCE).await.unwrap();
    clock.advance(29_000);
    // A hub renews every ten seconds.
    tokio::time::sleep(Duration::from_secs(11)).await;
    clock.advance(29_000);
    let second = Ledger::open(&config(budget), &other, "two").await.unwrap();
    let busy = second
        .reserve(&who(), &need(1, 1), Duration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(busy.reason, Reason::Busy);
    drop(held);
    drop(second.reserve(&who(), &need(1, 1), PATIENCE).await.unwrap());
    for host in [host, other] {
        host.tasks.drain(Duration::from_secs(5)).await;
    }
}
