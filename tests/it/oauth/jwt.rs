//! JWTs of another issuer: one that is in order is accepted, and nothing else.

use serde_json::{Value, json};

use super::{
    client::{initialize, knock},
    idp::{Idp, Key, hmac_of_public_key, unsigned},
};
use crate::support::{Hub, Session, Settings};

fn now() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

fn settings(idp: &Idp) -> Settings {
    Settings::default().extra(&format!(
        "[auth.issuers.corp]\nissuer = \"{}\"\nallowed_private = [\"{}\"]\n\
         [[auth.issuers.corp.grants]]\nclaim = \"groups\"\nvalue = \"admins\"\n\
         projects = [\"*\"]\nagents = [\"*\"]\nscopes = [\"mcp:admin\"]\n\
         [[auth.issuers.corp.grants]]\nclaim = \"groups\"\nvalue = \"developers\"\n\
         projects = [\"demo\"]\nagents = [\"ann\"]\nscopes = [\"mcp:write\"]\ntools_deny = [\"claim_issue\"]\n",
        idp.issuer(),
        idp.at
    ))
}

/// What a developer's token says, for the endpoint at `url`.
fn claims(idp: &Idp, url: &str) -> Value {
    json!({
        "iss": idp.issuer(), "sub": "dora", "aud": [url, "https://other.example"], "exp": now() + 300,
        "iat": now(), "jti": "1", "client_id": "c", "groups": ["staff", "developers"],
        "scope": "openid issues:read issues:write",
    })
}

#[tokio::test]
async fn a_token_of_a_configured_issuer_is_accepted_for_what_its_claims_give() {
    let (key, second) = (Key::p256("one"), Key::ed25519("two"));
    let idp = Idp::start(&[&key, &second]).await;
    let hub = Hub::with(settings(&idp)).await;
    hub.project("demo", &["ann"]).await;
    let issues = hub.own["issues"].clone();
    let url = format!("{issues}/mcp");

    let refused = initialize(&hub, &issues, "x").await;
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    let at = format!("{issues}/.well-known/oauth-protected-resource/mcp");
    assert!(challenge.contains(&at), "{challenge}");
    let metadata: Value = hub.http.get(at).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["authorization_servers"], json!([idp.issuer()]));
    let own = hub
        .http
        .get(format!("{}/oauth/authorize", hub.main))
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), 404, "the hub itself gives out none");

    let token = key.sign(&claims(&idp, &url));
    let mut session = Session::open(&hub.http, &issues, &token).await;
    let call = async |name: &str, arguments: Value| {
        let call = json!({"name": name, "arguments": arguments});
        session.request("tools/call", call).await
    };
    let made = call("create_issue", json!({"title": "From outside"})).await;
    assert_eq!(
        made["result"]["structuredContent"]["number"], 1,
        "bound to one: {made}"
    );
    let denied = call("claim_issue", json!({"number": 1})).await;
    assert_eq!(denied["result"]["isError"], true, "{denied}");
    let audit = hub.audit("tool=create_issue").await;
    assert_eq!(audit[0]["principal_id"], "corp:dora");
    // A session goes on with the next token of the same subject, whichever key signs it.
    session.token = second.sign(&claims(&idp, &url));
    assert!(session.request("tools/list", json!({})).await["result"].is_object());
    assert_eq!(idp.asked(), 1, "keys are kept");

    // Of what its group may do, a token may do what its scopes say.
    let mut narrow = claims(&idp, &url);
    narrow["scope"] = json!("issues:read");
    let session = Session::open(&hub.http, &issues, &key.sign(&narrow)).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "create_issue", "arguments": {"title": "No"}}});
    let response = session.post(call.to_string()).send().await.unwrap();
    assert_eq!(response.status(), 403);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("insufficient_scope") && challenge.contains("scope=\"issues:write\""),
        "{challenge}"
    );
}

#[tokio::test]
async fn what_is_not_in_order_is_refused() {
    let (key, stranger) = (Key::p256("one"), Key::p256("one"));
    let idp = Idp::start(&[&key]).await;
    let hub = Hub::with(settings(&idp)).await;
    hub.project("demo", &["ann"]).await;
    let issues = hub.own["issues"].clone();
    let url = format!("{issues}/mcp");
    let good = claims(&idp, &url);
    assert_eq!(knock(&hub, &issues, &key.sign(&good)).await, 200);

    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let header = |alg: &str, typ: Option<&str>| {
        let mut header = json!({"alg": alg, "kid": "one"});
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        header
    };
    let git = format!("{}/mcp", hub.own["git"]);
    for (what, token) in [
        (
            "another endpoint's audience",
            key.sign(&with("aud", json!(git))),
        ),
        (
            "the hub's audience with a path of nothing",
            key.sign(&with("aud", json!(format!("{url}/x")))),
        ),
        (
            "another service's audience",
            key.sign(&with("aud", json!("https://other.example"))),
        ),
        ("no audience", key.sign(&without("aud"))),
        ("expired", key.sign(&with("exp", json!(now() - 31)))),
        ("no expiry", key.sign(&without("exp"))),
        ("not valid yet", key.sign(&with("nbf", json!(now() + 60)))),
        (
            "another issuer",
            key.sign(&with("iss", json!("https://id.example"))),
        ),
        (
            "an issuer spelled otherwise",
            key.sign(&with("iss", json!(format!("{}/", idp.issuer())))),
        ),
        ("no subject", key.sign(&without("sub"))),
        ("an empty subject", key.sign(&with("sub", json!("")))),
        ("no group", key.sign(&with("groups", json!(["staff"])))),
        ("alg none", unsigned(&good)),
        (
            "the public key as a secret",
            hmac_of_public_key(&key, "one", &good),
        ),
        ("another key of the same name", stranger.sign(&good)),
        (
            "another algorithm's name",
            key.sign_as(&header("RS256", Some("at+jwt")), &good),
        ),
        (
            "an identity token",
            key.sign_as(&header("ES256", Some("JWT")), &good),
        ),
        ("no type", key.sign_as(&header("ES256", None), &good)),
        ("a changed payload", {
            let token = key.sign(&good);
            let other = unsigned(&with("groups", json!(["admins"])));
            let (payload, parts) = (
                other.split('.').nth(1).unwrap(),
                token.split('.').collect::<Vec<_>>(),
            );
            format!("{}.{payload}.{}", parts[0], parts[2])
        }),
    ] {
        let response = initialize(&hub, &issues, &token).await;
        assert_eq!(response.status(), 401, "{what}");
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.contains("error=\"invalid_token\""),
            "{what}: {challenge}"
        );
    }
    // The clocks need not agree to the second, and a media type may be written in full.
    let slack = with("exp", json!(now() - 10));
    assert_eq!(knock(&hub, &issues, &key.sign(&slack)).await, 200);
    let full = key.sign_as(&header("ES256", Some("application/AT+jwt")), &good);
    assert_eq!(knock(&hub, &issues, &full).await, 200);

    // A token that was in order once is a lead.
    let ended = hub
        .audit("tool=authenticate&outcome=refused&principal_id=corp:dora")
        .await;
    assert_eq!(ended.len(), 4, "expired, and three audiences: {ended:?}");
}

#[tokio::test]
async fn unknown_keys_do_not_make_the_hub_ask_the_issuer_again_and_again() {
    let key = Key::p256("one");
    let idp = Idp::start(&[&key]).await;
    let hub = Hub::with(settings(&idp)).await;
    let issues = hub.own["issues"].clone();
    let good = claims(&idp, &format!("{issues}/mcp"));
    assert_eq!(knock(&hub, &issues, &key.sign(&good)).await, 200);
    for n in 0..20 {
        let unknown = Key::ed25519(&format!("key{n}")).sign(&good);
        assert_eq!(knock(&hub, &issues, &unknown).await, 401);
    }
    assert_eq!(idp.asked(), 1);
    assert_eq!(knock(&hub, &issues, &key.sign(&good)).await, 200);
}
