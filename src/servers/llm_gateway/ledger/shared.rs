//! The windows of hubs that share a database: each reservation is a row, made in one transaction with the look at its windows.
//!
//! A reservation counts while it is not expired. Its hub renews it until its request's record is written, which ends it; those
//! of a dead hub expire.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{
    Books, Exceeded, Held, Need,
    judge::{Claim, Judgement, ask},
    store::{self, Reservation},
    unavailable,
};
use crate::{
    base::{
        clock::{Clock, Millis},
        ids::new_id,
    },
    db::Db,
    tool::{Host, Tasks},
};

/// How long a reservation lives without being renewed, in milliseconds.
const LIFE: Millis = 30_000;
/// How often reservations are renewed, and dead ones removed.
const RENEWAL: Duration = Duration::from_secs(10);
/// How often a request that waits looks whether another has ended.
const POLL: Duration = Duration::from_millis(50);

type Key = (Arc<str>, String);
/// What requests of this hub wait at, one after the other.
type Gate = Arc<tokio::sync::Mutex<()>>;

#[derive(Debug)]
pub struct Shared {
    db: Db,
    clock: Clock,
    tasks: Tasks,
    owner: String,
    /// Reservations of this hub that may still be there.
    live: Mutex<HashSet<Arc<str>>>,
    gates: Mutex<HashMap<Option<Key>, Gate>>,
}

impl Shared {
    pub fn open(host: &Host, owner: &str) -> Arc<Self> {
        let shared = Arc::new(Self {
            db: host.db.clone(),
            clock: host.clock.clone(),
            tasks: host.tasks.clone(),
            owner: owner.to_owned(),
            live: Mutex::default(),
            gates: Mutex::default(),
        });
        let renewing = Arc::clone(&shared);
        host.tasks
            .spawn("llm budget reservations", |stop| async move {
                while stop
                    .run_until_cancelled(tokio::time::sleep(RENEWAL))
                    .await
                    .is_some()
                {
                    renewing.renew().await;
                }
            });
        shared
    }

    /// Admits a request once it fits all windows; refuses it as soon as it never will, or after `patience`. Who waits looks
    /// again and again, one after the other in the order they came.
    pub async fn reserve(
        self: &Arc<Self>,
        claims: impl Fn() -> Vec<Claim>,
        need: &Need,
        patience: Duration,
    ) -> Result<Held, Exceeded> {
        let deadline = Instant::now() + patience;
        let gate = self.gate(&claims());
        let mut turn = None;
        if gate.try_lock().is_err() {
            turn = timeout_at(deadline, Arc::clone(&gate).lock_owned())
                .await
                .ok();
        }
        loop {
            let busy = match self.attempt(claims(), need).await? {
                Ok(held) => return Ok(held),
                Err(busy) => busy,
            };
            if turn.is_none() {
                turn = timeout_at(deadline, Arc::clone(&gate).lock_owned())
                    .await
                    .ok();
            } else {
                tokio::time::sleep(POLL).await;
            }
            if Instant::now() >= deadline {
                return Err(busy);
            }
        }
    }

    /// Reserves, or says why it has to wait.
    async fn attempt(
        self: &Arc<Self>,
        claims: Vec<Claim>,
        need: &Need,
    ) -> Result<Result<Held, Exceeded>, Exceeded> {
        let id: Arc<str> = new_id("rsv").into();
        // From here on whatever comes of it is given back, also when nobody waits for it any more.
        let mut held = Held {
            warnings: Vec::new(),
            remaining: None,
            id: Arc::clone(&id),
            hold: ask(need).hold,
            books: Books::Shared(Arc::clone(self)),
            open: !claims.is_empty(),
            claims,
        };
        if held.claims.is_empty() {
            return Ok(Ok(held));
        }
        let now = self.clock.now();
        let reservation = Reservation {
            id: id.to_string(),
            owner: self.owner.clone(),
            hold: held.hold,
            expires_ms: now + LIFE,
        };
        let judgement = store::reserve(
            &self.db,
            reservation,
            held.claims.clone(),
            need.clone(),
            now,
        )
        .await;
        let refusal = match judgement {
            Ok(Judgement::Admit(admission)) => {
                self.live().insert(id);
                held.warnings = admission.warnings;
                held.remaining = admission.remaining;
                return Ok(Ok(held));
            }
            Ok(Judgement::Wait(busy)) => Ok(Err(busy)),
            Ok(Judgement::Refuse(exceeded)) => Err(exceeded),
            // Whether it is there is not known: it is given back.
            Err(error) => return Err(unavailable(&error)),
        };
        held.open = false;
        refusal
    }

    /// Renews the reservations of this hub, and removes those that nobody renewed.
    pub async fn renew(&self) {
        self.gates().retain(|_, gate| Arc::strong_count(gate) > 1);
        let live: Vec<String> = self.live().iter().map(ToString::to_string).collect();
        let now = self.clock.now();
        match store::renew(&self.db, live.clone(), now, now + LIFE).await {
            Ok(there) => {
                let gone = live.into_iter().filter(|id| !there.contains(id));
                let mut live = self.live();
                for id in gone {
                    live.remove(id.as_str());
                }
            }
            Err(error) => tracing::warn!(%error, "budget reservations could not be renewed"),
        }
    }

    /// Removes a reservation that nothing was used of.
    pub fn give_back(self: &Arc<Self>, id: &Arc<str>) {
        self.live().remove(id);
        let (db, id) = (self.db.clone(), Arc::clone(id));
        self.tasks.spawn("llm budget reservation", |_| async move {
            if let Err(error) = store::release(&db, &id).await {
                tracing::warn!(%error, "a budget reservation was not given back; it expires");
            }
        });
    }

    fn gate(&self, claims: &[Claim]) -> Gate {
        let key = claims
            .first()
            .map(|claim| (Arc::clone(&claim.budget.id), claim.subject.clone()));
        Arc::clone(self.gates().entry(key).or_default())
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<Option<Key>, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
