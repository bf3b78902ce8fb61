//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a request that comes again with its key is done once, and
//! answered as it was the first time. What is kept is in the database, so that all hubs on it agree.

mod store;

use std::time::Duration;

use ring::hmac;

use self::store::{Row, Taken};
use crate::{
    base::{
        clock::{Clock, Millis},
        hex::hex,
        seal::{Closed, Seal},
    },
    db::{Db, DbError},
};

/// How long a key stands for its request.
const LIFE_MS: Millis = 86_400_000;
/// How long after its time limit a request may still be on its way to its end.
const GRACE: Duration = Duration::from_secs(60);
/// Longest answer that is kept, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Requests with a key, and what they were answered.
#[derive(Debug)]
pub struct IdempotencyKeys {
    db: Db,
    clock: Clock,
    mac: hmac::Key,
    seal: Seal,
}

/// A request with a key.
#[derive(Clone, Copy, Debug)]
pub struct Keyed<'a> {
    /// The key that its sender chose.
    pub key: &'a str,
    /// The id of who sent it.
    pub principal: &'a str,
    /// The project and the agent that it names, if it names any.
    pub scope: [&'a str; 2],
    /// Its method and its path.
    pub target: [&'a str; 2],
    /// Its query and its body.
    pub content: [&'a [u8]; 2],
    /// Its id.
    pub request: &'a str,
    /// How long it may take.
    pub limit: Duration,
}

/// The right to do what a key stands for, this once. It has to be settled or released.
#[derive(Debug)]
#[must_use]
pub struct Held(String);

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Whose turn it is.
#[derive(Debug)]
pub enum Entered {
    /// The caller's: the key is new.
    Now(Held),
    /// Nobody's: the request was answered before.
    Before(Answer),
}

/// Why a request with a key is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The same is being done now.
    #[error("a request with this Idempotency-Key is being worked on: repeat it after a moment")]
    InFlight,
    /// It was another request.
    #[error(
        "this Idempotency-Key was used for another request: use a new key for each, and the same only to repeat one"
    )]
    OtherContent,
    /// Nobody works on the first one any more, and how it ended is not on record.
    #[error(
        "the hub stopped while it worked on the first request with this Idempotency-Key: look whether that was done (the audit log has \
         it as request {0}), then use a new key"
    )]
    Lost(String),
    /// It was done, but its answer is not there any more.
    #[error(
        "the first request with this Idempotency-Key was answered with status {0}, in more words than are kept: read what it was about"
    )]
    NotKept(u16),
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl IdempotencyKeys {
    /// Keeps requests in `db`. What they say is hashed and sealed under `hub`, the key of tokens, which hubs on one database share.
    pub fn new(db: Db, clock: Clock, hub: &[u8; 32]) -> Result<Self, Closed> {
        let seal = Seal::derived(hub, "syndarix idempotency seal 1")?;
        let hub = hmac::Key::new(hmac::HMAC_SHA256, hub);
        let own = hmac::sign(&hub, b"syndarix idempotency hash 1");
        Ok(Self {
            db,
            clock,
            mac: hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()),
            seal,
        })
    }

    /// Takes the key of `asked`, or says what became of it.
    pub async fn enter(&self, asked: &Keyed<'_>) -> Result<Entered, Refused> {
        let now = self.clock.now();
        let limit = (asked.limit + GRACE).as_millis();
        let [project, agent] = asked.scope.map(str::as_bytes);
        let [method, path] = asked.target.map(str::as_bytes);
        let (key, who) = (asked.key.as_bytes(), asked.principal.as_bytes());
        let id = self.hash(&[b"key", who, project, agent, method, path, key]);
        let [query, body] = asked.content;
        let row = Row {
            id: id.clone(),
            content: self.hash(&[b"content", query, body]),
            request_id: asked.request.to_owned(),
            status: None,
            answer: None,
            lease_ms: now.saturating_add(Millis::try_from(limit).unwrap_or(LIFE_MS)),
            expires_ms: now + LIFE_MS,
        };
        let content = row.content.clone();
        let known = match store::take(&self.db, row, now).await? {
            Taken::Now => return Ok(Entered::Now(Held(id))),
            Taken::Released => return Err(Refused::InFlight),
            Taken::Before(known) => known,
        };
        if known.content != content {
            return Err(Refused::OtherContent);
        }
        let Some(status) = known.status else {
            return Err(if now < known.lease_ms {
                Refused::InFlight
            } else {
                Refused::Lost(known.request_id)
            });
        };
        let status = u16::try_from(status).unwrap_or_default();
        let opened = known.answer.map(|sealed| self.seal.open(&sealed, &id));
        match opened {
            Some(Ok(body)) => Ok(Entered::Before(Answer { status, body })),
            _ => Err(Refused::NotKept(status)),
        }
    }

    /// Keeps the answer for those who repeat the request.
    pub async fn settle(&self, held: Held, answer: &Answer) -> Result<(), DbError> {
        let Held(id) = held;
        let fits = answer.body.len() <= MAX_ANSWER;
        let sealed = fits.then(|| self.seal.seal(&answer.body, &id));
        let sealed = sealed.and_then(Result::ok);
        store::settle(&self.db, id, answer.status, sealed).await
    }

    /// Gives the key back: the request may be tried again with it.
    pub async fn release(&self, held: Held) -> Result<(), DbError> {
        store::release(&self.db, held.0).await
    }

    /// Deletes what nobody can ask for any more.
    pub async fn expire(&self) -> Result<(), DbError> {
        store::expire(&self.db, self.clock.now()).await
    }

    /// `parts`, each with its length before it, so that no two lists of them look alike.
    fn hash(&self, parts: &[&[u8]]) -> String {
        let mut mac = hmac::Context::with_key(&self.mac);
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        hex(mac.sign().as_ref())
    }
}
