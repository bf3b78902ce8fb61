//! Every store method of cicd, on whichever database is given.

use syndarix::{
    base::{
        clock::Clock,
        ids::{AgentId, ProjectId},
    },
    db::Db,
    project::{Projects, Scope},
    servers::cicd::{
        engine::{run::StepReport, workflow},
        model::Status,
        store::{NewRun, Store},
    },
};

const WORKFLOW: &str = "name: CI
jobs:
  a: { runs-on: x, steps: [ { run: one }, { id: two, run: two } ] }
  b: { runs-on: x, needs: a, steps: [ { run: three } ] }
";

fn new_run(id: &str, scope: &Scope, key: Option<&str>, owner: &str) -> NewRun {
    NewRun {
        id: id.to_owned(),
        scope: scope.clone(),
        workflow: ".github/workflows/ci.yml".to_owned(),
        repo: None,
        revision: Some("main".to_owned()),
        commit: Some("c0ffee".to_owned()),
        idempotency_key: key.map(str::to_owned),
        request_hash: "h".to_owned(),
        owner: owner.to_owned(),
    }
}

/// Runs the suite.
pub async fn suite(db: Db) {
    let projects = Projects::new(db.clone(), Clock::default());
    let scope = Scope {
        project: ProjectId::new("ci-store").unwrap(),
        agent: AgentId::new("ann").unwrap(),
    };
    let other = ProjectId::new("ci-other").unwrap();
    projects.create_project(&scope.project, "").await.unwrap();
    projects.create_project(&other, "").await.unwrap();
    let store = Store::new(db);
    let workflow = workflow::parse("ci.yml", WORKFLOW).unwrap();

    // Numbers count up; a key is taken once, and runs without a key do not meet.
    assert_eq!(
        store
            .queue(new_run("run_1", &scope, Some("k"), "me"), &workflow, 10)
            .await
            .unwrap(),
        Some(1)
    );
    assert_eq!(
        store
            .queue(new_run("run_2", &scope, Some("k"), "me"), &workflow, 11)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store
            .queue(new_run("run_3", &scope, None, "me"), &workflow, 12)
            .await
            .unwrap(),
        Some(2)
    );
    assert_eq!(
        store
            .queue(new_run("run_4", &scope, None, "dead"), &workflow, 13)
            .await
            .unwrap(),
        Some(3)
    );
    assert_eq!(
        store.by_key(&scope, "k").await.unwrap(),
        Some(("run_1".to_owned(), "h".to_owned()))
    );
    assert_eq!(store.by_key(&scope, "other").await.unwrap(), None);

    // Another project sees nothing.
    assert_eq!(store.run(&other, "run_1").await.unwrap(), None);
    assert!(!store.request_cancel(&other, "run_1").await.unwrap());

    // A run goes its way.
    store.start_run("run_1", 20).await.unwrap();
    store
        .move_job("run_1", 0, Status::Running, None, 21)
        .await
        .unwrap();
    let report = StepReport {
        exit_code: Some(3),
        outputs: [("o".to_owned(), "v".to_owned())].into(),
        ..StepReport::default()
    };
    store
        .move_step("run_1", (0, 0), Status::Running, StepReport::default(), 22)
        .await
        .unwrap();
    store
        .move_step("run_1", (0, 0), Status::Failure, report, 25)
        .await
        .unwrap();
    store
        .move_job("run_1", 0, Status::Failure, Some("why".to_owned()), 26)
        .await
        .unwrap();
    store
        .end_run("run_1", Status::Failure, None, 27)
        .await
        .unwrap();
    let run = store.run(&scope.project, "run_1").await.unwrap().unwrap();
    assert_eq!(
        (run.status, run.queued_ms, run.started_ms, run.ended_ms),
        (Status::Failure, 10, Some(20), Some(27))
    );
    assert_eq!(
        (run.name.as_deref(), run.commit.as_deref()),
        (Some("CI"), Some("c0ffee"))
    );
    let jobs = store.jobs("run_1").await.unwrap();
    assert_eq!(
        (jobs[0].status, jobs[0].message.as_deref()),
        (Status::Failure, Some("why"))
    );
    assert_eq!(
        (jobs[1].status, jobs[1].needs.as_slice()),
        (Status::Interrupted, ["a".to_owned()].as_slice())
    );
    let step = &jobs[0].steps[0];
    assert_eq!(
        (step.status, step.exit_code, step.duration_ms),
        (Status::Failure, Some(3), Some(3))
    );
    assert_eq!(
        (step.outputs["o"].as_str(), jobs[0].steps[1].id.as_deref()),
        ("v", Some("two"))
    );

    // A final status stays.
    store
        .move_job("run_1", 0, Status::Success, None, 30)
        .await
        .unwrap();
    store
        .end_run("run_1", Status::Success, None, 30)
        .await
        .unwrap();
    assert_eq!(
        store
            .run(&scope.project, "run_1")
            .await
            .unwrap()
            .unwrap()
            .status,
        Status::Failure
    );
    assert_eq!(
        store.jobs("run_1").await.unwrap()[0].status,
        Status::Failure
    );
    assert!(!store.request_cancel(&scope.project, "run_1").await.unwrap());

    // The owner hears of a cancellation with its next beat.
    assert_eq!(store.renew("me", 40).await.unwrap(), Vec::<String>::new());
    assert!(store.request_cancel(&scope.project, "run_3").await.unwrap());
    assert_eq!(store.renew("me", 41).await.unwrap(), ["run_3"]);
    store
        .end_run("run_3", Status::Cancelled, None, 42)
        .await
        .unwrap();
    assert_eq!(
        store.jobs("run_3").await.unwrap()[0].status,
        Status::Cancelled
    );

    // What a dead process left is ended, once its lease is over.
    assert_eq!(
        store.interrupt("me", 13, 50).await.unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(store.interrupt("me", 14, 50).await.unwrap(), ["run_4"]);
    let run = store.run(&scope.project, "run_4").await.unwrap().unwrap();
    assert_eq!((run.status, run.ended_ms), (Status::Interrupted, Some(50)));
    assert!(
        store
            .jobs("run_4")
            .await
            .unwrap()
            .iter()
            .all(|job| job.status == Status::Interrupted)
    );
}
