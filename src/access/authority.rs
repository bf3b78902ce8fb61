//! Who a bearer token speaks for, and whether it still does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    LimitsConfig, Principal,
    grant::{Allow, Grant},
    quota::Quota,
    scope::Scopes,
    store::{self, Row},
    token::Token,
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
    /// The database did not answer.
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
    /// By token id: whether it is neither revoked nor gone.
    live: TtlCache<Arc<str>, bool>,
    quotas: Mutex<Quotas>,
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
            quotas: Mutex::new(Quotas {
                limits,
                by_token: HashMap::new(),
            }),
        }
    }

    /// The principal that `bearer` speaks for.
    pub async fn authenticate(&self, bearer: &str) -> Result<Arc<Principal>, Denied> {
        let hash = Token::parse(bearer).ok_or(Denied::Token)?.hash(&self.key);
        let now = self.clock.now();
        if let Some(Known { principal, until }) = self.known.get(hash.as_str()) {
            return if expired(until, now) {
                Err(Denied::Ended(Arc::clone(&principal.id)))
            } else {
                Ok(principal)
            };
        }
        let asked = (self.known.mark(), self.live.mark());
        let row = store::by_hash(&self.db, &hash)
            .await?
            .ok_or(Denied::Token)?;
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
        if row.last_used_ms.is_none_or(|at| now - at >= TOUCH_EVERY) {
            let (db, id) = (self.db.clone(), row.id.clone());
            tokio::spawn(async move {
                if let Err(error) = store::touch(&db, &id, now).await {
                    tracing::warn!(%error, "could not note a token's use");
                }
            });
        }
        let principal = Arc::new(self.principal(row)?);
        self.live
            .put_since(asked.1, Arc::clone(&principal.id), true);
        let known = Known {
            principal: Arc::clone(&principal),
            until,
        };
        self.known.put_since(asked.0, hash, known);
        Ok(principal)
    }

    /// Whether the principal's token is still good: asked again at every call, because sessions outlive tokens.
    pub async fn is_live(&self, principal: &Principal) -> Result<bool, DbError> {
        if expired(principal.expires_ms, self.clock.now()) {
            return Ok(false);
        }
        if let Some(live) = self.live.get(&*principal.id) {
            return Ok(live);
        }
        let asked = self.live.mark();
        let live = store::is_live(&self.db, &principal.id).await?;
        self.live.put_since(asked, Arc::clone(&principal.id), live);
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
        quotas.limits = limits.clone();
    }

    fn principal(&self, row: Row) -> Result<Principal, Denied> {
        let grant = parse_grant(&list(&row.projects), &list(&row.agents), &list(&row.scopes));
        // An empty list allows every tool: one that cannot be read must not.
        let read = |json: &str| serde_json::from_str(json).map_err(|_| Denied::Token);
        let grant = Grant {
            tools: ToolFilter::new(read(&row.tools_allow)?, read(&row.tools_deny)?),
            ..grant.ok_or(Denied::Token)?
        };
        let id: Arc<str> = row.id.into();
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        let Quotas { limits, by_token } = &mut *quotas;
        let quota = by_token
            .entry(Arc::clone(&id))
            .or_insert_with(|| Arc::new(Quota::new(limits)));
        Ok(Principal {
            name: row.name.into(),
            grant,
            expires_ms: row.expires_ms,
            quota: Arc::clone(quota),
            id,
        })
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

/// A stored list.
pub(super) fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}
