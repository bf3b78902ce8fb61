//! The token endpoint's work: what is given for what.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

use super::{
    Fault, OAuthServer, json, narrowed,
    store::{self, Access, Exchange, Redeemed},
};
use crate::access::{
    Denied, Place,
    scope::Scopes,
    token::{Kind, Token},
};
use crate::base::{clock::Millis, ids::new_id};

/// What a client gets.
#[derive(Debug)]
pub struct Issued {
    /// The access token.
    pub access: Token,
    /// Seconds that it lasts.
    pub expires_in_s: u32,
    /// The token for the next one, if there will be one.
    pub refresh: Option<Token>,
    /// Its scopes.
    pub scopes: Vec<String>,
}

/// A code, and what proves that it is the client's.
#[derive(Debug)]
pub struct ByCode {
    /// The code.
    pub code: String,
    /// Who brings it.
    pub client_id: String,
    /// What the authorization request named, if it is repeated.
    pub redirect_uri: Option<String>,
    /// What the challenge is the hash of.
    pub verifier: String,
    /// Where the token shall be good, if it is repeated.
    pub place: Option<Place>,
}

/// A refresh token.
#[derive(Debug)]
pub struct ByRefresh {
    /// The token.
    pub token: String,
    /// Who brings it.
    pub client_id: String,
    /// Fewer scopes, if the next access token shall have fewer.
    pub scopes: Option<Vec<String>>,
    /// Where the token shall be good, if it is repeated.
    pub place: Option<Place>,
}

/// A service token, as the secret of a client that is its own person.
#[derive(Debug)]
pub struct ByToken {
    /// The token's id.
    pub client_id: String,
    /// The token.
    pub secret: String,
    /// The scopes that are wanted; without them all that the token has.
    pub scopes: Option<Vec<String>>,
    /// Where the token shall be good.
    pub place: Place,
}

impl OAuthServer {
    /// Exchanges an authorization code.
    pub async fn by_code(&self, wanted: ByCode) -> Result<Issued, Fault> {
        let (exchange, access, refresh) =
            self.exchange(&wanted.code, Kind::Code, wanted.client_id)?;
        let challenge = challenge(&wanted.verifier).ok_or_else(|| {
            Fault::new(
                "invalid_request",
                "code_verifier must be 43 to 128 characters",
            )
        })?;
        let (redirect_uri, place) = (wanted.redirect_uri, wanted.place);
        let fits = move |row: &store::Row, uri: &str, stored: &str| {
            if redirect_uri.is_some_and(|given| given != uri) {
                return Some("redirect_uri is another than in the authorization request");
            }
            if !bool::from(challenge.as_bytes().ct_eq(stored.as_bytes())) {
                return Some("code_verifier does not fit the code_challenge");
            }
            elsewhere(row, place)
        };
        let done = store::redeem(self.db(), exchange, fits).await?;
        self.issued(done, access, refresh)
    }

    /// Exchanges a refresh token for the next one.
    pub async fn by_refresh(&self, wanted: ByRefresh) -> Result<Issued, Fault> {
        let (exchange, access, refresh) =
            self.exchange(&wanted.token, Kind::Refresh, wanted.client_id)?;
        let (scopes, place) = (wanted.scopes, wanted.place);
        let fewer = scopes.clone();
        let fits = move |row: &store::Row| {
            if let Some(problem) = elsewhere(row, place) {
                return Err(problem);
            }
            let Some(scopes) = fewer else {
                return Ok(row.scopes.clone());
            };
            let agreed: Vec<String> = serde_json::from_str(&row.scopes).unwrap_or_default();
            let (agreed, asked) = (
                Scopes::known(agreed.iter().map(String::as_str)),
                Scopes::known(scopes.iter().map(String::as_str)),
            );
            if asked.is_empty() || asked.meet(&agreed) != asked {
                return Err("scope asks for more than was agreed to");
            }
            Ok(json(&scopes))
        };
        let done = store::refresh(self.db(), exchange, fits).await?;
        let mut issued = self.issued(done, access, refresh)?;
        if let Some(scopes) = scopes {
            issued.scopes = scopes;
        }
        Ok(issued)
    }

    /// Exchanges a service token for a short-lived one that is good in one place.
    pub async fn by_token(&self, wanted: ByToken) -> Result<Issued, Fault> {
        let person = self.person(&wanted.secret).await?;
        if *person.id != *wanted.client_id {
            return Err(not_authenticated());
        }
        let place = wanted.place;
        let asked = wanted.scopes.unwrap_or_else(|| {
            let most = person.grant.scopes.meet(&place.ceiling());
            most.names()
        });
        let scopes = narrowed(asked, &person.grant.scopes, place);
        if scopes.is_empty() {
            let problem = "the service token has none of these scopes for this resource";
            return Err(Fault::new("invalid_scope", problem));
        }
        let (now, access) = (self.now(), Token::generate(Kind::Access)?);
        let stored = self.access(&access, now, json(&scopes));
        let row = store::Row {
            id: new_id("del"),
            token_id: person.id.to_string(),
            client_id: wanted.client_id,
            client_name: person.name.to_string(),
            place: place.as_str().to_owned(),
            projects: json(&Vec::from(person.grant.projects.clone())),
            agents: json(&Vec::from(person.grant.agents.clone())),
            scopes: json(&scopes),
            created_ms: now,
            expires_ms: stored.expires_ms,
            revoked_ms: None,
        };
        store::insert(self.db(), row, store::First::Access(stored)).await?;
        Ok(Issued {
            access,
            expires_in_s: self.config.access_token_s,
            refresh: None,
            scopes,
        })
    }

    /// Whoever holds the service token `secret`.
    pub async fn person(
        &self,
        secret: &str,
    ) -> Result<std::sync::Arc<crate::access::Principal>, Fault> {
        let service = Token::parse(secret.trim()).filter(|token| token.kind == Kind::Service);
        let service = service.ok_or_else(not_authenticated)?;
        match self.authority.authenticate(service.reveal()).await {
            Ok(person) => Ok(person),
            Err(Denied::Db(error)) => Err(error.into()),
            Err(_) => Err(not_authenticated()),
        }
    }

    /// Ends what `token` stands for, an access or refresh token of `client_id`; one that is not is left alone (RFC 7009).
    pub async fn revoke(&self, token: &str, client_id: &str) -> Result<(), Fault> {
        let Some(token) = Token::parse(token) else {
            return Ok(());
        };
        let found = store::by_any(self.db(), &self.hash(&token)).await?;
        if let Some(row) = found.filter(|row| row.client_id == client_id) {
            store::revoke(self.db(), row.id, self.now()).await?;
            self.authority.forget();
        }
        Ok(())
    }

    fn access(&self, access: &Token, now: Millis, scopes: String) -> Access {
        Access {
            hash: self.hash(access),
            scopes,
            expires_ms: now + i64::from(self.config.access_token_s) * 1000,
        }
    }

    /// The exchange of `given`, and what comes of it.
    fn exchange(
        &self,
        given: &str,
        kind: Kind,
        client_id: String,
    ) -> Result<(Exchange, Token, Token), Fault> {
        let given = Token::parse(given).filter(|token| token.kind == kind);
        let unknown = || {
            Fault::new(
                "invalid_grant",
                "it is no code and no refresh token of this hub",
            )
        };
        let given = given.ok_or_else(unknown)?;
        let (access, refresh) = (
            Token::generate(Kind::Access)?,
            Token::generate(Kind::Refresh)?,
        );
        let now = self.now();
        let exchange = Exchange {
            hash: self.hash(&given),
            client_id,
            now,
            access: self.access(&access, now, String::new()),
            refresh: self.hash(&refresh),
        };
        Ok((exchange, access, refresh))
    }

    fn issued(&self, done: Redeemed, access: Token, refresh: Token) -> Result<Issued, Fault> {
        match done {
            Redeemed::Issued(row) => Ok(Issued {
                access,
                expires_in_s: self.config.access_token_s,
                refresh: Some(refresh),
                scopes: serde_json::from_str(&row.scopes).unwrap_or_default(),
            }),
            Redeemed::Refused(problem) => Err(Fault::new("invalid_grant", problem)),
            Redeemed::Replayed(row) => {
                self.authority.forget();
                tracing::warn!(
                    delegation = row.id,
                    client = row.client_id,
                    "a code or refresh token was used twice: what came of it was revoked"
                );
                let problem = "it was used before, so that all that came of it is revoked: ask for consent again";
                Err(Fault::new("invalid_grant", problem))
            }
        }
    }
}

fn not_authenticated() -> Fault {
    let problem = "the client is not authenticated: client_id is a service token's id, client_secret the token";
    Fault::new("invalid_client", problem)
}

fn elsewhere(row: &store::Row, place: Option<Place>) -> Option<&'static str> {
    let other = place.is_some_and(|place| place.as_str() != row.place);
    other.then_some("resource is another than in the authorization request")
}

/// The challenge of a verifier (RFC 7636, section 4.6), if it is one.
fn challenge(verifier: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let fits = (43..=128).contains(&verifier.len()) && verifier.bytes().all(plain);
    let hash = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    fits.then(|| BASE64_URL_SAFE_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_that_of_rfc_7636() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let expected = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(challenge(verifier).as_deref(), Some(expected));
        assert_eq!(challenge("too-short"), None);
        assert_eq!(challenge(&"ä".repeat(30)), None);
    }
}
