//! The tracker's store, on either database.

mod claims;

use syndarix::{
    base::ids::{AgentId, ProjectId},
    db::Db,
    project::{Projects, Scope},
    servers::issues::{
        model::{Fields, Filter, Kind, Once, Patch, Sort, State},
        store::{IssueStore, NewComment, NewIssue, Update},
    },
    tool::ToolError,
};

/// Every promise of the store that a database could break.
pub async fn suite(db: Db) {
    let projects = Projects::new(db.clone(), syndarix::base::clock::Clock::default());
    for project in ["iss-a", "iss-b", "iss-race"] {
        let id = ProjectId::new(project).unwrap();
        projects.create_project(&id, "").await.unwrap();
    }
    let store = IssueStore::new(db);
    numbers_and_history(&store).await;
    keys(&store).await;
    versions(&store).await;
    lists(&store).await;
    claims::leases(&store).await;
    claims::races(&store).await;
}

fn scope(project: &str, agent: &str) -> Scope {
    Scope {
        project: ProjectId::new(project).unwrap(),
        agent: AgentId::new(agent).unwrap(),
    }
}

fn issue(title: &str, priority: u8) -> NewIssue {
    let fields = Fields {
        title: title.into(),
        body: String::new(),
        kind: Kind::Task,
        priority,
        state: State::Open,
        labels: vec![],
        assignees: vec![],
    };
    NewIssue { fields, once: None }
}

fn once(key: &str, body: &str) -> Option<Once> {
    Some(Once {
        key: key.into(),
        body_hash: body.into(),
    })
}

fn code<T: std::fmt::Debug>(result: Result<T, ToolError>) -> &'static str {
    result.unwrap_err().code.as_str()
}

async fn numbers_and_history(store: &IssueStore) {
    let ann = scope("iss-a", "ann");
    assert_eq!(store.create(&ann, issue("one", 2), 1).await.unwrap(), 1);
    assert_eq!(
        store
            .create(&scope("iss-b", "eve"), issue("theirs", 2), 1)
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.create(&ann, issue("two", 2), 2).await.unwrap(), 2);
    assert!(store.get("iss-b", 2).await.unwrap().is_none());
    let change = Update {
        number: 1,
        patch: Patch {
            title: Some("uno".into()),
            state: Some(State::Done),
            add_labels: vec!["x".into()],
            ..Patch::default()
        },
        ..Update::default()
    };
    let done = store.update(&ann, change.clone(), 3).await.unwrap();
    assert_eq!(
        (done.version, done.changed),
        (2, vec!["title", "state", "labels"])
    );
    assert!(
        store
            .update(&ann, change, 4)
            .await
            .unwrap()
            .changed
            .is_empty()
    );
    let row = store.get("iss-a", 1).await.unwrap().unwrap();
    assert_eq!(
        (row.version, row.updated_ms, row.closed_ms),
        (2, 3, Some(3))
    );
    let history = store.history(&row.id, 10).await.unwrap();
    let seen: Vec<_> = history
        .iter()
        .map(|e| (e.seq, e.field.as_str(), e.new.as_deref()))
        .collect();
    let expected = [
        (1, "created", Some("one")),
        (3, "title", Some("uno")),
        (4, "state", Some("done")),
        (5, "labels", Some(r#"["x"]"#)),
    ];
    assert_eq!(seen, expected);
}

async fn keys(store: &IssueStore) {
    let ann = scope("iss-a", "ann");
    let new = |key, body| NewIssue {
        once: once(key, body),
        ..issue("keyed", 2)
    };
    let first = store.create(&ann, new("k", "b"), 5).await.unwrap();
    assert_eq!(store.create(&ann, new("k", "b"), 6).await.unwrap(), first);
    assert_eq!(
        code(store.create(&ann, new("k", "other"), 6).await),
        "invalid_argument"
    );
    assert_eq!(
        store
            .create(&scope("iss-a", "bea"), new("k", "b"), 6)
            .await
            .unwrap(),
        first + 1
    );
    // Twins at the same time: one does the work, all get its answer.
    let twins = (0..8).map(|_| store.create(&ann, new("twin", "b"), 7));
    let numbers: Vec<i64> = futures::future::try_join_all(twins).await.unwrap();
    assert!(numbers.iter().all(|&n| n == first + 2), "{numbers:?}");

    let comment = |body: &str| NewComment {
        number: 1,
        body: body.into(),
        reply_to: None,
        claim_token: None,
        once: once("c", body),
    };
    let said = store.comment(&ann, comment("x"), 8).await.unwrap();
    assert_eq!(store.comment(&ann, comment("x"), 9).await.unwrap(), said);
    assert_eq!(
        code(store.comment(&ann, comment("y"), 9).await),
        "invalid_argument"
    );
    let row = store.get("iss-a", 1).await.unwrap().unwrap();
    assert_eq!((row.comments, row.version), (1, 3));
    assert_eq!(
        store.comments(&row.id, None, 10).await.unwrap()[0].id,
        said.comment_id
    );
    assert!(
        store
            .comments(&row.id, Some(&said.comment_id), 10)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn versions(store: &IssueStore) {
    let ann = scope("iss-a", "ann");
    let number = store.create(&ann, issue("contended", 2), 10).await.unwrap();
    let tries = (0..8).map(|n| {
        let change = Update {
            number,
            expected_version: Some(1),
            patch: Patch {
                title: Some(format!("by {n}")),
                ..Patch::default()
            },
            ..Update::default()
        };
        store.update(&ann, change, 11)
    });
    let done = futures::future::join_all(tries).await;
    assert_eq!(
        done.iter().filter(|r| r.is_ok()).count(),
        1,
        "one writer of version 1 wins"
    );
    assert!(
        done.into_iter()
            .filter_map(Result::err)
            .all(|e| e.code.as_str() == "precondition_failed")
    );
    let missing = Update {
        number: 999,
        ..Update::default()
    };
    assert_eq!(code(store.update(&ann, missing, 11).await), "not_found");
}

async fn lists(store: &IssueStore) {
    let bea = scope("iss-b", "bea");
    for n in 0..5_u8 {
        let mut new = issue(&format!("Page {n}_%"), n % 2);
        new.fields.labels = vec!["l".into(), format!("n{n}")];
        new.fields.assignees = vec!["bea".into()];
        store
            .create(&bea, new, 100 + i64::from(n / 2))
            .await
            .unwrap();
    }
    let filter = Filter {
        states: vec![State::Open, State::InProgress],
        labels: vec!["l".into()],
        assignee: Some("bea".into()),
        kind: Some(Kind::Task),
        text: Some("pAGE".into()),
        ..Filter::default()
    };
    for (sort, expected) in [
        (Sort::Updated, [6, 5, 4, 3, 2]),
        (Sort::Created, [6, 5, 4, 3, 2]),
        (Sort::Priority, [2, 4, 6, 3, 5]),
    ] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store
                .list("iss-b", &filter, (sort, after, 2), 200)
                .await
                .unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.place(sort));
            seen.extend(page.iter().map(|item| item.number));
        }
        assert_eq!(seen, expected, "{sort:?}");
    }
    let literal = Filter {
        text: Some("0_%".into()),
        ..Filter::default()
    };
    assert_eq!(
        store
            .list("iss-b", &literal, (Sort::Created, None, 9), 200)
            .await
            .unwrap()
            .len(),
        1
    );
    let two = Filter {
        labels: vec!["l".into(), "n3".into()],
        priority: Some(1),
        ..Filter::default()
    };
    assert_eq!(
        store
            .list("iss-b", &two, (Sort::Created, None, 9), 200)
            .await
            .unwrap()[0]
            .number,
        5
    );
}
