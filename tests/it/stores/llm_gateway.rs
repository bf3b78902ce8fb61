//! Every store method of llm-gateway, on whichever database is given.

use syndarix::{
    base::{
        clock::Clock,
        ids::{AgentId, ProjectId},
    },
    db::Db,
    project::{Projects, Scope},
    servers::llm_gateway::{
        engine::provider::Usage,
        store::{End, Group, NewRequest, Store},
    },
};

const DAY: i64 = 86_400_000;

fn new_request(id: &str, scope: &Scope, model: &str, owner: &str, started_ms: i64) -> NewRequest {
    NewRequest {
        id: id.to_owned(),
        scope: scope.clone(),
        kind: "chat",
        model: model.to_owned(),
        provider: "p".to_owned(),
        upstream: "u".to_owned(),
        simulated: false,
        owner: owner.to_owned(),
        started_ms,
    }
}

fn end(status: &'static str, input: Option<u64>, cost_nanousd: Option<i64>) -> End {
    let usage = Usage {
        input,
        output: input.map(|n| n * 2),
        ..Usage::default()
    };
    End {
        status,
        code: None,
        usage,
        cost_nanousd,
        duration_ms: 5,
        first_token_ms: Some(2),
    }
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

    store
        .start(new_request("req_1", &ann, "m1", "me", DAY))
        .await
        .unwrap();
    store
        .start(new_request("req_2", &ann, "m2", "me", DAY + 1))
        .await
        .unwrap();
    store
        .start(new_request("req_3", &bea, "m1", "me", 2 * DAY))
        .await
        .unwrap();
    store
        .start(new_request("req_4", &eve, "m1", "me", DAY))
        .await
        .unwrap();
    store
        .start(new_request("req_5", &bea, "m1", "dead", 2 * DAY))
        .await
        .unwrap();
    store
        .end("req_1".into(), end("ok", Some(10), Some(700)))
        .await
        .unwrap();
    store
        .end("req_2".into(), end("ok", None, None))
        .await
        .unwrap();
    store
        .end("req_3".into(), end("error", None, None))
        .await
        .unwrap();
    store
        .end("req_4".into(), end("ok", Some(99), Some(99)))
        .await
        .unwrap();
    // The first end stays.
    store
        .end("req_1".into(), end("cancelled", None, None))
        .await
        .unwrap();

    // What a dead process left is over, and counts as failed.
    assert_eq!(store.abort("me", 2 * DAY).await.unwrap(), 0);
    assert_eq!(store.abort("me", 2 * DAY + 1).await.unwrap(), 1);

    let all = (0, i64::MAX);
    let sums = store.sums(&ann.project, &[], all, None, 10).await.unwrap();
    assert_eq!(sums.len(), 1);
    let sum = &sums[0];
    assert_eq!((sum.requests, sum.failed, sum.unpriced), (4, 2, 1));
    assert_eq!((sum.input, sum.output, sum.cost_nanousd), (10, 20, 700));

    let keys = |sums: Vec<syndarix::servers::llm_gateway::store::Sum>| {
        sums.into_iter()
            .map(|sum| (sum.key.replace('\n', " "), sum.requests))
            .collect::<Vec<_>>()
    };
    let groups = [Group::Agent, Group::Model, Group::Day];
    let sums = store
        .sums(&ann.project, &groups, all, None, 2)
        .await
        .unwrap();
    let after = sums[1].key.clone();
    assert_eq!(
        keys(sums),
        [("ann m1 1 ".to_owned(), 1), ("ann m2 1 ".to_owned(), 1)]
    );
    let rest = store
        .sums(&ann.project, &groups, all, Some(&after), 2)
        .await
        .unwrap();
    assert_eq!(keys(rest), [("bea m1 2 ".to_owned(), 2)]);

    let early = store
        .sums(
            &ann.project,
            &[Group::Project, Group::Provider],
            (0, DAY + 1),
            None,
            10,
        )
        .await
        .unwrap();
    assert_eq!(keys(early), [("llm-store p ".to_owned(), 1)]);
    assert!(
        store
            .sums(&ann.project, &[], (0, 1), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}
