//! JWTs of configured issuers as access tokens (RFC 9068): who they speak for, and what that may do here.

mod config;
mod jws;
mod key;
mod key_set;

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value};

pub use config::{GrantConfig, IssuerConfig};
pub use jws::Algorithm;
pub use key_set::Unavailable;

use self::{
    jws::Jws,
    key_set::{FLOOR, KeySet, Place},
};
use super::{
    Audience, authority::parse_grant, grant::Grant, scope::Scopes, token::hex, tools::ToolFilter,
};
use crate::base::clock::Millis;

/// Longest token that is looked at.
const MAX_LEN: usize = 16 * 1024;

/// The issuers whose tokens are accepted.
#[derive(Debug, Default)]
pub struct Issuers(Vec<Issuer>);

#[derive(Debug)]
struct Issuer {
    name: String,
    config: IssuerConfig,
    keys: KeySet,
}

/// Whom a token speaks for.
#[derive(Debug)]
pub struct Identity {
    /// The issuer's name here, and its name for the subject.
    pub id: Arc<str>,
    /// What it may do.
    pub grant: Grant,
    /// Where it is good.
    pub audience: Audience,
    /// When it expires.
    pub expires_ms: Millis,
}

/// Why a token was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is none that could be accepted.
    #[error("{0}")]
    Token(&'static str),
    /// It was good once.
    #[error("it is expired")]
    Ended(Arc<str>),
    /// It cannot be told now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The claims that every access token has (RFC 9068, section 2.2).
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: OneOrMore,
    /// Seconds since the Unix epoch, which may have a fraction (RFC 7519, section 2).
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Issuers {
    /// Issuers by the names that they have here.
    pub fn new(configs: &BTreeMap<String, IssuerConfig>) -> Self {
        let issuer = |(name, config): (&String, &IssuerConfig)| Issuer {
            name: name.clone(),
            keys: KeySet::new(
                Place {
                    issuer: config.issuer.clone(),
                    jwks_url: config.jwks_url.clone(),
                    allowed_private: config.allowed_private.clone(),
                },
                FLOOR,
            ),
            config: config.clone(),
        };
        Self(configs.iter().map(issuer).collect())
    }

    /// Their own URLs, for clients that look for an authorization server.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|issuer| issuer.config.issuer.as_str())
    }

    /// Whom `token` speaks for.
    pub async fn identify(&self, token: &str, now: Millis) -> Result<Identity, Refused> {
        let no = Refused::Token;
        if token.len() > MAX_LEN || self.0.is_empty() {
            return Err(no("it is no token of an issuer"));
        }
        let jws = Jws::parse(token).ok_or(no("it is not signed as a token must be"))?;
        let claims: Claims = serde_json::from_slice(&jws.payload)
            .map_err(|_| no("iss, sub, aud and exp are needed"))?;
        let issuer = self
            .0
            .iter()
            .find(|issuer| issuer.config.issuer == claims.iss);
        let issuer = issuer.ok_or(no("iss is none of auth.issuers"))?;
        issuer.check_header(&jws)?;
        if !issuer.keys.have_signed(&jws).await? {
            return Err(no("none of the issuer's keys has signed it"));
        }
        issuer.accept(claims, now)
    }
}

impl Issuer {
    fn check_header(&self, jws: &Jws<'_>) -> Result<(), Refused> {
        if !self.config.algorithms.contains(&jws.header.alg) {
            return Err(Refused::Token("alg is not allowed"));
        }
        // A media type's "application/" may be left out (RFC 7515, section 4.1.9).
        let plain = |typ: &str| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").unwrap_or(&typ).to_owned()
        };
        let typ = jws.header.typ.as_deref().map(plain);
        let meant = typ.is_some_and(|typ| self.config.types.iter().any(|t| plain(t) == typ));
        if meant {
            Ok(())
        } else {
            Err(Refused::Token("typ is not allowed"))
        }
    }

    fn accept(&self, claims: Claims, now: Millis) -> Result<Identity, Refused> {
        let id = self
            .id_of(&claims.sub)
            .ok_or(Refused::Token("sub is empty"))?;
        let skew = i64::from(self.config.clock_skew_s) * 1000;
        let ms = |seconds: f64| (seconds * 1000.0) as Millis;
        let expires_ms = ms(claims.exp).saturating_add(skew);
        if expires_ms <= now {
            return Err(Refused::Ended(id));
        }
        if claims
            .nbf
            .is_some_and(|from| ms(from).saturating_sub(skew) > now)
        {
            return Err(Refused::Token("it is not valid yet"));
        }
        let audiences = match claims.aud {
            OneOrMore::One(one) => vec![one],
            OneOrMore::More(more) => more,
        };
        let hub = self.config.audience.as_ref();
        let audience = if hub.is_some_and(|hub| audiences.contains(hub)) {
            Audience::Any
        } else {
            Audience::Urls(audiences.into())
        };
        let grant = self.grant_of(&claims.others, &claims.sub);
        Ok(Identity {
            id,
            audience,
            expires_ms,
            grant: grant.ok_or(Refused::Token("none of the issuer's grants fits it"))?,
        })
    }

    /// The issuer's name and the subject's, or its hash where a log could not hold it.
    fn id_of(&self, subject: &str) -> Option<Arc<str>> {
        let plain = subject.len() <= 64 && subject.bytes().all(|b| b.is_ascii_graphic());
        let hashed = || {
            let hash = ring::digest::digest(&ring::digest::SHA256, subject.as_bytes());
            hex(hash.as_ref()).chars().take(32).collect::<String>()
        };
        let subject = match subject {
            "" => return None,
            _ if plain => subject.to_owned(),
            _ => hashed(),
        };
        Some(format!("{}:{subject}", self.name).into())
    }

    fn grant_of(&self, claims: &Map<String, Value>, subject: &str) -> Option<Grant> {
        let holds = |claim: &str, wanted: &str| match claims.get(claim) {
            Some(Value::String(text)) => text == wanted,
            Some(Value::Array(list)) => list.iter().any(|item| item == wanted),
            _ => claim == "sub" && subject == wanted,
        };
        let rule = self.config.grants.iter().find(|rule| {
            let (claim, value) = (rule.claim.as_deref(), rule.value.as_deref());
            claim.is_none_or(|claim| value.is_some_and(|value| holds(claim, value)))
        })?;
        let grant = parse_grant(&rule.projects, &rule.agents, &rule.scopes)?;
        let scopes = match self.config.scope_claim.as_str() {
            "" => grant.scopes,
            claim => grant.scopes.meet(&scopes(claims.get(claim))),
        };
        Some(Grant {
            scopes,
            tools: ToolFilter::new(rule.tools_allow.clone(), rule.tools_deny.clone()),
            ..grant
        })
    }
}

/// The scopes in a claim: a text with spaces (RFC 8693, section 4.2), or a list. Those of other services are left out.
fn scopes(claim: Option<&Value>) -> Scopes {
    let names: Vec<&str> = match claim {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    Scopes::known(names)
}
