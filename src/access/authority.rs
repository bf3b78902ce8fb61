//! Who a bearer token speaks for, and whether it still does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use super::{
    Audience, LimitsConfig, Place, Principal, Source,
    grant::{Allow, Grant},
    jwt::{Issuers, Refused, Unavailable},
    limit_store, oauth,
    quota::{Exceeded, Permits, Quota},
    rules::{Call, Rules},
    scope::Scopes,
    store,
    token::{Kind, Token},
    tools::ToolFilter,
};
use crate::{
    base::{
        clock::{Clock, Millis},
        ttl::TtlCache,
    },
    db::{Db, DbError},
};

/// How long a token revoked by another process may still be believed. Revoked by this one, it dies at once.
const BELIEF: Duration = Duration::from_millis(500);
/// `last_used_ms` is written at most this often for each token.
const TOUCH_EVERY: Millis = 60_000;
/// Shares that are remembered; past it those of nobody who is there are forgotten.
const MOST_QUOTAS: usize = 10_000;

/// Why a token was refused.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// Unknown, malformed, revoked or expired: a caller is not told which.
    #[error(
        "the bearer token is missing, unknown, revoked or expired: ask an administrator for a new one"
    )]
    Token,
    /// The token with this id was good once, and is revoked or expired: said in the audit log only.
    #[error("{}", Denied::Token)]
    Ended(Arc<str>),
    /// It cannot be told now whether the token is good.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Why a call is not let in now.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// It would be too much.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// It cannot be told.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Authenticates bearers and keeps their tokens.
#[derive(Debug)]
pub struct Authority {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) key: [u8; 32],
    pub(super) tools: Vec<&'static str>,
    /// By token hash. Holds known tokens only, so that guesses cannot fill it.
    known: TtlCache<String, Known>,
    /// By the id of a token or a delegation: whether it is neither revoked nor gone.
    live: TtlCache<Arc<str>, bool>,
    issuers: Issuers,
    quotas: Mutex<Quotas>,
    rules: RwLock<Arc<Rules>>,
}

/// Whom a token speaks for.
#[derive(Clone, Debug)]
struct Known {
    principal: Arc<Principal>,
    /// Until when it does.
    until: Option<Millis>,
}

/// What each token may ask for.
#[derive(Debug)]
struct Quotas {
    limits: LimitsConfig,
    /// By token id; outlives the cached principals, or a limit would reset with each reload.
    by_token: HashMap<Arc<str>, Arc<Quota>>,
}

impl Authority {
    /// An authority over the tokens in `db`, hashed under `key`. `tools` are all the tools that a token may name.
    pub fn new(
        db: Db,
        clock: Clock,
        key: [u8; 32],
        limits: LimitsConfig,
        tools: Vec<&'static str>,
    ) -> Self {
        Self {
            db,
            clock,
            key,
            tools,
            known: TtlCache::new(BELIEF),
            live: TtlCache::new(BELIEF),
            issuers: Issuers::default(),
            rules: RwLock::new(Arc::new(Rules::new(&limits.rules))),
            quotas: Mutex::new(Quotas {
                limits,
                by_token: HashMap::new(),
            }),
        }
    }

    /// The same, which believes the JWTs of `issuers` too.
    #[must_use]
    pub fn with_issuers(self, issuers: Issuers) -> Self {
        Self { issuers, ..self }
    }

    /// The issuers whose JWTs it believes.
    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// The principal that `bearer` speaks for.
    pub async fn authenticate(&self, bearer: &str) -> Result<Arc<Principal>, Denied> {
        let Some(token) = Token::parse(bearer) else {
            return self.foreign(bearer).await;
        };
        let hash = token.hash(&self.key);
        if let Some(Known { principal, until }) = self.known.get(hash.as_str()) {
            return if expired(until, self.clock.now()) {
                Err(Denied::Ended(Arc::clone(&principal.id)))
            } else {
                Ok(principal)
            };
        }
        let asked = (self.known.mark(), self.live.mark());
        let known = match token.kind {
            Kind::Service => self.service(&hash).await?,
            Kind::Access => self.delegated(&hash).await?,
            Kind::Refresh | Kind::Code => return Err(Denied::Token),
        };
        let principal = Arc::clone(&known.principal);
        if let Some(id) = principal.source.ends_with(&principal.id) {
            self.live.put_since(asked.1, Arc::clone(id), true);
        }
        self.known.put_since(asked.0, hash, known);
        Ok(principal)
    }

    async fn service(&self, hash: &str) -> Result<Known, Denied> {
        let now = self.clock.now();
        let row = store::by_hash(&self.db, hash).await?.ok_or(Denied::Token)?;
        let until = if row.hash == hash {
            row.expires_ms
        } else {
            // What a rotated token was before.
            let grace = row.old_until_ms.unwrap_or(0);
            Some(row.expires_ms.map_or(grace, |at| at.min(grace)))
        };
        if row.revoked_ms.is_some() || expired(until, now) {
            return Err(Denied::Ended(row.id.into()));
        }
        self.touch(&row.id, row.last_used_ms, now);
        let grant = stored_grant(
            [&row.projects, &row.agents, &row.scopes],
            [&row.tools_allow, &row.tools_deny],
        )?;
        let id: Arc<str> = row.id.into();
        let principal = Principal {
            name: row.name.into(),
            grant,
            expires_ms: row.expires_ms,
            quota: self.quota(&id),
            owner: Arc::clone(&id),
            source: Source::Token,
            audience: Audience::Any,
            id,
        };
        Ok(Known {
            principal: Arc::new(principal),
            until,
        })
    }

    /// What a client got by somebody's service token. It counts to that token's share of the hub.
    async fn delegated(&self, hash: &str) -> Result<Known, Denied> {
        let now = self.clock.now();
        let found = oauth::by_access(&self.db, hash).await?;
        let found = found.ok_or(Denied::Token)?;
        let row = &found.delegation;
        let ends = found
            .token_expires_ms
            .map_or(row.expires_ms, |at| at.min(row.expires_ms));
        let until = ends.min(found.access_expires_ms);
        let revoked = row.revoked_ms.or(found.token_revoked_ms).is_some();
        let id: Arc<str> = oauth::principal_id(&found).into();
        if revoked || expired(Some(until), now) {
            return Err(Denied::Ended(id));
        }
        self.touch(&row.token_id, found.token_last_used_ms, now);
        let person = stored_grant(
            [
                &found.token_projects,
                &found.token_agents,
                &found.token_scopes,
            ],
            [&found.token_tools_allow, &found.token_tools_deny],
        )?;
        let place = Place::parse(&row.place).ok_or(Denied::Token)?;
        let owner: Arc<str> = row.token_id.as_str().into();
        let principal = Principal {
            id,
            name: format!("{} by {}", row.client_name, found.token_name).into(),
            grant: oauth::grant(&found, person).ok_or(Denied::Token)?,
            expires_ms: Some(ends),
            quota: self.quota(&owner),
            owner,
            source: Source::Delegation(row.id.as_str().into()),
            audience: Audience::Place(place),
        };
        Ok(Known {
            principal: Arc::new(principal),
            until: Some(until),
        })
    }

    /// Whom a JWT of another issuer speaks for.
    async fn foreign(&self, bearer: &str) -> Result<Arc<Principal>, Denied> {
        let identity = match self.issuers.identify(bearer, self.clock.now()).await {
            Ok(identity) => identity,
            Err(Refused::Ended(id)) => return Err(Denied::Ended(id)),
            Err(Refused::Unavailable(error)) => return Err(error.into()),
            Err(Refused::Token(problem)) => {
                tracing::debug!(problem, "a JWT was refused");
                return Err(Denied::Token);
            }
        };
        Ok(Arc::new(Principal {
            name: Arc::clone(&identity.id),
            quota: self.quota(&identity.id),
            owner: Arc::clone(&identity.id),
            grant: identity.grant,
            expires_ms: Some(identity.expires_ms),
            source: Source::Issuer,
            audience: identity.audience,
            id: identity.id,
        }))
    }

    /// Notes that the token was used.
    fn touch(&self, id: &str, last_ms: Option<Millis>, now: Millis) {
        if last_ms.is_some_and(|at| now - at < TOUCH_EVERY) {
            return;
        }
        let (db, id) = (self.db.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = store::touch(&db, &id, now).await {
                tracing::warn!(%error, "could not note a token's use");
            }
        });
    }

    /// Whether the principal's token is still good: asked again at every call, because sessions outlive tokens.
    pub async fn is_live(&self, principal: &Principal) -> Result<bool, DbError> {
        if expired(principal.expires_ms, self.clock.now()) {
            return Ok(false);
        }
        let Some(id) = principal.source.ends_with(&principal.id) else {
            return Ok(true);
        };
        if let Some(live) = self.live.get(&**id) {
            return Ok(live);
        }
        let asked = self.live.mark();
        let live = if principal.source == Source::Token {
            store::is_live(&self.db, id).await?
        } else {
            oauth::is_live(&self.db, id, self.clock.now()).await?
        };
        self.live.put_since(asked, Arc::clone(id), live);
        Ok(live)
    }

    /// Believes nothing any more that was read before.
    pub(super) fn forget(&self) {
        self.known.clear();
        self.live.clear();
    }

    /// Holds every token to `limits` from now on.
    pub fn set_limits(&self, limits: &LimitsConfig) {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        quotas.by_token.values().for_each(|quota| quota.set(limits));
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        if quotas.limits.rules != limits.rules {
            *rules = Arc::new(Rules::new(&limits.rules));
        }
        quotas.limits = limits.clone();
    }

    /// Takes a place for one call: in its token's share of the hub, and in that of each rule that counts it.
    pub async fn enter(&self, call: &Call<'_>) -> Result<Permits, LimitError> {
        let principal = call.principal;
        let mut permits = vec![principal.quota.enter()?];
        let rules = Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner));
        for quota in rules.quotas(call) {
            permits.push(quota.enter()?);
        }
        // Hubs that share a database share the rates.
        if let Db::Postgres(_) = self.db {
            for permit in &permits {
                if let Some(rate) = permit.rate() {
                    let wait = limit_store::take(&self.db, permit.subject(), rate).await?;
                    wait.map_or(Ok(()), |wait| Err(Exceeded::Rate(wait)))?;
                }
            }
        }
        Ok(Permits(permits))
    }

    /// The share of `owner`, a service token or somebody of another issuer.
    fn quota(&self, owner: &Arc<str>) -> Arc<Quota> {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        let Quotas { limits, by_token } = &mut *quotas;
        if by_token.len() >= MOST_QUOTAS {
            by_token.retain(|_, quota| Arc::strong_count(quota) > 1 || !quota.is_idle());
        }
        let quota = by_token
            .entry(Arc::clone(owner))
            .or_insert_with(|| Arc::new(Quota::new(owner, limits)));
        Arc::clone(quota)
    }
}

fn expired(expires_ms: Option<Millis>, now: Millis) -> bool {
    expires_ms.is_some_and(|at| at <= now)
}

/// The grant of a stored token, for all tools; `None` when something in it cannot be read.
pub(super) fn parse_grant<S: AsRef<str>>(
    projects: &[S],
    agents: &[S],
    scopes: &[S],
) -> Option<Grant> {
    Some(Grant {
        projects: Allow::parse(projects)?,
        agents: Allow::parse(agents)?,
        scopes: Scopes::parse(scopes).ok()?,
        tools: ToolFilter::default(),
    })
}

/// The grant in a row's lists: projects, agents and scopes; allowed and denied tools.
fn stored_grant([projects, agents, scopes]: [&str; 3], tools: [&str; 2]) -> Result<Grant, Denied> {
    let grant = parse_grant(&list(projects), &list(agents), &list(scopes));
    // An empty list allows every tool: one that cannot be read must not.
    let read = |json: &str| serde_json::from_str(json).map_err(|_| Denied::Token);
    let [allow, deny] = tools.map(read);
    Ok(Grant {
        tools: ToolFilter::new(allow?, deny?),
        ..grant.ok_or(Denied::Token)?
    })
}

/// A stored list.
pub(super) fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}
