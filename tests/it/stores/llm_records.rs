//! The log of requests: what is written down once stays as it is, however often it is told.

use jiff::tz::TimeZone;
use syndarix::{
    base::{clock::Clock, ids::ProjectId},
    db::Db,
    project::Projects,
    servers::llm_gateway::{
        engine::chat::Usage,
        record::{Attempt, Began, Bodies, CostSource, Ended, Event, Kind, Outcome, Status},
        store::{Group, Store, Sum},
    },
};

const HOUR: i64 = 3_600_000;
/// 2026-03-29, 00:00 UTC: in Berlin the day has 23 hours.
const SPRING: i64 = 1_774_742_400_000;

fn began(id: &str, project: &str, started_ms: i64) -> Began {
    Began {
        id: id.into(),
        project: project.into(),
        agent: "ann".into(),
        token: "tok".into(),
        kind: Kind::Chat,
        model: "m".into(),
        route: None,
        dialect: None,
        stream: false,
        idempotency_hash: None,
        owner: "own".into(),
        started_ms,
    }
}

fn ended(began: Began, status: Status, cost_nanousd: Option<i64>) -> Event {
    Event::Ended(Box::new(Ended {
        began,
        outcome: Outcome {
            status,
            provider: "p".into(),
            upstream_model: "u".into(),
            usage: Usage {
                input: Some(10),
                cached: Some(4),
                written: Some(3),
                output: Some(5),
                reasoning: Some(2),
                written_1h: None,
            },
            cost_nanousd,
            cost_source: CostSource::Table,
            ..Outcome::default()
        },
        attempts: vec![Attempt {
            provider: "p".into(),
            status,
            ..Attempt::default()
        }],
        charges: Vec::new(),
        bodies: Some(Bodies {
            request: Some("{}".into()),
            response: None,
        }),
    }))
}

/// Runs the suite.
pub async fn suite(db: Db) {
    let projects = Projects::new(db.clone(), Clock::default());
    let project = ProjectId::new("llm-log").unwrap();
    projects.create_project(&project, "").await.unwrap();
    let (store, utc) = (Store::new(db), TimeZone::UTC);
    let total = async || -> Sum {
        let mut sums = store
            .sums(&project, (&[], &utc), (0, i64::MAX), None, 10)
            .await
            .unwrap();
        sums.pop().unwrap_or_else(|| panic!("nothing is counted"))
    };
    let at = |hours: i64| SPRING + hours * HOUR;

    // In one batch or in two, told once or more often: it is one request. Those of unknown projects hold nothing up.
    let one = began("log-1", "llm-log", at(0));
    let two = began("log-2", "llm-log", at(1));
    let first = vec![
        Event::Began(one.clone()),
        ended(one.clone(), Status::Ok, Some(700)),
        Event::Began(two.clone()),
        ended(began("log-lost", "llm-gone", at(0)), Status::Ok, Some(1)),
    ];
    store.apply(first.clone()).await.unwrap();
    assert_eq!(
        total().await.requests,
        1,
        "what has not ended is not counted"
    );
    assert_eq!(
        store
            .find(&project, "log-2")
            .await
            .unwrap()
            .unwrap()
            .request
            .status,
        "started"
    );
    let second = vec![
        ended(two.clone(), Status::Error, None),
        ended(one.clone(), Status::Cancelled, Some(9)),
    ];
    for batch in [second.clone(), first, second] {
        store.apply(batch).await.unwrap();
    }
    let sum = total().await;
    assert_eq!(
        (sum.requests, sum.failed, sum.unpriced, sum.cost_nanousd),
        (2, 1, 0, 700)
    );
    assert_eq!(
        (
            sum.input_tokens,
            sum.cached_tokens,
            sum.written_tokens,
            sum.output_tokens,
            sum.reasoning_tokens
        ),
        (20, 8, 6, 10, 4)
    );
    let found = store.find(&project, "log-1").await.unwrap().unwrap();
    assert_eq!(
        (found.request.status.as_str(), found.attempts.len()),
        ("ok", 1)
    );
    assert_eq!(found.bodies, Some((Some("{}".to_owned()), None)));
    assert_eq!(
        store
            .find(&ProjectId::new("llm-gone").unwrap(), "log-1")
            .await
            .unwrap(),
        None
    );

    // Who was taken for dead has failed; when its end comes to light after all, that counts instead.
    store
        .apply(vec![Event::Began(began("log-3", "llm-log", at(30)))])
        .await
        .unwrap();
    assert_eq!(store.abort("other", i64::MAX).await.unwrap(), 1);
    assert_eq!((total().await.requests, total().await.failed), (3, 2));
    store
        .apply(vec![ended(
            began("log-3", "llm-log", at(30)),
            Status::Ok,
            Some(50),
        )])
        .await
        .unwrap();
    let sum = total().await;
    assert_eq!((sum.requests, sum.failed, sum.cost_nanousd), (3, 1, 750));

    // Days of Berlin: the 29th begins at 23:00 UTC and has 23 hours; 22:00 UTC of the 29th is the 30th.
    store
        .apply(vec![ended(
            began("log-4", "llm-log", at(21)),
            Status::Ok,
            None,
        )])
        .await
        .unwrap();
    store
        .apply(vec![ended(
            began("log-5", "llm-log", at(22)),
            Status::Ok,
            Some(1),
        )])
        .await
        .unwrap();
    store
        .apply(vec![ended(
            began("log-6", "llm-log", at(-1)),
            Status::Ok,
            Some(1),
        )])
        .await
        .unwrap();
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let days = store
        .sums(&project, (&[Group::Day], &berlin), (0, i64::MAX), None, 10)
        .await
        .unwrap();
    let days: Vec<_> = days
        .iter()
        .map(|sum| (sum.key.trim(), sum.requests))
        .collect();
    assert_eq!(days, [("20541", 4), ("20542", 2)]);
    let hours = store
        .sums(
            &project,
            (&[Group::Token, Group::Hour], &utc),
            (at(21), at(23)),
            None,
            10,
        )
        .await
        .unwrap();
    let hours: Vec<_> = hours
        .iter()
        .map(|sum| (sum.key.replace('\n', " "), sum.unpriced))
        .collect();
    assert_eq!(
        hours,
        [
            (format!("tok {} ", at(21)), 1),
            (format!("tok {} ", at(22)), 0)
        ]
    );

    // What is old goes, with all that belongs to it; the sums stay.
    assert_eq!(store.prune(at(1)).await.unwrap(), 2);
    assert_eq!(store.find(&project, "log-1").await.unwrap(), None);
    assert_eq!(total().await.requests, 6);
}
