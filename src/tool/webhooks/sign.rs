//! Secrets, and signatures by them (Standard Webhooks, "Signature scheme").

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::base::clock::Millis;

/// How a secret begins.
const PREFIX: &str = "whsec_";

/// What signs a webhook's deliveries: shown once, to whoever verifies them.
pub struct WebhookSecret(String);

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret")
    }
}

impl WebhookSecret {
    /// 256 random bits.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits)?;
        Ok(Self(format!("{PREFIX}{}", BASE64_STANDARD.encode(bits))))
    }

    pub(super) fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The secret in the clear.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A signature of `body`, sent as `id` at `at`; nothing by a text that is no secret.
    pub fn sign(&self, id: &str, at: Millis, body: &str) -> Option<String> {
        let key = BASE64_STANDARD.decode(self.0.strip_prefix(PREFIX)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{}.{body}", seconds(at)).as_bytes());
        let mac = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        Some(format!("v1,{mac}"))
    }
}

/// What stands in `webhook-timestamp`.
pub fn seconds(at: Millis) -> i64 {
    at.div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signed = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330_999,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signed.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
    }

    #[test]
    fn a_new_secret_signs_and_does_not_show_itself() {
        let (one, two) = (
            WebhookSecret::generate().unwrap(),
            WebhookSecret::generate().unwrap(),
        );
        assert_eq!(one.reveal().len(), 50);
        assert_ne!(one.sign("a", 0, "b"), two.sign("a", 0, "b"));
        assert_ne!(one.sign("a", 0, "b"), one.sign("a", 1000, "b"));
        assert_eq!(format!("{one:?}"), "WebhookSecret");
        assert_eq!(WebhookSecret("whsec_?".to_owned()).sign("a", 0, "b"), None);
    }
}
