//! Who a bearer token speaks for, whether it still does, and the life of tokens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    LimitsConfig, Principal,
    grant::{Allow, Grant},
    quota::Quota,
    scope::{BadScope, Scopes},
    store::{self, Row},
    token::Token,
    tools::{self, ToolFilter},
};
use crate::{
    base::{
        clock::{Clock, Millis},
        ids::new_id,
        ttl::TtlCache,
    },
    db::{Db, DbError},
};

/// How long a token revoked by another process may still be believed. Revoked by this one, it dies at once.
const BELIEF: Duration = Duration::from_secs(1);
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

/// What a new token shall be good for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// A name to recognise it by, 1 to 100 characters.
    pub name: String,
    /// Project ids, or `["*"]` for every project.
    pub projects: Vec<String>,
    /// Agent ids, or `["*"]` for every agent.
    pub agents: Vec<String>,
    /// `<server>:read|write|admin`, `mcp:read|write|admin` for every server, `hub:admin`.
    pub scopes: Vec<String>,
    /// The only tools it may call: names, or patterns such as `git_*`. Without any, all that its scopes allow.
    #[serde(default)]
    pub tools_allow: Vec<String>,
    /// Tools that it may not call, likewise; they win over `tools_allow`.
    #[serde(default)]
    pub tools_deny: Vec<String>,
    /// Seconds until it expires; without it the token does not expire.
    #[serde(default)]
    pub expires_in_s: Option<u32>,
}

/// A token as listed: everything but the token.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TokenInfo {
    /// Names the token when it is to be revoked.
    pub id: String,
    /// The name its maker gave it.
    pub name: String,
    /// Project ids, or `["*"]`.
    pub projects: Vec<String>,
    /// Agent ids, or `["*"]`.
    pub agents: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The only tools it may call, if there are any.
    pub tools_allow: Vec<String>,
    /// Tools that it may not call.
    pub tools_deny: Vec<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// When it expires, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<Millis>,
    /// When it was revoked, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<Millis>,
    /// When it was last used, to the minute, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_ms: Option<Millis>,
}

/// A request for a token that cannot be granted.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    /// A field is wrong: its name, and what it must be.
    #[error("{0}: {1}")]
    Field(&'static str, String),
    /// The system gave no random bits.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// The database did not take it.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Authenticates bearers and keeps their tokens.
#[derive(Debug)]
pub struct Authority {
    db: Db,
    clock: Clock,
    key: [u8; 32],
    tools: Vec<&'static str>,
    /// By token hash. Holds known tokens only, so that guesses cannot fill it.
    known: TtlCache<String, Arc<Principal>>,
    /// By token id: whether it is neither revoked nor gone.
    live: TtlCache<Arc<str>, bool>,
    quotas: Mutex<Quotas>,
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
        if let Some(known) = self.known.get(hash.as_str()) {
            return if expired(known.expires_ms, now) {
                Err(Denied::Ended(Arc::clone(&known.id)))
            } else {
                Ok(known)
            };
        }
        let row = store::by_hash(&self.db, &hash)
            .await?
            .ok_or(Denied::Token)?;
        if row.revoked_ms.is_some() || expired(row.expires_ms, now) {
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
        self.live.put(Arc::clone(&principal.id), true);
        self.known.put(hash, Arc::clone(&principal));
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
        let live = store::is_live(&self.db, &principal.id).await?;
        self.live.put(Arc::clone(&principal.id), live);
        Ok(live)
    }

    /// Makes a token. It is returned in the clear this one time.
    pub async fn create(&self, wanted: NewToken) -> Result<(Token, TokenInfo), BadToken> {
        let field = |name, problem: &str| BadToken::Field(name, problem.to_owned());
        if wanted.name.trim().is_empty() || wanted.name.chars().count() > 100 {
            return Err(field("name", "must be 1 to 100 characters"));
        }
        if wanted.expires_in_s == Some(0) {
            return Err(field(
                "expires_in_s",
                "must be at least 1, or left out for a token that does not expire",
            ));
        }
        for (name, list) in [
            ("projects", &wanted.projects),
            ("agents", &wanted.agents),
            ("scopes", &wanted.scopes),
        ] {
            if list.is_empty() || list.len() > 100 {
                return Err(field(name, "must hold 1 to 100 entries"));
            }
        }
        if parse_grant(&wanted.projects, &wanted.agents, &wanted.scopes).is_none() {
            Scopes::parse(&wanted.scopes).map_err(|e: BadScope| field("scopes", &e.to_string()))?;
            return Err(field(
                "projects",
                "projects and agents must be lists of ids, or [\"*\"]",
            ));
        }
        for (name, list) in [
            ("tools_allow", &wanted.tools_allow),
            ("tools_deny", &wanted.tools_deny),
        ] {
            if list.len() > 100 {
                return Err(field(name, "must hold at most 100 entries"));
            }
            list.iter()
                .try_for_each(|entry| tools::check(entry, &self.tools))
                .map_err(|problem| BadToken::Field(name, problem))?;
        }
        let token = Token::generate()?;
        let now = self.clock.now();
        let row = Row {
            id: new_id("tok"),
            name: wanted.name,
            hash: token.hash(&self.key),
            projects: json(&wanted.projects),
            agents: json(&wanted.agents),
            scopes: json(&wanted.scopes),
            tools_allow: json(&wanted.tools_allow),
            tools_deny: json(&wanted.tools_deny),
            created_ms: now,
            expires_ms: wanted.expires_in_s.map(|s| now + i64::from(s) * 1000),
            revoked_ms: None,
            last_used_ms: None,
        };
        store::insert(&self.db, row.clone()).await?;
        Ok((token, info(row)))
    }

    /// Ends a token at once. False when there is no such live token.
    pub async fn revoke(&self, id: &str) -> Result<bool, DbError> {
        let revoked = store::revoke(&self.db, id, self.clock.now()).await?;
        self.known.clear();
        self.live.clear();
        Ok(revoked)
    }

    /// Holds every token to `limits` from now on.
    pub fn set_limits(&self, limits: &LimitsConfig) {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        quotas.by_token.values().for_each(|quota| quota.set(limits));
        quotas.limits = limits.clone();
    }

    /// Tokens by id, after `after`.
    pub async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<TokenInfo>, DbError> {
        Ok(store::list(&self.db, after, limit)
            .await?
            .into_iter()
            .map(info)
            .collect())
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

fn parse_grant<S: AsRef<str>>(projects: &[S], agents: &[S], scopes: &[S]) -> Option<Grant> {
    Some(Grant {
        projects: Allow::parse(projects)?,
        agents: Allow::parse(agents)?,
        scopes: Scopes::parse(scopes).ok()?,
        tools: ToolFilter::default(),
    })
}

fn json(list: &[String]) -> String {
    serde_json::json!(list).to_string()
}

fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

fn info(row: Row) -> TokenInfo {
    TokenInfo {
        projects: list(&row.projects),
        agents: list(&row.agents),
        scopes: list(&row.scopes),
        tools_allow: list(&row.tools_allow),
        tools_deny: list(&row.tools_deny),
        id: row.id,
        name: row.name,
        created_ms: row.created_ms,
        expires_ms: row.expires_ms,
        revoked_ms: row.revoked_ms,
        last_used_ms: row.last_used_ms,
    }
}
