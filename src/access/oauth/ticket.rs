//! What a client asks for, on its way through the browser of the person who decides: signed, so that it comes back as it was shown,
//! and bound to that browser, so that no other page can send it. The hub itself remembers nothing until somebody has agreed.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::base::clock::Millis;

/// How long somebody may think about it.
pub const LIFE_MS: Millis = 10 * 60_000;

/// An authorization request that was found in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Who asks.
    pub client_id: String,
    /// The name that it gives itself.
    pub client_name: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What the client wants to find in the answer.
    pub state: Option<String>,
    /// The scopes that it asks for.
    pub scopes: Vec<String>,
    /// The SHA-256 of its verifier, in base 64 (RFC 7636).
    pub challenge: String,
    /// Where the token shall be good, as the client named it.
    pub resource: String,
}

#[derive(Serialize, Deserialize)]
struct Ticket {
    asked: Asked,
    until: Millis,
}

fn sign(key: &[u8; 32], browser: &str, payload: &str) -> Option<Hmac<Sha256>> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).ok()?;
    // The key has another use: what is signed here can be no token.
    for part in ["oauth ticket", browser, payload] {
        mac.update(part.as_bytes());
        mac.update(&[0]);
    }
    Some(mac)
}

impl Asked {
    /// A ticket for `browser`, which has this text in a cookie.
    pub fn seal(&self, key: &[u8; 32], browser: &str, now: Millis) -> Option<String> {
        let ticket = Ticket {
            asked: self.clone(),
            until: now + LIFE_MS,
        };
        let payload = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&ticket).ok()?);
        let mac = sign(key, browser, &payload)?.finalize().into_bytes();
        Some(format!("{payload}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac)))
    }

    /// What was sealed for `browser`, if `ticket` is what came of it and is not too old.
    pub fn open(key: &[u8; 32], browser: &str, ticket: &str, now: Millis) -> Option<Self> {
        let (payload, mac) = ticket.split_once('.')?;
        let mac = BASE64_URL_SAFE_NO_PAD.decode(mac).ok()?;
        sign(key, browser, payload)?.verify_slice(&mac).ok()?;
        let read = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
        let ticket: Ticket = serde_json::from_slice(&read).ok()?;
        (now < ticket.until).then_some(ticket.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_as_it_was_sealed_for_its_browser_and_its_time() {
        let asked = Asked {
            client_id: "c".into(),
            client_name: "C".into(),
            redirect_uri: "http://127.0.0.1/cb".into(),
            state: Some("s".into()),
            scopes: vec!["issues:read".into()],
            challenge: "x".into(),
            resource: "http://127.0.0.1:9004/mcp".into(),
        };
        let key = [3; 32];
        let ticket = asked.seal(&key, "b", 1000).unwrap();
        assert_eq!(Asked::open(&key, "b", &ticket, 2000), Some(asked.clone()));
        assert_eq!(Asked::open(&key, "other", &ticket, 2000), None);
        assert_eq!(Asked::open(&[4; 32], "b", &ticket, 2000), None);
        assert_eq!(Asked::open(&key, "b", &ticket, 1000 + LIFE_MS), None);
        let other = Asked {
            client_id: "d".into(),
            ..asked
        };
        let forged = other.seal(&[4; 32], "b", 1000).unwrap();
        let (payload, _) = forged.split_once('.').unwrap();
        let (_, mac) = ticket.split_once('.').unwrap();
        assert_eq!(
            Asked::open(&key, "b", &format!("{payload}.{mac}"), 2000),
            None
        );
    }
}
