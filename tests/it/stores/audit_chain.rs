//! Tampering with the audit log shows, whatever it is; settling, pruning, restarts and other hubs do not look like it.

use std::sync::Arc;

use syndarix::{
    access::Access,
    audit::{Audit, AuditConfig, ChainKey, Entry, Head, Origin, Outcome, Report, verify},
    base::{clock::Clock, ids::new_id},
    db::Db,
    on_db,
};
use tempfile::TempDir;

const DAY: i64 = 86_400_000;

fn key() -> ChainKey {
    ChainKey::of(&[3; 32])
}

fn entry(started_ms: i64, access: Access, outcome: Outcome) -> Entry {
    Entry {
        id: new_id("call").into(),
        started_ms,
        duration_us: (outcome != Outcome::Started).then_some(7),
        principal: "tok".into(),
        project: "p".into(),
        agent: "a".into(),
        server: "issues".into(),
        tool: "create_issue".into(),
        access,
        origin: Origin::Mcp,
        parent: None,
        request: None,
        outcome,
        code: None,
        arguments: Some("{}".into()),
    }
}

struct Hub {
    log: Audit,
    data: TempDir,
}

async fn open(db: &Db, data: TempDir, now: i64, retention_days: u32) -> Hub {
    let config = AuditConfig {
        retention_days,
        ..AuditConfig::default()
    };
    let clock = Clock::manual(now);
    let log = Audit::open(db.clone(), data.path(), &clock, key(), &config)
        .await
        .unwrap();
    Hub { log, data }
}

impl Hub {
    /// Calls that write, overlapping, and calls that read.
    async fn work(&self, started_ms: i64, calls: usize) {
        let mut running = Vec::new();
        for n in 0..calls {
            let begun = entry(started_ms + n as i64, Access::Write, Outcome::Started);
            self.log.write_now(begun.clone()).unwrap();
            running.push(begun);
            if n % 3 == 0 {
                self.log.flush().await;
            }
            if n % 2 == 0 {
                let first = running.remove(0);
                self.end(first);
            }
            self.log.write(entry(started_ms, Access::Read, Outcome::Ok));
        }
        for begun in running {
            self.end(begun);
        }
        self.log.flush().await;
    }

    fn end(&self, begun: Entry) {
        let ended = Entry {
            outcome: Outcome::Error,
            code: Some("conflict".into()),
            duration_us: Some(9),
            ..begun
        };
        self.log.write(ended);
    }

    async fn verify(&self, db: &Db) -> Report {
        verify(db, &key(), self.data.path(), &[]).await.unwrap()
    }
}

async fn sql(db: &Db, text: &str) {
    for statement in text.split(';') {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        match db {
            Db::Postgres(pool) => drop(sqlx::query(statement).execute(pool).await.unwrap()),
            Db::Sqlite(_) => {
                let done: Result<(), syndarix::db::DbError> = db
                    .write(move |tx| {
                        Box::pin(async move {
                            let syndarix::db::Tx::Sqlite(conn) = tx else {
                                unreachable!()
                            };
                            sqlx::query(statement).execute(&mut *conn).await?;
                            Ok(())
                        })
                    })
                    .await;
                done.unwrap();
            }
        }
    }
}

async fn count(db: &Db, what: &str) -> i64 {
    let text = sqlx::AssertSqlSafe(format!("select count(*) from {what}"));
    on_db!(db, pool => sqlx::query_scalar(text).fetch_one(pool).await).unwrap()
}

pub async fn suite(db: Db) {
    let fresh = || tempfile::tempdir().unwrap();
    old_entries_are_taken_up(&db).await;
    let hub = open(&db, fresh(), 5 * DAY, 0).await;
    hub.work(4 * DAY, 20).await;
    hub.work(5 * DAY, 20).await;
    let sound = hub.verify(&db).await;
    assert_eq!(sound.problems, [""; 0]);
    tampering_shows(&db, &hub).await;
    a_noted_link_shows_what_the_database_alone_cannot(&db, &sound).await;
    a_second_hub_and_a_restart_are_no_tampering(&db, hub).await;
    what_is_pruned_is_not_missed(&db).await;
}

async fn old_entries_are_taken_up(db: &Db) {
    let columns =
        "id, started_ms, principal_id, project_id, agent_id, server, tool, access, origin, outcome";
    for (id, outcome) in [("old1", "ok"), ("old2", "started"), ("old3", "error")] {
        let values = format!("'{id}', 1, 't', 'p', 'a', 's', 'x', 'write', 'mcp', '{outcome}'");
        sql(
            db,
            &format!("insert into audit ({columns}) values ({values})"),
        )
        .await;
    }
    let hub = open(db, tempfile::tempdir().unwrap(), 10 * DAY, 0).await;
    assert_eq!(hub.verify(db).await.problems, [""; 0]);
    assert_eq!(count(db, "audit where outcome = 'aborted'").await, 1);
}

async fn tampering_shows(db: &Db, hub: &Hub) {
    sql(
        db,
        "create table audit_saved as select * from audit; create table chain_saved as select * from audit_chain",
    )
    .await;
    let last = longest(&hub.verify(db).await);
    let chain = format!("chain = '{}'", last.chain);
    let middle = format!("seq > {} and seq < {}", last.seq - 30, last.seq - 20);
    let tail = format!("{chain} and seq > {}", last.seq - 5);
    let head = |seq: i64| {
        format!(
            "update audit_chain set seq = {seq}, mac = coalesce((select mac from audit_saved a where a.{chain} and a.seq <= {seq} \
             order by a.seq desc limit 1), '') where id = '{}'",
            last.chain
        )
    };
    let ended =
        format!("id = (select min(id) from audit_saved where {chain} and begun_seq is not null)");
    let tampering = [
        ("changed", format!("update audit set tool = 'harmless' where {ended}"), "was changed"),
        ("whose", format!("update audit set agent_id = 'eve' where {ended}"), "was changed"),
        ("arguments", format!("update audit set arguments = null where {ended}"), "was changed"),
        ("outcome", format!("update audit set outcome = 'ok' where {ended}"), "was changed"),
        ("when", format!("update audit set started_ms = 1 where {ended}"), "was changed"),
        ("mac", format!("update audit set mac = 'x' where {ended}"), "was changed"),
        ("deleted", format!("delete from audit where {ended}"), "are missing"),
        ("several", format!("delete from audit where {chain} and {middle}"), "are missing"),
        ("the end", format!("delete from audit where {tail}"), "are missing"),
        (
            "the end, and the head set back",
            format!("delete from audit where {tail}; {}", head(last.seq - 5)),
            "was changed",
        ),
        (
            "unsettled again",
            format!(
                "update audit set seq = null, chain = null, duration_us = null, code = null, outcome = 'started' where {ended}"
            ),
            "are missing",
        ),
        (
            "settled without a link",
            format!("update audit set seq = null, chain = null where {ended}"),
            "put in or changed",
        ),
        (
            "put in",
            "insert into audit select 'new', started_ms, duration_us, principal_id, project_id, agent_id, server, tool, access, \
             origin, parent_id, request_id, outcome, code, arguments, null, null, null, null, null from audit_saved where id = 'old1'"
                .to_owned(),
            "put in or changed",
        ),
        (
            "put in behind the end",
            format!(
                "insert into audit select 'new', started_ms, duration_us, principal_id, project_id, agent_id, server, tool, access, \
                 origin, parent_id, request_id, outcome, code, arguments, null, null, '{}', {}, mac from audit_saved where id = 'old1'",
                last.chain,
                last.seq + 1
            ),
            "put in or changed",
        ),
        (
            "reordered",
            format!(
                "update audit set seq = -1 where {chain} and seq = {0}; update audit set seq = {0} where {chain} and seq = {1}; \
                 update audit set seq = {1} where seq = -1",
                last.seq,
                last.seq - 1
            ),
            "was changed",
        ),
        (
            "an anchor moved",
            format!("update audit_chain set anchor_seq = 3 where id = '{}'", last.chain),
            "record of the chain itself",
        ),
        (
            "a whole chain gone",
            format!(
                "delete from audit where {chain} or begun_{chain}; delete from audit_chain where id = '{}'",
                last.chain
            ),
            "is gone",
        ),
    ];
    for (what, tamper, said) in tampering {
        sql(db, &tamper).await;
        let problems = hub.verify(db).await.problems;
        assert!(
            problems.iter().any(|p| p.contains(said)),
            "{what}: {problems:#?}"
        );
        sql(
            db,
            "delete from audit; delete from audit_chain; insert into audit select * from audit_saved; \
             insert into audit_chain select * from chain_saved",
        )
        .await;
        assert_eq!(hub.verify(db).await.problems, [""; 0], "after {what}");
    }
    sql(db, "drop table audit_saved; drop table chain_saved").await;
}

/// The end of the chain with most links.
fn longest(report: &Report) -> Head {
    let chain = report.chains.iter().max_by_key(|c| c.last).unwrap();
    Head {
        chain: chain.chain.clone(),
        seq: chain.last,
        mac: chain.mac.clone(),
    }
}

/// Someone who has the key may write another chain: what was noted elsewhere tells.
async fn a_noted_link_shows_what_the_database_alone_cannot(db: &Db, sound: &Report) {
    let elsewhere = tempfile::tempdir().unwrap();
    let noted = longest(sound);
    let ask = async |head: &Head| {
        let known = std::slice::from_ref(head);
        verify(db, &key(), elsewhere.path(), known)
            .await
            .unwrap()
            .problems
    };
    assert_eq!(ask(&noted).await, [""; 0]);
    let other = Head {
        mac: "0".repeat(64),
        ..noted.clone()
    };
    assert!(ask(&other).await[0].contains("is not the one"));
    let beyond = Head {
        seq: noted.seq + 1,
        ..noted
    };
    assert!(ask(&beyond).await[0].contains("its end was cut off"));
    let wrong = ChainKey::of(&[4; 32]);
    let report = verify(db, &wrong, elsewhere.path(), &[]).await.unwrap();
    assert!(!report.problems.is_empty(), "another key makes other macs");
}

async fn a_second_hub_and_a_restart_are_no_tampering(db: &Db, hub: Hub) {
    let second = open(db, tempfile::tempdir().unwrap(), 5 * DAY, 0).await;
    tokio::join!(hub.work(5 * DAY, 30), second.work(5 * DAY, 30));
    let (log, data) = (hub.log, hub.data);
    let left: Arc<str> = {
        let begun = entry(DAY, Access::Write, Outcome::Started);
        log.write_now(begun.clone()).unwrap();
        log.flush().await;
        begun.id
    };
    let chains = count(db, "audit_chain").await;
    // The dead hub's journal is applied once more, and what it left is settled.
    let again = open(db, data, 6 * DAY, 0).await;
    again.work(6 * DAY, 3).await;
    let report = again.verify(db).await;
    assert_eq!(report.problems, [""; 0]);
    assert_eq!(
        count(db, "audit_chain").await,
        chains,
        "it went on with its chain"
    );
    let aborted = format!("audit where id = '{left}' and outcome = 'aborted'");
    assert_eq!(count(db, &aborted).await, 1);
    // What one hub began and another settled is in two chains.
    let begun = entry(DAY, Access::Write, Outcome::Started);
    again.log.write_now(begun).unwrap();
    again.log.flush().await;
    let third = open(db, tempfile::tempdir().unwrap(), 7 * DAY, 0).await;
    assert_eq!(third.verify(db).await.problems, [""; 0]);
    assert!(count(db, "audit where begun_chain <> chain").await > 0);
    // A database that is older than what the hub has written.
    let written = longest(&third.verify(db).await);
    let cut = format!("chain = '{}'", written.chain);
    sql(db, &format!("delete from audit where {cut} or begun_{cut}")).await;
    sql(
        db,
        &format!("delete from audit_chain where id = '{}'", written.chain),
    )
    .await;
    for hub in [again, second, third] {
        if head_of(&hub.data).contains(&written.chain) {
            let hub = open(db, hub.data, 8 * DAY, 0).await;
            hub.work(8 * DAY, 3).await;
            let problems = hub.verify(db).await.problems;
            assert!(
                problems.iter().any(|p| p.contains("is gone")),
                "{problems:?}"
            );
            return;
        }
    }
    panic!("no hub knows the longest chain");
}

fn head_of(data: &TempDir) -> String {
    std::fs::read_to_string(data.path().join("audit.head")).unwrap()
}

async fn what_is_pruned_is_not_missed(db: &Db) {
    sql(db, "delete from audit; delete from audit_chain").await;
    let hub = open(db, tempfile::tempdir().unwrap(), 10 * DAY, 3).await;
    hub.work(DAY, 10).await;
    // A long call: it began before, and ends after, what is pruned.
    let long = entry(2 * DAY, Access::Write, Outcome::Started);
    hub.log.write_now(long.clone()).unwrap();
    hub.work(8 * DAY, 10).await;
    hub.end(long.clone());
    hub.work(9 * DAY, 10).await;
    let data = hub.data;
    let all = count(db, "audit").await;
    let hub = open(db, data, 10 * DAY, 3).await;
    let left = count(db, "audit").await;
    assert_eq!(all - left, 20, "ten that wrote and ten that read are old");
    let kept = format!("audit where id = '{}'", long.id);
    assert_eq!(count(db, &kept).await, 1);
    let report = hub.verify(db).await;
    assert_eq!(report.problems, [""; 0]);
    assert!(report.chains[0].first > 1);
    hub.work(10 * DAY, 5).await;
    assert_eq!(hub.verify(db).await.problems, [""; 0]);
    // Deleting more than that shows.
    sql(db, "delete from audit where started_ms < 700000000").await;
    assert!(!hub.verify(db).await.problems.is_empty());
    let hub = open(db, hub.data, 40 * DAY, 3).await;
    assert!(count(db, "audit").await <= 1, "all is old now");
    assert_eq!(hub.verify(db).await.problems, [""; 0]);
}
