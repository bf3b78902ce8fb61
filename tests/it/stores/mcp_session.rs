//! Sessions that outlive the hub's process.

use rmcp::transport::streamable_http_server::session::SessionStore;
use serde_json::json;
use syndarix::{base::clock::Clock, db::Db, edge::mcp::Saved};

pub async fn suite(db: Db) {
    let clock = Clock::manual(1_000_000);
    let saved = |endpoint| Saved::new(db.clone(), clock.clone(), 60).at(endpoint);
    let (issues, git) = (saved("issues"), saved("git"));
    let initialize = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "it", "version": "1"},
    })
    .to_string();
    for session in ["s1", "s2"] {
        issues
            .insert(session, "tok_a", initialize.clone())
            .await
            .unwrap();
    }
    let owner = |session: &'static str| {
        let issues = issues.clone();
        async move { issues.owner(session).await.unwrap() }
    };
    assert_eq!(owner("s1").await.as_deref(), Some("tok_a"));
    assert_eq!(owner("s9").await, None);
    assert_eq!(
        git.owner("s1").await.unwrap(),
        None,
        "one endpoint's session is not another's"
    );
    let state = issues.load("s1").await.unwrap().unwrap();
    assert_eq!(state.initialize_params.client_info.name, "it");
    assert!(git.load("s1").await.unwrap().is_none());

    // A session that is used lives on; one that is not is refused, and deleted when its time comes.
    clock.advance(40_000);
    issues.touch(vec!["s1".into()]).await.unwrap();
    issues.expire().await.unwrap();
    clock.advance(20_000);
    assert!(owner("s1").await.is_some() && owner("s2").await.is_none());
    assert!(issues.load("s2").await.unwrap().is_none());
    issues.expire().await.unwrap();
    clock.advance(-20_000);
    assert!(owner("s1").await.is_some() && owner("s2").await.is_none());

    issues.delete("s1").await.unwrap();
    assert_eq!(owner("s1").await, None);
    issues
        .insert("s3", "tok_a", "x".repeat(100_000))
        .await
        .unwrap();
    assert_eq!(
        owner("s3").await,
        None,
        "a session with huge parameters is not kept"
    );
}
