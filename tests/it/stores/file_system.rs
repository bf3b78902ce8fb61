//! Every store method of the file system, on whichever database is given.

use syndarix::{
    base::{
        beneath::RelPath,
        clock::Clock,
        ids::{AgentId, ProjectId, RepoName},
    },
    db::Db,
    project::{Projects, Scope},
    servers::file_system::store::{Acquired, LeaseStore, MOST_LEASES, NewLease},
};

fn wanted(agent: &str, path: &str, purpose: Option<&str>, expires_ms: i64) -> NewLease {
    NewLease {
        scope: Scope {
            project: ProjectId::new("fs-store").unwrap(),
            agent: AgentId::new(agent).unwrap(),
        },
        repo: RepoName::new("main").unwrap(),
        path: RelPath::parse(path).unwrap(),
        purpose: purpose.map(str::to_owned),
        expires_ms,
    }
}

/// Runs the suite.
pub async fn suite(db: Db) {
    let projects = Projects::new(db.clone(), Clock::default());
    let ann = wanted("ann", ".", None, 0).scope;
    let other = ProjectId::new("fs-other").unwrap();
    projects.create_project(&ann.project, "").await.unwrap();
    projects.create_project(&other, "").await.unwrap();
    let store = LeaseStore::new(db);
    let repo = RepoName::new("main").unwrap();

    let taken = store
        .acquire(wanted("ann", "src/a", Some("rewrite"), 100), 0)
        .await
        .unwrap();
    let Acquired::Taken(lease) = taken else {
        panic!("{taken:?}")
    };
    assert_eq!(
        (lease.path.as_str(), lease.holder.as_str()),
        ("src/a", "ann")
    );
    for path in ["src/a", "src/a/b", "src", "."] {
        let held = store.acquire(wanted("bea", path, None, 100), 0).await;
        assert_eq!(held.unwrap(), Acquired::Held(lease.clone()), "{path}");
    }
    let beside = store.acquire(wanted("bea", "src/ab", None, 100), 0).await;
    assert!(matches!(beside.unwrap(), Acquired::Taken(_)));
    // Extended: the purpose stays unless another is given.
    let again = store.acquire(wanted("ann", "src/a", None, 200), 50).await;
    let extended = syndarix::servers::file_system::model::Lease {
        expires_ms: 200,
        ..lease
    };
    assert_eq!(again.unwrap(), Acquired::Taken(extended.clone()));
    let live = |now| store.live(&ann.project, &repo, now);
    assert_eq!(live(150).await.unwrap(), [extended]);
    assert_eq!(store.live(&other, &repo, 0).await.unwrap(), []);
    let elsewhere = RepoName::new("docs").unwrap();
    assert_eq!(store.live(&ann.project, &elsewhere, 0).await.unwrap(), []);

    let src = RelPath::parse("src/a").unwrap();
    let bea = wanted("bea", ".", None, 0).scope;
    assert!(!store.release(&bea, &repo, &src).await.unwrap(), "not hers");
    assert!(store.release(&ann, &repo, &src).await.unwrap());
    assert!(!store.release(&ann, &repo, &src).await.unwrap());
    // What has expired is anybody's.
    let over = store.acquire(wanted("ann", "src", None, 300), 100).await;
    assert!(matches!(over.unwrap(), Acquired::Taken(_)));

    for n in 0..MOST_LEASES {
        let one = wanted("cid", &format!("many/{n}"), None, 1_000);
        assert!(matches!(
            store.acquire(one, 400).await.unwrap(),
            Acquired::Taken(_)
        ));
    }
    let more = wanted("cid", "many/more", None, 1_000);
    assert_eq!(store.acquire(more, 400).await.unwrap(), Acquired::TooMany);

    // Of many who want overlapping paths at once, one gets them.
    let race = (0..8).map(|n| {
        let path = if n % 2 == 0 { "race" } else { "race/below" };
        store.acquire(wanted(&format!("agent{n}"), path, None, 1_000), 500)
    });
    let won = futures::future::join_all(race).await;
    let won = won
        .iter()
        .filter(|got| matches!(got, Ok(Acquired::Taken(_))));
    assert_eq!(won.count(), 1);
}
