//! Signed texts in compact form (RFC 7515), of asymmetric algorithms only: what a key's owner publishes cannot sign.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::key::{Key, Material};

/// How a text may be signed (RFC 7518, RFC 8037). There is no `none` and no HMAC here, so none can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// What the first part says.
#[derive(Debug, Deserialize)]
pub struct Header {
    /// How it is signed.
    pub alg: Algorithm,
    /// Under which key.
    pub kid: Option<String>,
    /// What kind of text it is.
    pub typ: Option<String>,
    /// What a reader must understand: nothing of it is.
    crit: Option<IgnoredAny>,
}

/// A signed text, taken apart; nothing in it is true before [`Jws::is_signed_by`] says so.
#[derive(Debug)]
pub struct Jws<'a> {
    /// What it says of itself.
    pub header: Header,
    /// What is signed.
    pub payload: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes `text` apart, if it is one that could be accepted.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        let read = Self {
            payload: decode(payload)?,
            signature: decode(signature)?,
            signed,
            header,
        };
        read.header.crit.is_none().then_some(read)
    }

    /// Whether the owner of `key` has signed it.
    pub fn is_signed_by(&self, key: &Key) -> bool {
        let alg = self.header.alg;
        if !key.fits(alg) {
            return false;
        }
        match &key.material {
            Material::Rsa { n, e } => rsa(alg).is_some_and(|parameters| {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(parameters, self.signed.as_bytes(), &self.signature)
                    .is_ok()
            }),
            Material::P256(point) => self.verify(&ECDSA_P256_SHA256_FIXED, point),
            Material::P384(point) => self.verify(&ECDSA_P384_SHA384_FIXED, point),
            Material::Ed25519(point) => self.verify(&ED25519, point),
        }
    }

    fn verify(&self, algorithm: &'static dyn VerificationAlgorithm, point: &[u8]) -> bool {
        UnparsedPublicKey::new(algorithm, point)
            .verify(self.signed.as_bytes(), &self.signature)
            .is_ok()
    }
}

fn rsa(alg: Algorithm) -> Option<&'static RsaParameters> {
    match alg {
        Algorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Texts that another implementation (Python's `cryptography`) signed, with its keys.
    const FOREIGN: &str = include_str!("foreign.json");

    fn foreign() -> (Value, Vec<(String, String, String)>) {
        let mut all: Value = serde_json::from_str(FOREIGN).unwrap();
        (
            all["keys"].take(),
            serde_json::from_value(all["signed"].take()).unwrap(),
        )
    }

    #[test]
    fn each_algorithm_is_verified_as_others_sign_it_and_with_its_own_key_only() {
        let (keys, signed) = foreign();
        for (alg, name, text) in &signed {
            let jws = Jws::parse(text).unwrap_or_else(|| panic!("{alg}"));
            for (other, key) in keys.as_object().unwrap() {
                let key = Key::from_jwk(key).unwrap();
                assert_eq!(jws.is_signed_by(&key), other == name, "{alg} with {other}");
            }
        }
        assert_eq!(signed.len(), 5);
    }

    #[test]
    fn a_changed_character_is_noticed() {
        let (keys, signed) = foreign();
        let (_, name, text) = &signed[0];
        let key = Key::from_jwk(&keys[name]).unwrap();
        for at in (0..text.len()).step_by(7) {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            let accepted = Jws::parse(&other).is_some_and(|jws| jws.is_signed_by(&key));
            assert!(!accepted, "at {at}");
        }
    }

    #[test]
    fn a_key_is_good_for_what_it_says_only() {
        let (keys, signed) = foreign();
        let mut key = keys["rsa"].clone();
        let by = |key: &Value| -> Vec<bool> {
            let key = Key::from_jwk(key);
            let rsa = signed.iter().filter(|(_, name, _)| name == "rsa");
            rsa.map(|(_, _, text)| {
                let jws = Jws::parse(text).unwrap();
                key.as_ref().is_some_and(|key| jws.is_signed_by(key))
            })
            .collect()
        };
        assert_eq!(by(&key), [true, true]);
        key["alg"] = "RS256".into();
        assert_eq!(by(&key), [true, false]);
        key["use"] = "enc".into();
        assert_eq!(by(&key), [false, false]);
    }

    #[test]
    fn what_is_not_signed_by_a_key_pair_is_none() {
        let of = |header: &str| {
            let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
            Jws::parse(&format!("{}.{}.AAAA", part(header), part("{}"))).is_some()
        };
        assert!(of(r#"{"alg":"ES256"}"#));
        for bad in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"es256"}"#,
            r#"{"alg":"ES256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"ES256","alg":"RS256"}"#,
            "{}",
            "",
        ] {
            assert!(!of(bad), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in "[\\PC.]{0,80}") { let _: Option<Jws> = Jws::parse(&text); }
    }
}
