//! Two hubs on one PostgreSQL are one authorization server. Where the environment names no server, this shows nothing.

use std::time::{Duration, Instant};

use crate::support::{Hub, database};

use super::client::{Client, VERIFIER, exchange, knock, settings, tokens};

/// The hub where the tokens of both are asked for: clients know it by its own URL.
async fn hubs() -> Option<(Hub, Hub)> {
    let url = database("syndarix_oauth_two").await?;
    let one = Hub::with(settings().extra(&format!("[database]\nurl = \"{url}\"\n"))).await;
    let other = one.beside().await;
    Some((one, other))
}

#[tokio::test]
async fn what_one_hub_gives_the_other_exchanges_accepts_and_ends() {
    let Some((one, other)) = hubs().await else {
        return;
    };
    let (person, _) = one.token(&["*"], &["*"], &["mcp:write"]).await;
    let issues = one.own["issues"].clone();
    let client = Client::new(&one, &format!("{issues}/mcp")).await;

    let code = client.code(&person).await;
    let form = |code: &str| {
        [
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("client_id", client.id.clone()),
            ("code_verifier", VERIFIER.to_owned()),
        ]
    };
    let redeem = async |hub: &Hub, code: &str| {
        let form = form(code);
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (*k, v.as_str())).collect();
        exchange(hub, &form).await
    };
    // At the same time on both: one gets it, and both lose it, for it was used twice.
    let (a, b) = tokio::join!(redeem(&one, &code), redeem(&other, &code));
    let mut statuses = [a.0, b.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{a:?} {b:?}");
    let (access, _) = tokens(if a.0 == 200 { &a.1 } else { &b.1 });
    assert_eq!(knock(&one, &issues, &access).await, 401);
    assert_eq!(knock(&other, &other.own["issues"], &access).await, 401);

    // A token of one is good at the other, and ends there within a second.
    let (status, issued) = redeem(&other, &client.code(&person).await).await;
    assert_eq!(status, 200, "{issued}");
    let (access, refresh) = tokens(&issued);
    assert_eq!(knock(&one, &issues, &access).await, 200);
    let (status, _) = client.refresh(&refresh).await;
    assert_eq!(status, 200);
    assert_eq!(knock(&other, &other.own["issues"], &access).await, 200);
    assert_eq!(client.refresh(&refresh).await.0, 400, "replayed");
    let replayed = Instant::now();
    while knock(&other, &other.own["issues"], &access).await == 200 {
        assert!(replayed.elapsed() < Duration::from_secs(1));
    }
}
