//! Claims: leases that expire, fenced tokens, and many claimers at once.

use syndarix::servers::issues::{
    model::{Patch, State},
    store::{IssueStore, NewClaim, Target, Update},
};

use super::{code, issue, once, scope};

fn claim(target: Target) -> NewClaim {
    NewClaim {
        target,
        lease_ms: 1_000,
        once: None,
    }
}

pub async fn leases(store: &IssueStore) {
    let (ann, bea) = (scope("iss-a", "ann"), scope("iss-a", "bea"));
    let number = store.create(&ann, issue("leased", 2), 1_000).await.unwrap();
    let target = Target::Number(number);
    let first = store
        .claim(&ann, claim(target.clone()), 1_000)
        .await
        .unwrap();
    assert_eq!(
        (first.epoch, first.expires_ms, first.fields.state),
        (1, 2_000, State::InProgress)
    );
    for agent in [&ann, &bea] {
        assert_eq!(
            code(store.claim(agent, claim(target.clone()), 1_999).await),
            "conflict"
        );
    }
    let row = store.get("iss-a", number).await.unwrap().unwrap();
    assert_eq!(
        store
            .live_claim(&row.id, 1_999)
            .await
            .unwrap()
            .unwrap()
            .agent_id,
        "ann"
    );
    assert!(store.live_claim(&row.id, 2_000).await.unwrap().is_none());

    let work = |token: &str, title: &str| Update {
        number,
        claim_token: Some(token.into()),
        patch: Patch {
            title: Some(title.into()),
            ..Patch::default()
        },
        ..Update::default()
    };
    store
        .update(&ann, work(&first.token, "mine"), 1_500)
        .await
        .unwrap();
    let second = store
        .claim(&bea, claim(target.clone()), 2_000)
        .await
        .unwrap();
    assert_eq!(second.epoch, 2);
    assert_ne!(second.token, first.token);
    assert_eq!(
        code(store.update(&ann, work(&first.token, "late"), 2_001).await),
        "conflict"
    );
    store
        .update(&bea, work(&second.token, "bea's"), 2_001)
        .await
        .unwrap();

    let close = Update {
        number,
        claim_token: Some(second.token.clone()),
        patch: Patch {
            state: Some(State::Cancelled),
            ..Patch::default()
        },
        ..Update::default()
    };
    store.update(&bea, close, 2_002).await.unwrap();
    assert_eq!(
        code(store.claim(&ann, claim(target.clone()), 9_000).await),
        "conflict"
    );
    assert_eq!(
        code(store.claim(&ann, claim(Target::Number(999)), 9_000).await),
        "not_found"
    );
    assert_eq!(
        code(
            store
                .claim(&scope("iss-b", "eve"), claim(Target::Number(number)), 9_000)
                .await
        ),
        "not_found"
    );
    let reopen = Update {
        number,
        patch: Patch {
            state: Some(State::Open),
            ..Patch::default()
        },
        ..Update::default()
    };
    store.update(&ann, reopen, 9_001).await.unwrap();
    let keyed = || NewClaim {
        once: once("claim", "b"),
        ..claim(target.clone())
    };
    let third = store.claim(&ann, keyed(), 9_002).await.unwrap();
    assert_eq!(third.epoch, 3, "the epoch outlives release and reopening");
    assert_eq!(
        store.claim(&ann, keyed(), 9_003).await.unwrap(),
        third,
        "the same token again"
    );
}

/// Many claimers of few issues: nothing twice, nothing lost, and numbers without gaps under concurrent creation.
pub async fn races(store: &IssueStore) {
    let ann = scope("iss-race", "ann");
    let made = (0..40).map(|n| store.create(&ann, issue(&format!("r{n}"), n % 3), 1));
    let mut numbers = futures::future::try_join_all(made).await.unwrap();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());

    for round in 0..2 {
        // The second round finds every lease expired, so it takes all 40 again.
        let now = 10_000 + round * 10_000;
        let claimers = (0..16).map(|agent| {
            let store = store.clone();
            let me = scope("iss-race", &format!("agent{agent}"));
            tokio::spawn(async move {
                let mut mine = Vec::new();
                let next = Target::Next {
                    kind: None,
                    label: None,
                };
                while let Ok(claimed) = store.claim(&me, claim(next.clone()), now).await {
                    assert_eq!(claimed.epoch, round + 1);
                    mine.push(claimed.number);
                }
                mine
            })
        });
        let taken = futures::future::try_join_all(claimers).await.unwrap();
        let mut all: Vec<i64> = taken.into_iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(all, (1..=40).collect::<Vec<_>>(), "round {round}");
    }

    // One issue, sixteen claimers by number: one wins.
    let rivals = (0..16).map(|agent| {
        let (store, me) = (store.clone(), scope("iss-race", &format!("agent{agent}")));
        tokio::spawn(async move {
            store
                .claim(&me, claim(Target::Number(7)), 90_000)
                .await
                .is_ok()
        })
    });
    let won = futures::future::try_join_all(rivals).await.unwrap();
    assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
}
