//! Every store method of llm-gateway, on whichever database is given.

use jiff::tz::TimeZone;
use syndarix::{
    base::{
        clock::Clock,
        ids::{AgentId, ProjectId},
    },
    db::Db,
    project::{Projects, Scope},
    servers::llm_gateway::{
        engine::chat::Usage,
        record::{Began, Ended, Event, Kind, Outcome, Status},
        store::{Group, Store},
    },
};

const DAY: i64 = 86_400_000;

fn began(id: &str, scope: &Scope, model: &str, owner: &str, started_ms: i64) -> Began {
    Began {
        id: id.into(),
        project: scope.project.as_str().into(),
        agent: scope.agent.as_str().into(),
        token: "tok".into(),
        kind: Kind::Chat,
        model: model.into(),
        route: None,
        dialect: None,
        stream: false,
        idempotency_hash: None,
        owner: owner.into(),
        started_ms,
    }
}

fn ended(began: &Began, status: Status, input: Option<u64>, cost_nanousd: Option<i64>) -> Event {
    let usage = Usage {
        input,
        output: input.map(|n| n * 2),
        ..Usage::default()
    };
    let outcome = Outcome {
        status,
        usage,
        cost_nanousd,
        provider: "p".into(),
        ..Outcome::default()
    };
    Event::Ended(Box::new(Ended {
        began: began.clone(),
        outcome,
        attempts: Vec::new(),
        charges: Vec::new(),
        bodies: None,
    }))
}

/// Runs the suite.
pub async fn suite(db: Db) {
    let projects = Projects::new(db.clone(), Clock::default());
    let scope = |project: &str, agent: &str| Scope {
        project: ProjectId::new(project).unwrap(),
        agent: AgentId::new(agent).unwrap(),
    };
    let (ann, bea, eve) = (
        scope("llm-store", "ann"),
        scope("llm-store", "bea"),
        scope("llm-other", "eve"),
    );
    projects.create_project(&ann.project, "").await.unwrap();
    projects.create_project(&eve.project, "").await.unwrap();
    let store = Store::new(db);

    let requests = [
        began("req_1", &ann, "m1", "me", DAY),
        began("req_2", &ann, "m2", "me", DAY + 1),
        began("req_3", &bea, "m1", "me", 2 * DAY),
        began("req_4", &eve, "m1", "me", DAY),
        began("req_5", &bea, "m1", "dead", 2 * DAY),
    ];
    let starts: Vec<_> = requests.iter().cloned().map(Event::Began).collect();
    store.apply(starts).await.unwrap();
    let [one, two, three, four, _] = &requests;
    let ends = vec![
        ended(one, Status::Ok, Some(10), Some(700)),
        ended(two, Status::Ok, None, None),
        ended(three, Status::Error, None, None),
        ended(four, Status::Ok, Some(99), Some(99)),
    ];
    store.apply(ends).await.unwrap();
    // The first end stays.
    let again = vec![ended(one, Status::Cancelled, None, None)];
    store.apply(again).await.unwrap();

    // What a dead process left is over, and counts as failed.
    assert_eq!(store.abort("me", 2 * DAY).await.unwrap(), 0);
    assert_eq!(store.abort("me", 2 * DAY + 1).await.unwrap(), 1);

    let (all, utc) = ((0, i64::MAX), TimeZone::UTC);
    let sums = store
        .sums(&ann.project, (&[], &utc), all, None, 10)
        .await
        .unwrap();
    assert_eq!(sums.len(), 1);
    let sum = &sums[0];
    assert_eq!((sum.requests, sum.failed, sum.unpriced), (4, 2, 1));
    assert_eq!(
        (sum.input_tokens, sum.output_tokens, sum.cost_nanousd),
        (10, 20, 700)
    );

    let keys = |sums: Vec<syndarix::servers::llm_gateway::store::Sum>| {
        sums.into_iter()
            .map(|sum| (sum.key.replace('\n', " "), sum.requests))
            .collect::<Vec<_>>()
    };
    let groups = [Group::Agent, Group::Model, Group::Day];
    let sums = store
        .sums(&ann.project, (&groups, &utc), all, None, 2)
        .await
        .unwrap();
    let after = sums[1].key.clone();
    assert_eq!(
        keys(sums),
        [("ann m1 1 ".to_owned(), 1), ("ann m2 1 ".to_owned(), 1)]
    );
    let rest = store
        .sums(&ann.project, (&groups, &utc), all, Some(&after), 2)
        .await
        .unwrap();
    assert_eq!(keys(rest), [("bea m1 2 ".to_owned(), 2)]);

    let early = store
        .sums(
            &ann.project,
            (&[Group::Project, Group::Provider], &utc),
            (0, DAY),
            None,
            10,
        )
        .await
        .unwrap();
    assert_eq!(keys(early), []);
    assert!(
        store
            .sums(&ann.project, (&[], &utc), (0, 1), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}
