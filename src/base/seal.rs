//! Secrets at rest that the hub has to know again: AES-256-GCM under a key of the hub's own, bound to the row that they are for.

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
    hmac,
};

/// Seals and opens secrets.
pub struct Seal(LessSafeKey);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal").finish_non_exhaustive()
    }
}

/// What was sealed cannot be opened: it was sealed with another key or for something else, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret cannot be opened with this hub's key")]
pub struct Closed;

impl From<Unspecified> for Closed {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl Seal {
    /// Seals with `key`.
    pub fn new(key: &[u8; 32]) -> Result<Self, Closed> {
        Ok(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key)?)))
    }

    /// Seals with a key of its own for each `purpose`, which comes of `hub`, the key that hubs on one database share.
    pub fn derived(hub: &[u8; 32], purpose: &str) -> Result<Self, Closed> {
        let hub = hmac::Key::new(hmac::HMAC_SHA256, hub);
        let own = hmac::sign(&hub, purpose.as_bytes());
        Self::new(own.as_ref().try_into().map_err(|_| Closed)?)
    }

    /// Seals `secret` for `bound`, which must be said again to open it.
    pub fn seal(&self, secret: &str, bound: &str) -> Result<String, Closed> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| Closed)?;
        let mut sealed = secret.as_bytes().to_vec();
        let fresh = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(fresh, Aad::from(bound), &mut sealed)?;
        Ok(BASE64_STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// What was sealed for `bound`.
    pub fn open(&self, sealed: &str, bound: &str) -> Result<String, Closed> {
        let bytes = BASE64_STANDARD_NO_PAD.decode(sealed).map_err(|_| Closed)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(Closed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut sealed = sealed.to_vec();
        let secret = self.0.open_in_place(nonce, Aad::from(bound), &mut sealed)?;
        String::from_utf8(secret.to_vec()).map_err(|_| Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_and_for_what_it_was_sealed() {
        let seal = Seal::new(&[7; 32]).unwrap();
        let sealed = seal.seal("s3cret", "demo/forge").unwrap();
        assert!(!sealed.contains("s3cret"));
        assert_ne!(sealed, seal.seal("s3cret", "demo/forge").unwrap());
        assert_eq!(seal.open(&sealed, "demo/forge"), Ok("s3cret".to_owned()));
        assert_eq!(seal.open(&sealed, "other/forge"), Err(Closed));
        assert_eq!(
            Seal::new(&[8; 32]).unwrap().open(&sealed, "demo/forge"),
            Err(Closed)
        );
        let other = Seal::derived(&[7; 32], "another purpose").unwrap();
        let own = other.seal("s3cret", "demo/forge").unwrap();
        assert_eq!(other.open(&own, "demo/forge"), Ok("s3cret".to_owned()));
        assert_eq!(seal.open(&own, "demo/forge"), Err(Closed));
        for bad in ["", "x", "AAAA", &sealed[1..]] {
            assert_eq!(seal.open(bad, "demo/forge"), Err(Closed), "{bad}");
        }
    }
}
