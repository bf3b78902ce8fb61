//! Pull requests, reviews, rules, checks, remotes and credentials.

use syndarix::{
    base::ids::{ProjectId, RepoName},
    db::Db,
    project::Projects,
    servers::git::{
        model::{CheckState, Method, PullState, Rule, Verdict},
        store::{
            Close, CredentialRow, GitStore, NewPull, NewReview, Patch, PullFilter, Remark,
            RemoteRow, RepoKey,
        },
    },
};

fn key(project: &str, repo: &str) -> RepoKey {
    RepoKey {
        project: ProjectId::new(project).unwrap(),
        repo: RepoName::new(repo).unwrap(),
    }
}

fn new(source: &str) -> NewPull {
    NewPull {
        title: format!("100% of {source}"),
        body: "why".into(),
        draft: false,
        source: source.into(),
        target: "main".into(),
        author: "ann".into(),
    }
}

fn close(commit: &str) -> Close {
    Close {
        merge_commit: commit.into(),
        merged_by: "bea".into(),
        method: Method::Squash,
        head: "h".into(),
        base: "b".into(),
    }
}

pub async fn suite(db: Db) {
    let projects = Projects::new(db.clone(), syndarix::base::clock::Clock::System);
    for project in ["git-a", "git-b"] {
        let id = ProjectId::new(project).unwrap();
        projects.create_project(&id, "").await.unwrap();
    }
    let store = GitStore::new(db);
    pulls(&store).await;
    landing(&store).await;
    said(&store).await;
    elsewhere(&store).await;
}

async fn pulls(store: &GitStore) {
    let own = key("git-a", "main");
    // Numbers have no gaps, also where one was refused; each repository has its own.
    let first = store.open_pull(&own, new("x"), 1).await.unwrap().unwrap();
    assert_eq!(
        store.open_pull(&own, new("x"), 2).await.unwrap(),
        Err(first.number)
    );
    let second = store.open_pull(&own, new("y"), 3).await.unwrap().unwrap();
    let other = store
        .open_pull(&key("git-a", "docs"), new("x"), 3)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((first.number, second.number, other.number), (1, 2, 1));
    assert_eq!(store.pull(&key("git-b", "main"), 1).await.unwrap(), None);
    let numbers = async |filter: PullFilter, after| {
        let rows = store.pulls(&own, &filter, after, 10).await.unwrap();
        rows.iter().map(|row| row.number).collect::<Vec<_>>()
    };
    let all = PullFilter::default;
    assert_eq!(numbers(all(), None).await, [2, 1]);
    assert_eq!(numbers(all(), Some((3, 2))).await, [1]);
    let text = |text: &str| PullFilter {
        text: Some(text.into()),
        ..PullFilter::default()
    };
    assert_eq!(numbers(text("% OF x"), None).await, [1]);
    assert_eq!(
        numbers(text("1_0"), None).await,
        [0_i64; 0],
        "a pattern's signs are text"
    );
    let merged = PullFilter {
        state: Some("merged"),
        ..PullFilter::default()
    };
    assert_eq!(numbers(merged, None).await, [0_i64; 0]);
    // A change needs the version that was read; a closed one can be opened again, but not beside another.
    let closing = Patch {
        state: Some(PullState::Closed),
        ends: Some(("h".into(), "b".into())),
        ..Patch::default()
    };
    assert_eq!(
        store
            .patch_pull(&own, (1, 9), closing.clone(), 4)
            .await
            .unwrap(),
        None
    );
    let closed = store
        .patch_pull(&own, (1, 1), closing, 4)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            closed.state().unwrap(),
            closed.closed_ms,
            closed.head.as_deref()
        ),
        (PullState::Closed, Some(4), Some("h"))
    );
    let again = Patch {
        state: Some(PullState::Open),
        draft: Some(true),
        ..Patch::default()
    };
    let open = store
        .patch_pull(&own, (1, 2), again, 5)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((open.draft, open.closed_ms, open.head), (true, None, None));
}

async fn landing(store: &GitStore) {
    let own = key("git-a", "main");
    let row = store.pull(&own, 2).await.unwrap().unwrap();
    assert!(
        !store
            .begin_landing(&own, (2, row.version + 1), close("c"))
            .await
            .unwrap()
    );
    assert!(
        store
            .begin_landing(&own, (2, row.version), close("c"))
            .await
            .unwrap()
    );
    let back = store.end_landing(&own, 2, false, 6).await.unwrap().unwrap();
    assert_eq!(
        (back.state().unwrap(), &back.landing, &back.merged_by),
        (PullState::Open, &None, &None)
    );
    assert!(
        store
            .begin_landing(&own, (2, back.version), close("d"))
            .await
            .unwrap()
    );
    let merged = store.end_landing(&own, 2, true, 7).await.unwrap().unwrap();
    assert_eq!(
        (
            merged.state().unwrap(),
            merged.merge_commit.as_deref(),
            merged.method().unwrap()
        ),
        (PullState::Merged, Some("d"), Some(Method::Squash))
    );
    assert_eq!(store.end_landing(&own, 2, true, 8).await.unwrap(), None);
    let patch = Patch::default();
    assert_eq!(
        store
            .patch_pull(&own, (2, merged.version), patch, 9)
            .await
            .unwrap(),
        None
    );
}

async fn said(store: &GitStore) {
    let own = key("git-a", "main");
    for verdict in [Verdict::RequestChanges, Verdict::Approve] {
        let review = NewReview {
            number: 1,
            agent: "bea".into(),
            verdict,
            body: String::new(),
            head: "h".into(),
            remarks: vec![Remark {
                path: "a.txt".into(),
                line: Some(3),
                body: "why?".into(),
            }],
        };
        store.add_review(&own, review, 10).await.unwrap();
    }
    let reviews = store.reviews(&own, 1).await.unwrap();
    let verdicts: Vec<_> = reviews.iter().map(|one| one.verdict().unwrap()).collect();
    assert_eq!(verdicts, [Verdict::RequestChanges, Verdict::Approve]);
    let remarks = store.remarks(&own, 1).await.unwrap();
    assert_eq!((remarks.len(), remarks[0].line), (2, Some(3)));
    assert!(
        store
            .reviews(&key("git-b", "main"), 1)
            .await
            .unwrap()
            .is_empty()
    );

    let rule = |approvals| Rule {
        pattern: "release/*".into(),
        approvals,
        checks: vec!["build".into()],
    };
    store.set_rule(&own, rule(1), "ann", 1).await.unwrap();
    store.set_rule(&own, rule(2), "ann", 2).await.unwrap();
    assert_eq!(store.rules(&own).await.unwrap(), [rule(2)]);
    assert!(
        rule(2).covers("release/1") && !rule(2).covers("release/1/x") && !rule(2).covers("main")
    );
    assert!(store.rules(&key("git-b", "main")).await.unwrap().is_empty());
    assert!(store.remove_rule(&own, "release/*").await.unwrap());
    assert!(!store.remove_rule(&own, "release/*").await.unwrap());

    for state in [CheckState::Pending, CheckState::Failure] {
        store
            .set_status(&own, "c1", ("build", state, "run_1"), "ann", 3)
            .await
            .unwrap();
    }
    let statuses = store.statuses(&own, "c1").await.unwrap();
    assert_eq!(
        (statuses.len(), statuses[0].state().unwrap()),
        (1, CheckState::Failure)
    );
    assert!(
        store
            .statuses(&key("git-b", "main"), "c1")
            .await
            .unwrap()
            .is_empty()
    );
}

async fn elsewhere(store: &GitStore) {
    let own = key("git-a", "main");
    let remote = |url: &str| RemoteRow {
        name: "origin".into(),
        url: url.into(),
        credential: None,
    };
    assert!(
        !store
            .set_remote(&own, remote("a"), false, "ann", 1)
            .await
            .unwrap()
    );
    assert!(
        store
            .set_remote(&own, remote("a"), true, "ann", 1)
            .await
            .unwrap()
    );
    assert!(
        !store
            .set_remote(&own, remote("b"), true, "ann", 1)
            .await
            .unwrap()
    );
    assert!(
        store
            .set_remote(&own, remote("b"), false, "ann", 1)
            .await
            .unwrap()
    );
    assert_eq!(store.remotes(&own).await.unwrap(), [remote("b")]);
    assert!(
        store
            .remotes(&key("git-b", "main"))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.remove_remote(&own, "origin").await.unwrap());
    assert!(!store.remove_remote(&own, "origin").await.unwrap());

    let credential = |sealed: &str| CredentialRow {
        name: "forge".into(),
        host: "forge.example".into(),
        username: "bot".into(),
        kind: if sealed == "s2" {
            "ssh_key"
        } else {
            "password"
        }
        .into(),
        sealed: sealed.into(),
        fingerprint: (sealed == "s2").then(|| "SHA256:x".into()),
    };
    for sealed in ["s1", "s2"] {
        store
            .set_credential(&own.project, credential(sealed), "ann", 1)
            .await
            .unwrap();
    }
    assert_eq!(
        store.credentials(&own.project).await.unwrap(),
        [credential("s2")]
    );
    let stranger = ProjectId::new("git-b").unwrap();
    assert!(store.credentials(&stranger).await.unwrap().is_empty());
    assert!(!store.remove_credential(&stranger, "forge").await.unwrap());
    assert!(
        store
            .remove_credential(&own.project, "forge")
            .await
            .unwrap()
    );
}
