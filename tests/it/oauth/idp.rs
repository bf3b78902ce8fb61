//! An issuer of its own: its keys, what it publishes, and what it and others sign.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A key pair with a name.
pub enum Key {
    P256(String, EcdsaKeyPair),
    Ed25519(String, Ed25519KeyPair),
}

impl Key {
    pub fn p256(kid: &str) -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap();
        Self::P256(kid.to_owned(), pair)
    }

    pub fn ed25519(kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(
            kid.to_owned(),
            Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap(),
        )
    }

    pub fn public(&self) -> Vec<u8> {
        match self {
            Self::P256(_, pair) => pair.public_key().as_ref().to_vec(),
            Self::Ed25519(_, pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    fn jwk(&self) -> Value {
        let public = self.public();
        match self {
            Self::P256(kid, _) => {
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256",
                "x": encode(&public[1..33]), "y": encode(&public[33..])})
            }
            Self::Ed25519(kid, _) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encode(&public)})
            }
        }
    }

    /// A token of this key.
    pub fn sign(&self, claims: &Value) -> String {
        let (alg, kid) = match self {
            Self::P256(kid, _) => ("ES256", kid),
            Self::Ed25519(kid, _) => ("EdDSA", kid),
        };
        self.sign_as(&json!({"alg": alg, "kid": kid, "typ": "at+jwt"}), claims)
    }

    /// The same, with another header.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = match self {
            Self::P256(_, pair) => {
                let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
                encode(signature)
            }
            Self::Ed25519(_, pair) => encode(pair.sign(signed.as_bytes())),
        };
        format!("{signed}.{signature}")
    }
}

/// A token whose signature is an HMAC under what everybody knows: the public key.
pub fn hmac_of_public_key(key: &Key, kid: &str, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "kid": kid, "typ": "at+jwt"});
    let signed = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    );
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&key.public()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encode(mac.finalize().into_bytes()))
}

/// A token that nobody signed.
pub fn unsigned(claims: &Value) -> String {
    let header = json!({"alg": "none", "typ": "at+jwt"});
    format!(
        "{}.{}.",
        encode(header.to_string()),
        encode(claims.to_string())
    )
}

/// An issuer's web server.
pub struct Idp {
    /// Its `host:port`.
    pub at: String,
    asked: Arc<AtomicUsize>,
    keys: Arc<Mutex<Value>>,
}

impl Idp {
    /// One that publishes `keys`.
    pub async fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        let idp = Self {
            at,
            asked: Arc::default(),
            keys: Arc::new(Mutex::new(json!({ "keys": keys }))),
        };
        let (issuer, asked, keys) = (idp.issuer(), Arc::clone(&idp.asked), Arc::clone(&idp.keys));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let body = if request.starts_with("GET /.well-known/openid-configuration ") {
                    json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")})
                } else {
                    asked.fetch_add(1, Ordering::SeqCst);
                    keys.lock().unwrap().clone()
                };
                let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        idp
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.at)
    }

    /// How often its keys were fetched.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
