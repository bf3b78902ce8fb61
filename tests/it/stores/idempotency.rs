//! Requests with an idempotency key: what is kept, for how long, and whose it is, on all hubs of a database.

use std::time::Duration;

use syndarix::{
    access::{Answer, Entered, Held, IdempotencyKeys, Keyed, Refused},
    base::clock::Clock,
    db::Db,
    on_db,
};

const KEY: [u8; 32] = [5; 32];
const LIMIT: Duration = Duration::from_secs(30);

fn asked<'a>(key: &'a str, principal: &'a str, body: &'a [u8]) -> Keyed<'a> {
    Keyed {
        key,
        principal,
        scope: ["demo", "ann"],
        target: ["POST", "/api/v1/tokens"],
        content: [b"", body],
        request: "req_1",
        limit: LIMIT,
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.to_owned(),
    }
}

async fn now(keys: &IdempotencyKeys, asked: &Keyed<'_>) -> Held {
    match keys.enter(asked).await.unwrap() {
        Entered::Now(held) => held,
        Entered::Before(answer) => panic!("answered before: {answer:?}"),
    }
}

async fn before(keys: &IdempotencyKeys, asked: &Keyed<'_>) -> Answer {
    match keys.enter(asked).await.unwrap() {
        Entered::Before(answer) => answer,
        Entered::Now(_) => panic!("not answered before"),
    }
}

async fn refused(keys: &IdempotencyKeys, asked: &Keyed<'_>) -> Refused {
    keys.enter(asked).await.unwrap_err()
}

pub async fn suite(db: Db) {
    let clock = Clock::manual(1_000_000);
    let hub = || IdempotencyKeys::new(db.clone(), clock.clone(), &KEY).unwrap();
    let (one, other) = (hub(), hub());
    let first = asked("k", "tok_a", b"{}");

    // Only one of many has it, whichever hub they come to.
    let tries = (0..20).map(|n| if n % 2 == 0 { &one } else { &other });
    let tries = tries.map(|keys| keys.enter(&first));
    let (mut held, mut waiting) = (Vec::new(), 0);
    for tried in futures::future::join_all(tries).await {
        match tried {
            Ok(Entered::Now(got)) => held.push(got),
            Err(Refused::InFlight) => waiting += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((held.len(), waiting), (1, 19));
    let given = answer(201, "{\"token\":\"syx_secret\"}");
    one.settle(held.remove(0), &given).await.unwrap();
    assert_eq!(before(&other, &first).await, given);

    // Another body, and what makes it another key.
    let changed = asked("k", "tok_a", b"{ }");
    assert!(matches!(
        refused(&one, &changed).await,
        Refused::OtherContent
    ));
    for another in [
        asked("k", "tok_b", b"{}"),
        asked("l", "tok_a", b"{}"),
        Keyed {
            scope: ["web", "ann"],
            ..first
        },
        Keyed {
            target: ["POST", "/api/v1/agents"],
            ..first
        },
    ] {
        let held = now(&one, &another).await;
        one.release(held).await.unwrap();
    }

    // Nothing of it can be read in the database, and with another key nothing is given.
    let sql = "select id || content || coalesce(answer, '') from idempotency";
    let rows: Vec<String> =
        on_db!(&db, pool => sqlx::query_scalar(sql).fetch_all(pool).await).unwrap();
    assert_eq!(rows.len(), 1, "what was released is gone");
    assert!(!rows.concat().contains("secret") && !rows.concat().contains("tok_a"));

    // What is too large is not kept, and not done again.
    let large = asked("large", "tok_a", b"{}");
    let held = now(&one, &large).await;
    one.settle(held, &answer(200, &"x".repeat(300_000)))
        .await
        .unwrap();
    assert!(matches!(
        refused(&other, &large).await,
        Refused::NotKept(200)
    ));

    // A hub that died with it: the key is never good again, until it is forgotten.
    let lost = asked("lost", "tok_a", b"{}");
    let held = now(&one, &lost).await;
    clock.advance(89_999);
    assert!(matches!(refused(&other, &lost).await, Refused::InFlight));
    clock.advance(1);
    assert!(matches!(refused(&other, &lost).await, Refused::Lost(id) if id == "req_1"));
    // Or it was only slow.
    one.settle(held, &answer(200, "{}")).await.unwrap();
    assert_eq!(before(&other, &lost).await, answer(200, "{}"));

    // All of it is forgotten a day after it was asked for.
    clock.advance(86_400_000 - 90_001);
    other.expire().await.unwrap();
    assert_eq!(before(&one, &lost).await, answer(200, "{}"));
    clock.advance(1);
    let again = now(&one, &lost).await;
    assert!(matches!(refused(&other, &lost).await, Refused::InFlight));
    one.release(again).await.unwrap();
    clock.advance(86_400_000);
    other.expire().await.unwrap();
    let sql = "select count(*) from idempotency";
    let left: i64 = on_db!(&db, pool => sqlx::query_scalar(sql).fetch_one(pool).await).unwrap();
    assert_eq!(left, 0);
}
