//! The work in the background: one turn of deliveries after the other for each webhook, many webhooks at the same time.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    MOST_AT_ONCE, Webhooks,
    send::{ATTEMPT, Way},
    store::{self, Taken},
};
use crate::{base::clock::Millis, tool::ToolError};

/// How long a webhook delivers before others get its place.
const TURN: Duration = Duration::from_secs(10);
/// How long a webhook stays with a hub that died: longer than an attempt and what is written about it.
const LEASE_MS: Millis = 2 * ATTEMPT.as_millis() as Millis;
/// How long what other hubs did or left may go unnoticed, and the pause after a failure.
const POLL: Duration = Duration::from_secs(5);
/// How long until a webhook is looked at again whose lease another hub has: that may have been about to give it back.
const HELD: Duration = Duration::from_secs(1);
/// How often what is too old is deleted.
const SWEEP: Duration = Duration::from_secs(3600);

/// Turns that are under way.
#[derive(Default)]
struct Turns {
    set: JoinSet<()>,
    of: HashMap<Id, String>,
    webhooks: HashSet<String>,
}

impl Webhooks {
    /// Delivers until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        if let Err(error) = store::free_leases(&self.0.db).await {
            tracing::warn!(%error, "webhooks of a dead hub wait until its leases end");
        }
        let mut newest = self.0.outbox.newest();
        let mut turns = Turns::default();
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let place = *newest.borrow_and_update();
            let wait = match self.round(place, &mut turns, &stop).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "webhooks cannot be read");
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(POLL) => continue,
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                moved = newest.changed() => if moved.is_err() { break },
                () = self.0.wake.notified() => {}
                () = turns.ended() => {}
                () = tokio::time::sleep(wait) => {}
                _ = sweep.tick() => self.sweep(place).await,
            }
        }
        while turns.set.join_next().await.is_some() {}
    }

    /// Makes deliveries of new events and begins the turns of webhooks that have one due. How long there is nothing more to do.
    async fn round(
        &self,
        newest: i64,
        turns: &mut Turns,
        stop: &CancellationToken,
    ) -> Result<Duration, ToolError> {
        let more = self.gather(newest).await?;
        let now = self.0.clock.now();
        let mut longest = POLL;
        // Those that are under way are due too.
        for due in store::due(&self.0.db, &self.0.hub, now, 2 * MOST_AT_ONCE).await? {
            if due.held != 0 {
                longest = HELD;
            } else if turns.set.len() < MOST_AT_ONCE && !turns.webhooks.contains(&due.id) {
                turns.begin(self.clone(), due.id, stop.clone());
            }
        }
        if more {
            return Ok(Duration::ZERO);
        }
        let next = store::next_due(&self.0.db, now).await?;
        let wait = next.and_then(|next| u64::try_from(next - now).ok());
        Ok(wait.map_or(longest, Duration::from_millis).min(longest))
    }

    /// Sends what is due to one webhook, for as long as a turn is.
    async fn turn(self, webhook: String, stop: CancellationToken) {
        let (db, hub) = (&self.0.db, &self.0.hub);
        let (started, mut way) = (Instant::now(), Way::default());
        let failed = loop {
            if stop.is_cancelled() || started.elapsed() > TURN {
                break None;
            }
            let now = self.0.clock.now();
            let taken = match store::take(db, &webhook, hub, now, now + LEASE_MS).await {
                Ok(Some(taken)) => taken,
                Ok(None) => return,
                Err(error) => break Some(error.into()),
            };
            tokio::select! {
                // What was under way is sent again: it may have arrived.
                () = stop.cancelled() => break None,
                done = self.deliver(&taken, &mut way) => if let Err(error) = done {
                    break Some(error);
                }
            }
        };
        if let Some(error) = &failed {
            tracing::warn!(webhook, %error, "a webhook's deliveries cannot go on");
            // The receiver is not sent the same again and again meanwhile.
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        if let Err(error) = store::release(db, &webhook, hub).await {
            tracing::debug!(%error, "a lease is left to its end");
        }
    }

    async fn deliver(&self, taken: &Taken, way: &mut Way) -> Result<(), ToolError> {
        let settled = self.attempt(taken, way).await;
        store::settle(&self.0.db, settled, self.0.clock.now()).await?;
        Ok(())
    }

    async fn sweep(&self, newest: i64) {
        let (db, days) = (&self.0.db, i64::from(self.0.config.retention_days));
        let swept = async {
            store::skip_idle(db, newest).await?;
            if days > 0 {
                store::prune(db, self.0.clock.now() - days * 86_400_000).await?;
            }
            Ok::<_, ToolError>(())
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "old deliveries of webhooks cannot be deleted");
        }
    }
}

impl Turns {
    fn begin(&mut self, webhooks: Webhooks, webhook: String, stop: CancellationToken) {
        let turn = self.set.spawn(webhooks.turn(webhook.clone(), stop));
        self.of.insert(turn.id(), webhook.clone());
        self.webhooks.insert(webhook);
    }

    /// Waits until one has ended; for ever where there is none.
    async fn ended(&mut self) {
        let id = match self.set.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return std::future::pending().await,
        };
        if let Some(webhook) = self.of.remove(&id) {
            self.webhooks.remove(&webhook);
        }
    }
}
