//! The keys of an issuer (JWKS, RFC 7517), fetched when they are needed and kept.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use super::{
    jws::{Algorithm, Jws},
    key::Key,
};
use crate::base::outbound::{self, Policy};

/// How old keys may be before they are fetched again: how long a withdrawn key may still be believed.
const FRESH: Duration = Duration::from_secs(600);
/// How long keys are believed whose issuer does not answer any more.
const KEPT: Duration = Duration::from_secs(86_400);
/// How often keys are fetched at most, however many tokens name keys that are not there.
pub const FLOOR: Duration = Duration::from_secs(30);
/// Most keys of one issuer.
const MOST: usize = 100;

/// Where keys are.
#[derive(Debug)]
pub struct Place {
    /// The issuer, whose metadata say where its keys are unless `jwks_url` does.
    pub issuer: String,
    /// Where they are, if that is known.
    pub jwks_url: Option<String>,
    /// Private addresses that are meant, as `host:port`.
    pub allowed_private: Vec<String>,
}

/// The keys of an issuer.
#[derive(Debug)]
pub struct KeySet {
    place: Place,
    floor: Duration,
    known: RwLock<Option<Known>>,
    /// When they were asked for last. Held while they are: one request is enough for all that wait.
    tried: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Known {
    keys: Vec<Arc<Key>>,
    at: Instant,
}

/// The issuer's keys are not known, and cannot be fetched now.
#[derive(Debug, thiserror::Error)]
#[error("the keys of {0} cannot be had now: repeat the request after a moment")]
pub struct Unavailable(String);

impl KeySet {
    /// The keys at `place`, none of them known yet; they are fetched once in `floor` at most.
    pub fn new(place: Place, floor: Duration) -> Self {
        Self {
            place,
            floor,
            known: RwLock::new(None),
            tried: Mutex::new(None),
        }
    }

    /// Whether one of the keys has signed `jws`. A key that is not known makes all be fetched again, but not too often.
    pub async fn have_signed(&self, jws: &Jws<'_>) -> Result<bool, Unavailable> {
        let (kid, alg) = (jws.header.kid.as_deref(), jws.header.alg);
        let mut found = self.find(kid, alg, FRESH);
        if found.as_ref().is_none_or(Vec::is_empty) {
            self.refresh().await;
            found = self.find(kid, alg, KEPT);
        }
        let keys = found.ok_or_else(|| Unavailable(self.place.issuer.clone()))?;
        Ok(keys.iter().any(|key| jws.is_signed_by(key)))
    }

    /// The keys that `kid` may mean; nothing when none are known that are younger than `age`.
    fn find(&self, kid: Option<&str>, alg: Algorithm, age: Duration) -> Option<Vec<Arc<Key>>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref().filter(|known| known.at.elapsed() < age)?;
        let named = |key: &&Arc<Key>| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        let fitting = known.keys.iter().filter(|key| key.fits(alg)).filter(named);
        Some(fitting.cloned().collect())
    }

    async fn refresh(&self) {
        let mut tried = self.tried.lock().await;
        if tried.is_some_and(|at| at.elapsed() < self.floor) {
            return;
        }
        *tried = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => {
                let known = Known {
                    keys,
                    at: Instant::now(),
                };
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
            }
            Err(problem) => {
                tracing::warn!(
                    issuer = self.place.issuer,
                    problem,
                    "an issuer's keys cannot be fetched"
                );
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<Arc<Key>>, String> {
        let url = match &self.place.jwks_url {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let set = self.get(&url).await?;
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or_else(|| format!("{url} is no key set"))?;
        Ok(keys
            .iter()
            .filter_map(Key::from_jwk)
            .take(MOST)
            .map(Arc::new)
            .collect())
    }

    /// Where the issuer's metadata say that its keys are (OpenID Connect Discovery, section 4; RFC 8414).
    async fn discover(&self) -> Result<String, String> {
        let issuer = &self.place.issuer;
        let url = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let metadata = self.get(&url).await?;
        let text = |name: &str| metadata.get(name).and_then(Value::as_str);
        if text("issuer") != Some(issuer) {
            return Err(format!("{url} speaks of another issuer"));
        }
        let keys = text("jwks_uri").ok_or_else(|| format!("{url} has no jwks_uri"))?;
        Ok(keys.to_owned())
    }

    async fn get(&self, url: &str) -> Result<Value, String> {
        let policy = Policy {
            allowed_private: self.place.allowed_private.clone(),
            max_bytes: 256 * 1024,
            deadline: Duration::from_secs(5),
        };
        let fetched = outbound::fetch(&policy, url)
            .await
            .map_err(|e| format!("{url} {e}"))?;
        serde_json::from_slice(&fetched.bytes).map_err(|e| format!("{url} is no JSON: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// An issuer that publishes what `keys` says, and how often it was asked.
    async fn issuer(keys: Arc<std::sync::Mutex<String>>) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = stream.read(&mut [0; 4096]).await;
                let body = keys.lock().unwrap().clone();
                let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (at, asked)
    }

    fn set(at: &str, floor: Duration) -> KeySet {
        let place = Place {
            issuer: format!("http://{at}"),
            jwks_url: Some(format!("http://{at}/keys")),
            allowed_private: vec![at.to_owned()],
        };
        KeySet::new(place, floor)
    }

    /// A text, and the set that holds its key under the name that the text has for it.
    fn signed(alg: &str) -> (String, String) {
        let all: Value = serde_json::from_str(include_str!("foreign.json")).unwrap();
        let signed = all["signed"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s[0] == alg)
            .unwrap();
        let key = &all["keys"][signed[1].as_str().unwrap()];
        let keys = serde_json::json!({"keys": [{"kty": "oct", "k": "AAAA"}, key]});
        (signed[2].as_str().unwrap().to_owned(), keys.to_string())
    }

    #[tokio::test]
    async fn an_unknown_key_is_fetched_but_not_as_often_as_it_is_named() {
        let (text, keys) = signed("ES256");
        let jws = Jws::parse(&text).unwrap();
        let published = Arc::new(std::sync::Mutex::new(r#"{"keys":[]}"#.to_owned()));
        let (at, asked) = issuer(Arc::clone(&published)).await;
        let slow = set(&at, Duration::from_secs(60));
        for _ in 0..5 {
            assert!(!slow.have_signed(&jws).await.unwrap());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);

        let quick = set(&at, Duration::ZERO);
        assert!(!quick.have_signed(&jws).await.unwrap());
        *published.lock().unwrap() = keys;
        assert!(quick.have_signed(&jws).await.unwrap(), "a new key is found");
        let before = asked.load(Ordering::Relaxed);
        assert!(quick.have_signed(&jws).await.unwrap());
        assert_eq!(asked.load(Ordering::Relaxed), before, "and kept");
        *published.lock().unwrap() = "no keys".to_owned();
        let (other, _) = signed("EdDSA");
        assert!(
            !quick
                .have_signed(&Jws::parse(&other).unwrap())
                .await
                .unwrap()
        );
        assert!(
            quick.have_signed(&jws).await.unwrap(),
            "a failure takes nothing away"
        );
    }

    #[tokio::test]
    async fn keys_are_not_fetched_from_where_only_the_hub_can_go() {
        let (text, keys) = signed("ES256");
        let (at, asked) = issuer(Arc::new(std::sync::Mutex::new(keys))).await;
        let mut guarded = set(&at, Duration::ZERO);
        guarded.place.allowed_private.clear();
        let jws = Jws::parse(&text).unwrap();
        assert!(guarded.have_signed(&jws).await.is_err());
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }
}
