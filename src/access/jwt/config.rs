//! `[auth.issuers.<name>]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::jws::Algorithm;
use crate::access::{authority::parse_grant, scope::Scopes};

/// `[auth.issuers.<name>]`: an issuer whose JWTs are accepted as access tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Where its keys are (JWKS); unless given, its metadata at `/.well-known/openid-configuration` say it.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// What it calls this hub in `aud`. Unless given, `aud` must be the URL of the endpoint that is called.
    #[serde(default)]
    pub audience: Option<String>,
    /// How its tokens may be signed.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// What their `typ` may be. Some issuers say `JWT` of access tokens, and of identity tokens too.
    #[serde(default = "types")]
    pub types: Vec<String>,
    /// The claim that lists scopes: of those that a grant gives, a token has the ones that are in its list. An empty name
    /// gives all that the grant does.
    #[serde(default = "scope_claim")]
    pub scope_claim: String,
    /// Seconds that its clock may differ from the hub's.
    #[serde(default = "clock_skew_s")]
    pub clock_skew_s: u32,
    /// Private addresses where it is meant to be, as `host:port`. Plain http is spoken there and nowhere else.
    #[serde(default)]
    pub allowed_private: Vec<String>,
    /// What its tokens are good for. The first grant that fits a token counts; a token that none fits is refused.
    #[serde(default)]
    pub grants: Vec<GrantConfig>,
}

/// `[[auth.issuers.<name>.grants]]`: what tokens with a claim are good for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantConfig {
    /// The claim that a token must have; without one the grant fits every token.
    #[serde(default)]
    pub claim: Option<String>,
    /// What that claim must be, or have in its list.
    #[serde(default)]
    pub value: Option<String>,
    /// Project ids, or `["*"]` for every project.
    pub projects: Vec<String>,
    /// Agent ids, or `["*"]` for every agent.
    pub agents: Vec<String>,
    /// `<server>:read|write|admin`, `mcp:read|write|admin` for every server, `hub:admin`.
    pub scopes: Vec<String>,
    /// The only tools that may be called: names, or patterns such as `git_*`. Without any, all that the scopes allow.
    #[serde(default)]
    pub tools_allow: Vec<String>,
    /// Tools that may not be called, likewise; they win over `tools_allow`.
    #[serde(default)]
    pub tools_deny: Vec<String>,
}

fn algorithms() -> Vec<Algorithm> {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256};
    vec![Rs256, Ps256, Es256, Es384, EdDsa]
}

fn types() -> Vec<String> {
    vec!["at+jwt".to_owned()]
}

fn scope_claim() -> String {
    "scope".to_owned()
}

fn clock_skew_s() -> u32 {
    30
}

impl IssuerConfig {
    /// Says which field is wrong, and what it must be.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        for (field, url) in [
            ("issuer", Some(&self.issuer)),
            ("jwks_url", self.jwks_url.as_ref()),
        ] {
            if let Some(problem) = url.and_then(|url| self.problem_of(url)) {
                return Err((field, problem));
            }
        }
        for (field, empty) in [
            ("algorithms", self.algorithms.is_empty()),
            ("types", self.types.is_empty()),
            // Where there are none, the file has no place for them.
            ("issuer", self.grants.is_empty()),
        ] {
            if empty {
                let problem =
                    "has no algorithms, types or grants: none of its tokens would be accepted";
                return Err((field, problem.to_owned()));
            }
        }
        self.grants.iter().try_for_each(GrantConfig::check)
    }

    fn problem_of(&self, url: &str) -> Option<String> {
        let parsed: Option<http::Uri> = url.parse().ok();
        let port = |uri: &http::Uri| uri.port_u16().unwrap_or(80);
        let meant = |uri: &http::Uri| {
            let at = format!("{}:{}", uri.host().unwrap_or_default(), port(uri));
            self.allowed_private.contains(&at)
        };
        match parsed.as_ref().map(|uri| (uri.scheme_str(), uri)) {
            Some((Some("https"), _)) => None,
            Some((Some("http"), uri)) if meant(uri) => None,
            _ => Some(format!(
                "{url:?} must begin with https://; http:// is for addresses in allowed_private"
            )),
        }
    }
}

impl GrantConfig {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.claim.is_some() != self.value.is_some() {
            return Err(("grants", "need claim and value, or neither".to_owned()));
        }
        Scopes::parse(&self.scopes).map_err(|error| ("grants", error.to_string()))?;
        if parse_grant(&self.projects, &self.agents, &self.scopes).is_none() {
            let problem = "need projects and agents that are lists of ids, or [\"*\"]";
            return Err(("grants", problem.to_owned()));
        }
        Ok(())
    }
}
