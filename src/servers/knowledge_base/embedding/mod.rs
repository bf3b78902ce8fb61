//! Vectors and their generations: who makes them, how far they are, and what a question's vector is compared with.

mod arrays;
mod provider;
mod worker;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use lru::LruCache;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{
    config::EmbeddingConfig,
    engine::vectors::Vectors,
    feed::Feed,
    model::Realm,
    store::{Generation, KnowledgeStore},
};
use crate::{
    base::ids::new_id,
    tool::{Ctx, Host, ToolError},
};
use arrays::Arrays;
pub use provider::Provider;
use worker::Worker;

/// How often generations are looked at: another hub may have changed them.
const LOOK: Duration = Duration::from_secs(1);
/// Vectors of a replaced generation that are removed in one transaction.
const SLICE: i64 = 1_000;
/// How long other hubs may still compare with them, in milliseconds.
const GRACE_MS: i64 = 60_000;
/// Vectors of questions that are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(511);

/// A question's vector, and what to compare it with.
#[derive(Debug, Clone)]
pub struct QueryVector {
    /// The vector, of length 1.
    pub values: Vec<f32>,
    /// All vectors of the same model.
    pub vectors: Arc<Vectors>,
    /// What they are kept under.
    pub model: String,
}

/// There is no search by meaning now, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// What to tell the caller.
    pub reason: String,
}

/// A generation, for whoever administers it.
#[derive(Debug, Clone)]
pub struct Status {
    /// The generation.
    pub generation: Generation,
    /// Why its vectors are not made at the moment.
    pub trouble: Option<String>,
    /// Vectors of it in memory, and the outbox entry that they are at, once all were read.
    pub in_memory: Option<(usize, Option<i64>)>,
}

/// What goes wrong, by generation. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<i64, String>>>);

impl Troubles {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<i64, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, generation: i64, what: String) {
        self.lock().insert(generation, what);
    }

    fn clear(&self, generation: i64) {
        self.lock().remove(&generation);
    }

    fn of(&self, generation: i64) -> Option<String> {
        self.lock().get(&generation).cloned()
    }
}

type Remembered = LruCache<(String, String, String), Vec<f32>>;

/// The embedding service. Cheap to clone.
#[derive(Clone)]
pub struct Embedding(Arc<Inner>);

struct Inner {
    store: KnowledgeStore,
    feed: Feed,
    host: Host,
    owner: Arc<str>,
    wanted: watch::Sender<Option<Provider>>,
    serving: RwLock<Option<Arc<Arrays>>>,
    troubles: Troubles,
    changed: Arc<Notify>,
    remembered: Mutex<Remembered>,
}

impl std::fmt::Debug for Embedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedding").finish_non_exhaustive()
    }
}

impl Embedding {
    /// Starts as `config` says.
    pub fn start(
        config: &EmbeddingConfig,
        store: KnowledgeStore,
        feed: Feed,
        host: &Host,
    ) -> Result<Self, ToolError> {
        let (wanted, follows) = watch::channel(Provider::of(config)?);
        let own = Self(Arc::new(Inner {
            store,
            feed,
            host: host.clone(),
            owner: new_id("own").into(),
            wanted,
            serving: RwLock::default(),
            troubles: Troubles::default(),
            changed: Arc::default(),
            remembered: Mutex::new(LruCache::new(REMEMBERED)),
        }));
        let running = own.clone();
        host.tasks.spawn("knowledge-embedding", |stop| async move {
            running.run(follows, stop).await;
        });
        Ok(own)
    }

    /// Has vectors made by `provider` from now on. Those there are serve until all are made.
    pub fn follow(&self, provider: Option<Provider>) {
        self.0
            .wanted
            .send_if_modified(|now| std::mem::replace(now, provider.clone()) != provider);
    }

    /// The vector of what is looked for.
    pub async fn query(&self, ctx: &Ctx, text: &str) -> Result<QueryVector, Unavailable> {
        let unavailable = |reason: &str| Unavailable {
            reason: reason.to_owned(),
        };
        if self.0.wanted.borrow().is_none() {
            return Err(unavailable(
                "search by meaning is switched off in the hub's settings",
            ));
        }
        let arrays = self
            .serving()
            .ok_or_else(|| unavailable("the first vectors are being made"))?;
        if !arrays.is_ready() {
            return Err(unavailable("the vectors are being read into memory"));
        }
        let key = (
            arrays.model.clone(),
            ctx.project().to_string(),
            text.to_owned(),
        );
        let known = self.remembered().get(&key).cloned();
        let values = if let Some(values) = known {
            values
        } else {
            let made = Provider::of_model(&arrays.model).query(ctx, text).await;
            let values = made.map_err(|error| Unavailable {
                reason: format!("the embedding model does not answer: {error}"),
            })?;
            self.remembered().put(key, values.clone());
            values
        };
        if values.len() != arrays.vectors.dimensions() {
            return Err(unavailable(
                "the embedding model's vectors have changed their length: set another dimensions or model",
            ));
        }
        Ok(QueryVector {
            values,
            vectors: Arc::clone(&arrays.vectors),
            model: arrays.model.clone(),
        })
    }

    /// How many documents of `realms` wait for their vectors, as far as that is counted.
    pub async fn waiting(&self, realms: &[Realm]) -> Result<i64, ToolError> {
        let live = self.0.store.generations().await?;
        match live.into_iter().find(Generation::serves) {
            Some(serving) => self.0.store.changed_after(serving.seq, realms).await,
            None => Ok(0),
        }
    }

    /// The generations there are.
    pub async fn status(&self) -> Result<Vec<Status>, ToolError> {
        let arrays = self.serving();
        let live = self.0.store.generations().await?;
        let status = |generation: Generation| Status {
            trouble: self.0.troubles.of(generation.id),
            in_memory: arrays
                .as_ref()
                .filter(|arrays| arrays.generation == generation.id)
                .map(|arrays| (arrays.vectors.len(), arrays.at())),
            generation,
        };
        Ok(live.into_iter().map(status).collect())
    }

    /// Gives up the generation that `job` builds, if it does. What serves goes on.
    pub async fn cancel(&self, job: &str) -> Result<(), ToolError> {
        let live = self.0.store.generations().await?;
        let of = |one: &&Generation| one.job_id.as_deref() == Some(job);
        if let Some(one) = live.iter().find(of) {
            let now = self.0.host.clock.now();
            self.0.store.cancel_generation(one.id, now).await?;
            self.0.changed.notify_one();
        }
        Ok(())
    }

    /// Forgets what was looked for: it may be words of what is erased.
    pub fn forget_queries(&self) {
        self.remembered().clear();
    }

    fn serving(&self) -> Option<Arc<Arrays>> {
        self.0
            .serving
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.0
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self, mut follows: watch::Receiver<Option<Provider>>, stop: CancellationToken) {
        let mut workers: BTreeMap<i64, CancellationToken> = BTreeMap::new();
        let mut next: Option<Arc<Arrays>> = None;
        // What was brought about last: a change that comes while others are looked at is none the less seen.
        let mut told: Option<Option<Provider>> = None;
        let work = async {
            loop {
                let wanted = follows.borrow_and_update().clone();
                let looked = async {
                    if told.as_ref() != Some(&wanted) {
                        self.want(wanted.as_ref()).await?;
                        told = Some(wanted.clone());
                    }
                    let live = if wanted.is_some() {
                        self.0.store.generations().await?
                    } else {
                        Vec::new()
                    };
                    self.employ(&live, &mut workers, &stop);
                    self.load(&live, &mut next);
                    self.sweep().await
                };
                let more = looked.await.unwrap_or_else(|error: ToolError| {
                    tracing::warn!(%error, cause = ?error.source, "the generations of vectors could not be looked at");
                    false
                });
                if more {
                    tokio::task::yield_now().await;
                    continue;
                }
                let filled = async {
                    match &next {
                        Some(arrays) => arrays.ready().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    Ok(()) = follows.changed() => {}
                    () = self.0.changed.notified() => {}
                    () = filled => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Brings about what the settings want. Once for each change of them: hubs of one database with different settings would
    /// begin anew for ever.
    async fn want(&self, wanted: Option<&Provider>) -> Result<(), ToolError> {
        let now = self.0.host.clock.now();
        if let Some(provider) = wanted {
            let (kind, model) = (provider.kind(), provider.model());
            return self.0.store.want_generation(kind, model, now).await;
        }
        for one in self.0.store.generations().await? {
            if !one.serves() {
                self.0.store.cancel_generation(one.id, now).await?;
            }
        }
        Ok(())
    }

    /// Sees that there is one worker for each live generation.
    fn employ(
        &self,
        live: &[Generation],
        workers: &mut BTreeMap<i64, CancellationToken>,
        stop: &CancellationToken,
    ) {
        workers.retain(|id, worker| {
            let stays = live.iter().any(|one| one.id == *id);
            if !stays {
                worker.cancel();
            }
            stays
        });
        for generation in live {
            workers.entry(generation.id).or_insert_with(|| {
                let token = stop.child_token();
                let worker = Worker {
                    store: self.0.store.clone(),
                    feed: self.0.feed.clone(),
                    upkeep: self.0.host.upkeep.clone(),
                    clock: self.0.host.clock.clone(),
                    owner: Arc::clone(&self.0.owner),
                    provider: Provider::of_model(&generation.model),
                    generation: generation.clone(),
                    troubles: self.0.troubles.clone(),
                    changed: Arc::clone(&self.0.changed),
                    leased: None,
                    reported: None,
                    refused: 0,
                };
                let ends = token.clone();
                self.0
                    .host
                    .tasks
                    .spawn("knowledge-embedder", |_| async move {
                        ends.run_until_cancelled(worker.run()).await;
                    });
                token
            });
        }
    }

    /// Sees that the vectors of the generation that serves are in memory, and lets them take the place of others once they are.
    fn load(&self, live: &[Generation], next: &mut Option<Arc<Arrays>>) {
        let serves = live.iter().find(|one| one.serves());
        let now = self.serving().map(|arrays| arrays.generation);
        if serves.map(|one| one.id) == now {
            *next = None;
            return;
        }
        let Some(generation) = serves else {
            *self
                .0
                .serving
                .write()
                .unwrap_or_else(PoisonError::into_inner) = None;
            return;
        };
        if next
            .as_ref()
            .is_none_or(|arrays| arrays.generation != generation.id)
        {
            let (store, feed) = (self.0.store.clone(), self.0.feed.clone());
            *next = Some(Arrays::start(generation, store, feed, &self.0.host.tasks));
        }
        if let Some(arrays) = next.take_if(|arrays| now.is_none() || arrays.is_ready()) {
            *self
                .0
                .serving
                .write()
                .unwrap_or_else(PoisonError::into_inner) = Some(arrays);
        }
    }

    /// Removes some vectors that nobody uses any more; whether there may be more.
    async fn sweep(&self) -> Result<bool, ToolError> {
        let grace = if self.0.store.is_alone() { 0 } else { GRACE_MS };
        let before = self.0.host.clock.now() - grace + 1;
        self.0.store.sweep_generations(before, SLICE).await
    }
}

#[cfg(test)]
mod tests;
