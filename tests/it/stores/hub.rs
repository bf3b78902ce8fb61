//! Projects, members, tokens, the audit log, and what the database itself promises.

use std::sync::Arc;

use syndarix::{
    access::{Access, Authority, Denied, LimitsConfig, NewToken, Rotation, token::Token},
    audit::{Audit, AuditConfig, ChainKey, Entry, Origin, Outcome, Query},
    base::{
        clock::Clock,
        ids::{AgentId, ProjectId, new_id},
    },
    db::{Db, DbError},
    on_db, on_tx,
    project::{Projects, Scope},
};

pub async fn suite(db: Db) {
    members(&db).await;
    tokens(&db).await;
    audit(&db).await;
    a_failed_command_undoes_itself_alone(&db).await;
}

async fn members(db: &Db) {
    let projects = Projects::new(db.clone(), Clock::default());
    let scope = Scope {
        project: ProjectId::new("p").unwrap(),
        agent: AgentId::new("a").unwrap(),
    };
    assert!(
        !projects.add_member(&scope).await.unwrap(),
        "neither exists"
    );
    assert!(projects.create_project(&scope.project, "P").await.unwrap());
    assert!(
        !projects
            .create_project(&scope.project, "again")
            .await
            .unwrap()
    );
    assert!(projects.create_agent(&scope.agent, "A").await.unwrap());
    assert!(!projects.is_member(&scope).await.unwrap());
    assert!(projects.add_member(&scope).await.unwrap());
    assert!(
        projects.add_member(&scope).await.unwrap(),
        "adding twice is no error"
    );
    assert!(projects.is_member(&scope).await.unwrap());
    assert_eq!(
        projects
            .list_members(&scope.project, None, 10)
            .await
            .unwrap()[0]
            .id,
        "a"
    );
    assert!(projects.remove_member(&scope).await.unwrap());
    assert!(
        !projects.is_member(&scope).await.unwrap(),
        "a removal is seen at once"
    );
    assert_eq!(
        projects.list_projects(Some("p"), 10).await.unwrap().len(),
        0
    );
    assert_eq!(projects.list_agents(None, 10).await.unwrap()[0].name, "A");
}

async fn tokens(db: &Db) {
    let clock = Clock::manual(1_000_000);
    let authority = |key| {
        let (limits, tools) = (LimitsConfig::default(), vec!["git_log", "git_push"]);
        Authority::new(db.clone(), clock.clone(), [key; 32], limits, tools)
    };
    let (authority, other_key) = (authority(1), authority(2));
    let wanted = |scopes: &[&str], expires_in_s| NewToken {
        name: "t".into(),
        projects: vec!["p".into()],
        agents: vec!["*".into()],
        scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
        expires_in_s,
        ..NewToken::default()
    };
    assert!(
        authority
            .create(wanted(&["nothing:read"], None))
            .await
            .is_err()
    );
    let (token, info) = authority
        .create(wanted(&["issues:write"], Some(60)))
        .await
        .unwrap();
    let principal = authority.authenticate(token.reveal()).await.unwrap();
    assert_eq!((&*principal.id, &*principal.name), (info.id.as_str(), "t"));
    assert!(authority.is_live(&principal).await.unwrap());

    assert!(matches!(
        other_key.authenticate(token.reveal()).await,
        Err(Denied::Token)
    ));

    clock.advance(60_000);
    assert!(matches!(
        authority.authenticate(token.reveal()).await,
        Err(Denied::Ended(id)) if *id == info.id
    ));
    assert!(!authority.is_live(&principal).await.unwrap());

    let (token, info) = authority
        .create(wanted(&["mcp:read", "hub:admin"], None))
        .await
        .unwrap();
    let principal = authority.authenticate(token.reveal()).await.unwrap();
    assert!(authority.revoke(&info.id).await.unwrap());
    assert!(!authority.revoke(&info.id).await.unwrap(), "once");
    assert!(!authority.is_live(&principal).await.unwrap(), "at once");
    assert!(authority.authenticate(token.reveal()).await.is_err());
    assert_eq!(authority.list(None, 10).await.unwrap().len(), 2);

    rotated(&authority, &clock, wanted(&["issues:read"], Some(1000))).await;

    let filtered = |deny: &str| NewToken {
        tools_allow: vec!["git_*".into()],
        tools_deny: vec![deny.into()],
        ..wanted(&["mcp:write"], None)
    };
    let typo = authority.create(filtered("git_psh")).await.unwrap_err();
    assert!(typo.to_string().contains("\"git_push\""), "{typo}");
    let (token, info) = authority.create(filtered("git_push")).await.unwrap();
    let principal = authority.authenticate(token.reveal()).await.unwrap();
    let may = ["git_log", "git_push", "get_issue"].map(|t| principal.grant.tools.covers(t));
    assert_eq!(may, [true, false, false]);
    let listed = authority.list(None, 10).await.unwrap();
    let listed = listed.iter().find(|t| t.id == info.id).unwrap();
    assert_eq!(
        (&listed.tools_allow[..], &listed.tools_deny[..]),
        (&["git_*".to_owned()][..], &["git_push".to_owned()][..])
    );
}

/// What a token was before its rotation works for its grace, and no longer than the token itself.
async fn rotated(authority: &Authority, clock: &Clock, wanted: NewToken) {
    let (first, info) = authority.create(wanted).await.unwrap();
    let rotate = async |grace_s, expires_in_s| {
        let wanted = Rotation {
            grace_s: Some(grace_s),
            expires_in_s,
        };
        let rotated = authority.rotate(&info.id, &wanted).await.unwrap();
        rotated.expect("it lives")
    };
    let works = async |token: &Token| authority.authenticate(token.reveal()).await.is_ok();
    let (second, told) = rotate(10, None).await;
    assert_eq!(told.expires_ms, info.expires_ms, "the expiry stays");
    assert!(works(&first).await && works(&second).await);
    let (old, new) = (first.reveal(), second.reveal());
    let (old, new) = (
        authority.authenticate(old).await,
        authority.authenticate(new).await,
    );
    assert_eq!(old.unwrap().id, new.unwrap().id, "one token, one id");
    clock.advance(10_000);
    assert!(!works(&first).await && works(&second).await);

    let (third, _) = rotate(60, None).await;
    let (fourth, _) = rotate(0, Some(20)).await;
    let live = [
        works(&second).await,
        works(&third).await,
        works(&fourth).await,
    ];
    assert_eq!(
        live,
        [false, false, true],
        "no grace, and one old text at most"
    );
    let (fifth, _) = rotate(60, None).await;
    clock.advance(20_000);
    assert!(!works(&fourth).await && !works(&fifth).await, "expired");
    let dead = authority.rotate(&info.id, &Rotation::default()).await;
    assert!(
        dead.unwrap().is_none(),
        "an expired token is not brought back"
    );

    let endless = Rotation {
        grace_s: Some(u32::MAX),
        ..Rotation::default()
    };
    let refused = authority.rotate(&info.id, &endless).await.unwrap_err();
    assert!(refused.to_string().contains("grace_s"), "{refused}");
}

fn entry(id: &Arc<str>, outcome: Outcome) -> Entry {
    Entry {
        id: Arc::clone(id),
        started_ms: 5,
        duration_us: None,
        principal: "tok".into(),
        project: "p".into(),
        agent: "a".into(),
        server: "issues".into(),
        tool: "create_issue".into(),
        access: Access::Write,
        origin: Origin::Mcp,
        parent: None,
        request: None,
        outcome,
        code: None,
        arguments: Some("{}".into()),
    }
}

async fn audit(db: &Db) {
    let (data, next) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = AuditConfig {
        retention_days: 0,
        ..AuditConfig::default()
    };
    let log = Audit::open(
        db.clone(),
        data.path(),
        &Clock::manual(1_000),
        ChainKey::of(&[3; 32]),
        &config,
    )
    .await
    .unwrap();
    let (done, dead): (Arc<str>, Arc<str>) = (new_id("call").into(), new_id("call").into());
    log.write_now(entry(&done, Outcome::Started)).unwrap();
    log.write_now(entry(&dead, Outcome::Started)).unwrap();
    log.write(Entry {
        duration_us: Some(7),
        ..entry(&done, Outcome::Ok)
    });
    let all = log
        .find(
            &Query {
                tool: Some("create_issue".into()),
                ..Query::default()
            },
            None,
            10,
        )
        .await
        .unwrap();
    assert_eq!(all.len(), 2, "an ending completes its beginning");
    let ok = all.iter().find(|r| r.id == *done).unwrap();
    assert_eq!((ok.outcome.as_str(), ok.duration_us), ("ok", Some(7)));

    // What a dead hub left is aborted at the next start; on a shared database only once it is old.
    let later = Clock::manual(10_000_000);
    let log = Audit::open(
        db.clone(),
        next.path(),
        &later,
        ChainKey::of(&[3; 32]),
        &config,
    )
    .await
    .unwrap();
    let aborted = log
        .find(
            &Query {
                outcome: Some("aborted".into()),
                ..Query::default()
            },
            None,
            10,
        )
        .await
        .unwrap();
    assert_eq!(
        aborted.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(),
        [&*dead]
    );
    let first = log.find(&Query::default(), None, 1).await.unwrap();
    let rest = log
        .find(
            &Query::default(),
            Some(&(first[0].started_ms, first[0].id.clone())),
            10,
        )
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
}

async fn a_failed_command_undoes_itself_alone(db: &Db) {
    let write = |id: &'static str, fails: bool| {
        let db = db.clone();
        async move {
            db.write(move |mut tx| {
                Box::pin(async move {
                    let sql = "insert into project (id, name, created_ms) values ($1, '', 0)";
                    on_tx!(tx, c => sqlx::query(sql).bind(id).execute(&mut **c).await.map(|_| ()))?;
                    if fails { Err(DbError::Closed) } else { Ok(()) }
                })
            })
            .await
        }
    };
    let (a, b, c) = tokio::join!(write("w1", false), write("w2", true), write("w3", false));
    assert!(a.is_ok() && b.is_err() && c.is_ok());
    let ids: Vec<String> = on_db!(db, pool => sqlx::query_scalar("select id from project where id like 'w%' order by id")
        .fetch_all(pool).await)
    .unwrap();
    assert_eq!(ids, ["w1", "w3"]);
}
