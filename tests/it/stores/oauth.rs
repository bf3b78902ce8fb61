//! The authorization server's memory: how long what it gives lives, and what it forgets.

use std::sync::Arc;

use syndarix::{
    access::{
        Authority, Denied, LimitsConfig, NewToken, Place, Principal, ServerId,
        oauth::{
            Asked, ByCode, ByRefresh, ByToken, Consent, Issued, Metadata, OAuthConfig, OAuthServer,
        },
        token::Token,
    },
    base::clock::Clock,
    db::Db,
    on_db,
};
use tokio_util::sync::CancellationToken;

use crate::oauth::{REDIRECT, VERIFIER, challenge};

const DAY: i64 = 86_400_000;
const PLACE: Place = Place::Server(ServerId::Issues);

struct World {
    db: Db,
    clock: Clock,
    authority: Arc<Authority>,
    server: Arc<OAuthServer>,
}

pub async fn suite(db: Db) {
    let clock = Clock::manual(1_000_000);
    let (limits, tools) = (LimitsConfig::default(), vec!["create_issue"]);
    let authority = Arc::new(Authority::new(
        db.clone(),
        clock.clone(),
        [1; 32],
        limits,
        tools,
    ));
    let config = OAuthConfig {
        max_clients: 2,
        ..OAuthConfig::default()
    };
    let server = Arc::new(OAuthServer::new(config, Arc::clone(&authority)));
    let world = World {
        db,
        clock,
        authority,
        server,
    };
    world.clients_that_are_not_used_make_room().await;
    world
        .what_is_given_lives_as_long_as_it_was_given_for()
        .await;
    world.what_hangs_on_a_token_is_never_more_than_it().await;
    world.what_is_over_is_forgotten().await;
}

impl World {
    async fn person(&self, scopes: &[&str], expires_in_s: Option<u32>) -> (Token, Arc<Principal>) {
        let wanted = NewToken {
            name: "person".into(),
            projects: vec!["*".into()],
            agents: vec!["*".into()],
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            expires_in_s,
            ..NewToken::default()
        };
        let (token, _) = self.authority.create(wanted).await.unwrap();
        let principal = self.authority.authenticate(token.reveal()).await.unwrap();
        (token, principal)
    }

    async fn code(&self, person: &Principal) -> Token {
        let asked = Asked {
            client_id: "c".into(),
            client_name: "C".into(),
            redirect_uri: REDIRECT.into(),
            state: None,
            scopes: vec!["issues:write".into()],
            challenge: challenge(VERIFIER),
            resource: String::new(),
        };
        let consent = Consent {
            scopes: asked.scopes.clone(),
            ..Consent::default()
        };
        self.server
            .consent(person, &asked, PLACE, &consent)
            .await
            .unwrap()
    }

    async fn redeem(&self, code: &Token) -> Result<Issued, String> {
        let wanted = ByCode {
            code: code.reveal().into(),
            client_id: "c".into(),
            redirect_uri: None,
            verifier: VERIFIER.into(),
            place: None,
        };
        self.server
            .by_code(wanted)
            .await
            .map_err(|fault| fault.description)
    }

    async fn refresh(&self, issued: &Issued) -> Result<Issued, String> {
        let wanted = ByRefresh {
            token: issued.refresh.as_ref().unwrap().reveal().into(),
            client_id: "c".into(),
            scopes: None,
            place: Some(PLACE),
        };
        self.server
            .by_refresh(wanted)
            .await
            .map_err(|fault| fault.description)
    }

    async fn works(&self, issued: &Issued) -> bool {
        match self.authority.authenticate(issued.access.reveal()).await {
            Ok(principal) => self.authority.is_live(&principal).await.unwrap(),
            Err(Denied::Db(error)) => panic!("{error}"),
            Err(_) => false,
        }
    }

    async fn rows(&self, table: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        on_db!(&self.db, pool => sqlx::query_scalar(sql).fetch_one(pool).await).unwrap()
    }

    async fn clients_that_are_not_used_make_room(&self) {
        let metadata = || -> Metadata {
            let wanted = serde_json::json!({"redirect_uris": [REDIRECT]});
            serde_json::from_value(wanted).unwrap()
        };
        let register = async || {
            self.server
                .register(metadata())
                .await
                .map(|(client, _)| client.id)
        };
        let (idle, used) = (register().await.unwrap(), register().await.unwrap());
        let full = register().await.unwrap_err();
        assert_eq!(full.error, "temporarily_unavailable");
        self.clock.advance(DAY);
        self.server.client(&used).await.unwrap();
        self.clock.advance(1);
        register().await.unwrap();
        assert!(self.server.client(&used).await.is_ok());
        assert_eq!(
            self.server.client(&idle).await.unwrap_err().error,
            "invalid_client"
        );
    }

    async fn what_is_given_lives_as_long_as_it_was_given_for(&self) {
        let (_, person) = self.person(&["issues:write"], None).await;
        let late = self.code(&person).await;
        self.clock.advance(60_000);
        let refused = self.redeem(&late).await.unwrap_err();
        assert!(refused.contains("expired"), "{refused}");

        let issued = self.redeem(&self.code(&person).await).await.unwrap();
        assert!(self.works(&issued).await);
        let principal = self
            .authority
            .authenticate(issued.access.reveal())
            .await
            .unwrap();
        assert!(principal.grant.scopes.names() == ["issues:write"] && principal.owner == person.id);
        self.clock.advance(600_000);
        assert!(!self.works(&issued).await, "ten minutes");
        let issued = self.refresh(&issued).await.unwrap();
        assert!(self.works(&issued).await);
        assert!(
            self.authority.is_live(&principal).await.unwrap(),
            "the same client still"
        );
        self.clock.advance(30 * DAY);
        let refused = self.refresh(&issued).await.unwrap_err();
        assert!(refused.contains("consent has ended"), "{refused}");
        assert!(!self.authority.is_live(&principal).await.unwrap());
    }

    async fn what_hangs_on_a_token_is_never_more_than_it(&self) {
        let (token, person) = self.person(&["mcp:admin", "hub:admin"], Some(300)).await;
        let issued = self.redeem(&self.code(&person).await).await.unwrap();
        let wanted = ByToken {
            client_id: person.id.to_string(),
            secret: token.reveal().into(),
            scopes: None,
            place: Place::Hub,
        };
        let own = self.server.by_token(wanted).await.unwrap();
        let grant = &self
            .authority
            .authenticate(own.access.reveal())
            .await
            .unwrap()
            .grant;
        assert!(
            !grant.scopes.hub_admin()
                && grant
                    .scopes
                    .allow(ServerId::Git, syndarix::access::Access::Admin)
        );
        assert!(self.works(&issued).await && self.works(&own).await);
        self.clock.advance(300_000);
        assert!(!self.works(&issued).await && !self.works(&own).await);
        assert!(self.refresh(&issued).await.is_err(), "its token is expired");

        let (_, person) = self.person(&["issues:write"], None).await;
        let issued = self.redeem(&self.code(&person).await).await.unwrap();
        let pending = self.code(&person).await;
        assert!(self.authority.revoke(&person.id).await.unwrap());
        assert!(!self.works(&issued).await);
        assert!(self.refresh(&issued).await.is_err() && self.redeem(&pending).await.is_err());
    }

    async fn what_is_over_is_forgotten(&self) {
        let (_, person) = self.person(&["issues:write"], None).await;
        let issued = self.redeem(&self.code(&person).await).await.unwrap();
        self.clock.advance(600_000);
        let sweep = async || {
            let stop = CancellationToken::new();
            stop.cancel();
            Arc::clone(&self.server).keep(stop).await;
        };
        sweep().await;
        assert_eq!(self.rows("oauth_access").await, 0);
        let issued = self.refresh(&issued).await.unwrap();
        sweep().await;
        assert!(self.works(&issued).await, "what lives stays");
        self.clock.advance(30 * DAY);
        sweep().await;
        for table in [
            "oauth_delegation",
            "oauth_code",
            "oauth_refresh",
            "oauth_access",
        ] {
            assert_eq!(self.rows(table).await, 0, "{table}");
        }
    }
}
