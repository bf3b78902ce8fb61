//! Public keys as their owners publish them (JWK, RFC 7517).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use super::jws::Algorithm;

/// A key that signatures can be verified with.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub kid: Option<String>,
    /// The one algorithm that it is for, if it says so.
    alg: Option<String>,
    pub(super) material: Material,
}

/// The key itself, in the form that it is verified with.
#[derive(Debug)]
pub(super) enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// The key that `jwk` describes; none where it is of a kind that is not accepted, or not for signatures.
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let jwk = Jwk::deserialize(jwk).ok()?;
        if jwk.purpose.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |part: Option<String>| BASE64_URL_SAFE_NO_PAD.decode(part?).ok();
        let point = |x: Option<String>, y: Option<String>| {
            // Uncompressed, as SEC 1 has it.
            Some([vec![4], bytes(x)?, bytes(y)?].concat())
        };
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa {
                n: bytes(jwk.n)?,
                e: bytes(jwk.e)?,
            },
            ("EC", Some("P-256")) => Material::P256(point(jwk.x, jwk.y)?),
            ("EC", Some("P-384")) => Material::P384(point(jwk.x, jwk.y)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(jwk.x)?),
            _ => return None,
        };
        Some(Self {
            kid: jwk.kid,
            alg: jwk.alg,
            material,
        })
    }

    /// Whether a text signed by `alg` can have been signed with it.
    pub fn fits(&self, alg: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let kind = match self.material {
            Material::Rsa { .. } => {
                matches!(alg, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
            }
            Material::P256(_) => alg == Es256,
            Material::P384(_) => alg == Es384,
            Material::Ed25519(_) => alg == EdDsa,
        };
        let own = self.alg.as_ref().is_none_or(|own| {
            // RFC 9864 names the algorithm by its curve.
            serde_json::to_value(alg).is_ok_and(|name| name == own.as_str())
                || (alg == EdDsa && own == "Ed25519")
        });
        kind && own
    }
}
