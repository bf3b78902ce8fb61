//! The life of service tokens: making, rotating, revoking and listing them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Authority,
    authority::list,
    scope::{BadScope, Scopes},
    store::{self, Row},
    token::{Kind, Token},
    tools,
};
use crate::{
    base::{
        clock::Millis,
        ids::{ProjectId, new_id},
    },
    db::DbError,
};

/// Seconds that a rotated token works as it was, unless its rotation says otherwise.
const GRACE_S: u32 = 3600;
/// The longest that may be said.
const MAX_GRACE_S: u32 = 30 * 86_400;

/// What ids of projects and agents look like, for clients: the parser decides.
const NAMES: &str = r"^(\*|[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*)$";
/// What scopes look like, likewise.
const SCOPES: &str = "^(hub:admin|(mcp|llm_gateway|git|knowledge_base|issues|file_system|code_analysis|cicd):(read|write|admin))$";

/// What a new token shall be good for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// A name to recognise it by, 1 to 100 characters.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"\S"))]
    pub name: String,
    /// Project ids, or `["*"]` for every project.
    #[schemars(length(min = 1, max = 100), inner(length(max = 64), regex(pattern = NAMES)), example = ["default"])]
    pub projects: Vec<String>,
    /// Agent ids, or `["*"]` for every agent.
    #[schemars(length(min = 1, max = 100), inner(length(max = 64), regex(pattern = NAMES)), example = ["default"])]
    pub agents: Vec<String>,
    /// `<server>:read|write|admin`, `mcp:read|write|admin` for every server, `hub:admin`.
    #[schemars(length(min = 1, max = 100), inner(regex(pattern = SCOPES)), example = ["issues:read"])]
    pub scopes: Vec<String>,
    /// The only tools it may call: names, or patterns such as `git_*`. Without any, all that its scopes allow.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub tools_allow: Vec<String>,
    /// Tools that it may not call, likewise; they win over `tools_allow`.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub tools_deny: Vec<String>,
    /// Seconds until it expires; without it the token does not expire.
    #[serde(default)]
    #[schemars(range(min = 1))]
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
    /// Until when what it was before its last rotation works too, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_until_ms: Option<Millis>,
}

/// How a token shall be rotated.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Seconds that the token works as it was, beside as it is now: 0 to 2592000 (30 days), an hour unless given.
    #[schemars(range(max = MAX_GRACE_S))]
    pub grace_s: Option<u32>,
    /// Seconds from now until it expires; without it the expiry stays what it is.
    #[schemars(range(min = 1))]
    pub expires_in_s: Option<u32>,
}

/// A token that cannot be made or rotated as it was asked for.
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

impl Authority {
    /// Makes a token. It is returned in the clear this one time.
    pub async fn create(&self, wanted: NewToken) -> Result<(Token, TokenInfo), BadToken> {
        let field = |name, problem: &str| BadToken::Field(name, problem.to_owned());
        if wanted.name.trim().is_empty() || wanted.name.chars().count() > 100 {
            return Err(field("name", "must be 1 to 100 characters"));
        }
        check_expiry(wanted.expires_in_s)?;
        for (name, list) in [
            ("projects", &wanted.projects),
            ("agents", &wanted.agents),
            ("scopes", &wanted.scopes),
        ] {
            if list.is_empty() || list.len() > 100 {
                return Err(field(name, "must hold 1 to 100 entries"));
            }
        }
        // A name beside `*` means nothing, but it is a name.
        let is_name = |name: &String| name == "*" || ProjectId::new(name).is_ok();
        for (list, entries) in [("projects", &wanted.projects), ("agents", &wanted.agents)] {
            if !entries.iter().all(is_name) {
                return Err(field(list, "must be a list of ids, or [\"*\"]"));
            }
        }
        Scopes::parse(&wanted.scopes).map_err(|e: BadScope| field("scopes", &e.to_string()))?;
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
        let token = Token::generate(Kind::Service)?;
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
            old_until_ms: None,
        };
        store::insert(&self.db, row.clone()).await?;
        Ok((token, info(row)))
    }

    /// Gives the token `id` a new text, which is returned in the clear this one time; the old one works for the grace that
    /// `wanted` gives it. Its id, its grant and its sessions stay. `None` when there is no such live token.
    pub async fn rotate(
        &self,
        id: &str,
        wanted: &Rotation,
    ) -> Result<Option<(Token, TokenInfo)>, BadToken> {
        let grace_s = wanted.grace_s.unwrap_or(GRACE_S);
        if grace_s > MAX_GRACE_S {
            return Err(BadToken::Field(
                "grace_s",
                format!("must be 0 to {MAX_GRACE_S}"),
            ));
        }
        check_expiry(wanted.expires_in_s)?;
        let now = self.clock.now();
        let token = Token::generate(Kind::Service)?;
        let change = store::Rotation {
            id: id.to_owned(),
            hash: token.hash(&self.key),
            old_until_ms: now + i64::from(grace_s) * 1000,
            expires_ms: wanted.expires_in_s.map(|s| now + i64::from(s) * 1000),
            now,
        };
        let row = store::rotate(&self.db, change).await?;
        self.forget();
        Ok(row.map(|row| (token, info(row))))
    }

    /// Ends a token at once. False when there is no such live token.
    pub async fn revoke(&self, id: &str) -> Result<bool, DbError> {
        let revoked = store::revoke(&self.db, id, self.clock.now()).await?;
        self.forget();
        Ok(revoked)
    }

    /// Tokens by id, after `after`.
    pub async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<TokenInfo>, DbError> {
        Ok(store::list(&self.db, after, limit)
            .await?
            .into_iter()
            .map(info)
            .collect())
    }
}

fn check_expiry(expires_in_s: Option<u32>) -> Result<(), BadToken> {
    if expires_in_s == Some(0) {
        let problem = "must be at least 1, or left out";
        return Err(BadToken::Field("expires_in_s", problem.to_owned()));
    }
    Ok(())
}

fn json(list: &[String]) -> String {
    serde_json::json!(list).to_string()
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
        old_until_ms: row.old_until_ms,
    }
}
