//! The hub's own small authorization server (OAuth 2.1): whoever holds a service token can let a client act by it, for a part of
//! what the token may do, in one place, for a while.

mod client;
mod client_store;
mod config;
mod exchange;
mod given;
mod redirect;
mod store;
mod ticket;

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use client::{Client, Metadata};
pub use config::OAuthConfig;
pub use exchange::{ByCode, ByRefresh, ByToken, Issued};
pub use given::OAuthGrant;
pub(super) use store::{Found, by_access, is_live};
pub use ticket::{Asked, LIFE_MS};

use super::{
    Authority, Place, Principal,
    grant::{Allow, Grant},
    quota::{Quota, Rates},
    scope::Scopes,
    token::{Kind, Token, hex},
};
use crate::{
    base::{
        clock::Millis,
        ids::{AgentId, ProjectId, new_id},
        ttl::TtlCache,
    },
    db::{Db, DbError},
};

/// How long a client's document is believed.
const DOCUMENT_TTL: Duration = Duration::from_secs(300);
/// Documents that are fetched at the same time.
const FETCHES: usize = 4;
/// How often what is over is deleted.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);
/// Refusals that are noted.
const REFUSALS: Rates = Rates {
    calls_per_minute: 1200,
    concurrent_calls: 0,
    bytes_per_minute: 0,
    admin_requests_per_minute: 0,
};
/// How long a code may be used.
const CODE_MS: Millis = 60_000;

/// The authorization server of a hub.
#[derive(Debug)]
pub struct OAuthServer {
    /// What it was told.
    pub config: OAuthConfig,
    authority: Arc<Authority>,
    documents: TtlCache<String, Arc<Client>>,
    fetching: Semaphore,
    /// How often refusals are noted.
    refusals: Arc<Quota>,
}

/// A refusal in the words of RFC 6749, section 5.2.
#[derive(Debug, thiserror::Error)]
#[error("{error}: {description}")]
pub struct Fault {
    /// The error code.
    pub error: &'static str,
    /// What is wrong, and what to do next.
    pub description: String,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// The cause, for the log only.
    #[source]
    pub source: Option<DbError>,
}

impl Fault {
    /// A refusal.
    pub fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            error,
            description: description.into(),
            retry_after: None,
            source: None,
        }
    }

    /// The same, for now.
    #[must_use]
    fn busy(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<DbError> for Fault {
    fn from(source: DbError) -> Self {
        let problem = "the hub's database does not answer: try again after a moment";
        Self {
            source: Some(source),
            ..Self::new("server_error", problem)
        }
    }
}

impl From<getrandom::Error> for Fault {
    fn from(error: getrandom::Error) -> Self {
        tracing::error!(%error, "no random numbers");
        Self::new(
            "server_error",
            "the hub has no random numbers: try again later",
        )
    }
}

/// What somebody agreed to.
#[derive(Debug, Default)]
pub struct Consent {
    /// The scopes that were left ticked, of those that were asked for.
    pub scopes: Vec<String>,
    /// The only project, if it shall be one.
    pub project: String,
    /// The only agent, if it shall be one.
    pub agent: String,
}

impl OAuthServer {
    /// An authorization server over the tokens of `authority`.
    pub fn new(config: OAuthConfig, authority: Arc<Authority>) -> Self {
        Self {
            config,
            authority,
            documents: TtlCache::new(DOCUMENT_TTL),
            fetching: Semaphore::new(FETCHES),
            refusals: Arc::new(Quota::of("refusals", REFUSALS)),
        }
    }

    fn db(&self) -> &Db {
        &self.authority.db
    }

    fn now(&self) -> Millis {
        self.authority.clock.now()
    }

    fn hash(&self, token: &Token) -> String {
        token.hash(&self.authority.key)
    }

    /// Whether one more refusal is worth a line in the audit log: anybody can cause them.
    pub fn notes_refusal(&self) -> bool {
        self.refusals.enter().is_ok()
    }

    /// A ticket for what was asked, for the browser with `browser` in its cookie.
    pub fn seal(&self, asked: &Asked, browser: &str) -> Option<String> {
        asked.seal(&self.authority.key, browser, self.now())
    }

    /// What such a ticket was for.
    pub fn open(&self, ticket: &str, browser: &str) -> Option<Asked> {
        Asked::open(&self.authority.key, browser, ticket, self.now())
    }

    /// Whether a client that registered `uris` may be sent to `asked`.
    pub fn may_redirect(uris: &[String], asked: &str) -> bool {
        uris.iter().any(|own| redirect::matches(own, asked))
    }

    /// Those of `scopes` that mean something in `place`.
    pub fn offered(scopes: &[String], place: Place) -> Vec<String> {
        narrowed(scopes, &Scopes::all(), place)
    }

    /// Lets the client have what `consent` leaves of what it asked for, by the service token of `person`. The code for it.
    pub async fn consent(
        &self,
        person: &Principal,
        asked: &Asked,
        place: Place,
        consent: &Consent,
    ) -> Result<Token, Fault> {
        let offered = consent.scopes.iter().filter(|s| asked.scopes.contains(s));
        let scopes = narrowed(offered, &person.grant.scopes, place);
        if scopes.is_empty() {
            let problem = "this token has none of the scopes that are ticked: tick others, or use another token";
            return Err(Fault::new("access_denied", problem));
        }
        let projects = only(&person.grant.projects, &consent.project, ProjectId::new)
            .ok_or_else(|| Fault::new("access_denied", "this token does not cover that project"))?;
        let agents = only(&person.grant.agents, &consent.agent, AgentId::new)
            .ok_or_else(|| Fault::new("access_denied", "this token does not cover that agent"))?;
        let now = self.now();
        let row = store::Row {
            id: new_id("del"),
            token_id: person.id.to_string(),
            client_id: asked.client_id.clone(),
            client_name: asked.client_name.clone(),
            place: place.as_str().to_owned(),
            projects: json(&Vec::from(projects)),
            agents: json(&Vec::from(agents)),
            scopes: json(&scopes),
            created_ms: now,
            expires_ms: now + i64::from(self.config.consent_days) * 86_400_000,
            revoked_ms: None,
        };
        let code = Token::generate(Kind::Code)?;
        let stored = store::Code {
            hash: self.hash(&code),
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.challenge.clone(),
            expires_ms: now + CODE_MS,
        };
        store::insert(self.db(), row, store::First::Code(stored)).await?;
        Ok(code)
    }

    /// Deletes what is over, now and then, until `stop` is cancelled.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        loop {
            if let Err(error) = store::expire(self.db(), self.now()).await {
                tracing::warn!(%error, "could not delete consents that have ended");
            }
            let wait = tokio::time::sleep(EXPIRE_EVERY);
            if stop.run_until_cancelled(wait).await.is_none() {
                return;
            }
        }
    }
}

/// The principal of what clients get: whose token it stands on, and which client it is. It is the same for the next consent, so
/// that a client which asks for a scope more goes on with its sessions.
pub(super) fn principal_id(found: &Found) -> String {
    let row = &found.delegation;
    let hash = ring::digest::digest(&ring::digest::SHA256, row.client_id.as_bytes());
    let client: String = hex(hash.as_ref()).chars().take(16).collect();
    format!("{}.{client}", row.token_id)
}

/// What is left of `asked` for somebody who has `own`, in `place`. What is left whole keeps its name.
fn narrowed<S: AsRef<str>>(
    asked: impl IntoIterator<Item = S>,
    own: &Scopes,
    place: Place,
) -> Vec<String> {
    let most = own.meet(&place.ceiling());
    let mut left: Vec<String> = Vec::new();
    for name in asked {
        let one = Scopes::known([name.as_ref()]);
        let got = one.meet(&most);
        let names = if got == one && !one.is_empty() {
            vec![name.as_ref().to_owned()]
        } else {
            got.names()
        };
        for name in names {
            if !left.contains(&name) {
                left.push(name);
            }
        }
    }
    left
}

/// `own`, or the one name in it that is wanted; none when it is not in it.
fn only<T: Clone + AsRef<str> + PartialEq + std::str::FromStr, E>(
    own: &Allow<T>,
    wanted: &str,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Option<Allow<T>> {
    match wanted.trim() {
        "" => Some(own.clone()),
        name => {
            let name = parse(name.to_owned()).ok()?;
            own.covers(&name).then(|| Allow::Only(vec![name]))
        }
    }
}

fn json(list: &[String]) -> String {
    serde_json::json!(list).to_string()
}

/// What the access token `found` may do: what was agreed to, and no more than the service token behind it.
pub(super) fn grant(found: &Found, person: Grant) -> Option<Grant> {
    let list = |json: &str| serde_json::from_str::<Vec<String>>(json).ok();
    let place = Place::parse(&found.delegation.place)?;
    let agreed = Scopes::parse(&list(&found.delegation.scopes)?).ok()?;
    let asked = Scopes::parse(&list(&found.access_scopes)?).ok()?;
    Some(Grant {
        projects: Allow::parse(&list(&found.delegation.projects)?)?.meet(&person.projects),
        agents: Allow::parse(&list(&found.delegation.agents)?)?.meet(&person.agents),
        scopes: person
            .scopes
            .meet(&agreed)
            .meet(&asked)
            .meet(&place.ceiling()),
        tools: person.tools,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_never_more_than_the_person_has() {
        let of = |asked: &[&str], own: &[&str], place| {
            narrowed(asked, &Scopes::parse(own).unwrap(), place)
        };
        let issues = Place::parse("issues").unwrap();
        let asked = ["issues:read", "issues:write"];
        assert_eq!(of(&asked, &["mcp:admin"], issues), asked);
        assert_eq!(of(&asked, &["mcp:read"], issues), ["issues:read"]);
        assert!(of(&asked, &["git:admin"], issues).is_empty());
        assert_eq!(
            of(&["mcp:write"], &["mcp:write"], Place::All),
            ["mcp:write"]
        );
        assert_eq!(of(&["mcp:write"], &["git:read"], Place::All), ["git:read"]);
        assert_eq!(of(&["mcp:write"], &["mcp:admin"], issues), ["issues:write"]);
        let everything = ["mcp:admin", "hub:admin"];
        assert_eq!(of(&everything, &everything, Place::Hub), ["mcp:admin"]);
        assert!(of(&["openid", ""], &everything, Place::Hub).is_empty());
    }
}
