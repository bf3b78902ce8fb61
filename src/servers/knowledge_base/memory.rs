//! Finding memories: relevance from the one search, what they are from SQL, and age only in the ranking.

use std::{collections::HashMap, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    KnowledgeBase,
    engine::{
        filter::{Filter, MEMORY},
        fuse::dot,
        similar::similarity,
    },
    feed::Feed,
    model::Realm,
    retrieve::{Mode, Search},
    store::{KnowledgeStore, MemoryFilter, MemoryRow},
};
use crate::{
    base::clock::{Clock, Millis},
    tool::{Ctx, ToolError},
};

/// Memories looked at for one answer.
const CANDIDATES: usize = 100;
/// Memories that are compared with a new one.
const COMPARED: usize = 10;
/// Two with this share of their words in common say nearly the same.
const SAME_WORDS: f64 = 0.6;
/// And two whose vectors are as near as this: paraphrases are at 0.9 and above, statements of other things with the same words
/// at 0.8 and below.
const SAME_MEANING: f64 = 0.88;
/// A memory's weight falls with age to half of this share, then stays.
const FADING: f64 = 0.5;
/// Time in which the fading share halves.
const HALF_LIFE_MS: f64 = 180.0 * 86_400_000.0;
/// How often expired memories are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// Memories forgotten in one sweep.
const SWEPT: i64 = 1_000;

/// A memory and how well it fits.
pub struct Recalled {
    /// The memory.
    pub row: MemoryRow,
    /// Relevance with age counted in; comparable within one answer only.
    pub score: f64,
    /// How near it is in meaning, from -1 to 1, where there are vectors.
    pub cosine: Option<f32>,
}

impl Recalled {
    /// One that nothing was asked of.
    pub fn listed(row: MemoryRow) -> Self {
        Self {
            row,
            score: 0.0,
            cosine: None,
        }
    }
}

/// How well a memory fits.
#[derive(Debug, Default, Clone, Copy)]
struct Fit {
    score: f32,
    cosine: Option<f32>,
}

/// A memory that says nearly the same as a text.
pub struct Similar {
    /// The memory.
    pub row: MemoryRow,
    /// How alike they are, from 0 to 1.
    pub similarity: f64,
}

impl KnowledgeBase {
    /// Memories of `realms` that answer `query`, best first.
    pub(super) async fn recall(
        &self,
        ctx: &Ctx,
        query: &str,
        realms: Vec<Realm>,
        filter: MemoryFilter<'_>,
    ) -> Result<Vec<Recalled>, ToolError> {
        let scores = self.related(ctx, query, &realms).await?;
        let ids: Vec<String> = scores.keys().cloned().collect();
        let limit = u32::try_from(CANDIDATES).unwrap_or(u32::MAX);
        let rows = self
            .store
            .memories(&realms, Some(&ids), filter, limit)
            .await?;
        let recalled = rows.into_iter().map(|row| {
            let found = scores.get(&row.document_id).copied().unwrap_or_default();
            let score = f64::from(found.score) * weight(&row, filter.now);
            Recalled {
                row,
                score,
                cosine: found.cosine,
            }
        });
        let mut recalled: Vec<Recalled> = recalled.collect();
        recalled.sort_by(|a, b| {
            let score = b.score.total_cmp(&a.score);
            score.then_with(|| b.row.document_id.cmp(&a.row.document_id))
        });
        Ok(recalled)
    }

    /// How well memories fit `query`, by their ids.
    async fn related(
        &self,
        ctx: &Ctx,
        query: &str,
        realms: &[Realm],
    ) -> Result<HashMap<String, Fit>, ToolError> {
        let filter = Filter {
            kinds: vec![MEMORY.to_owned()],
            ..Filter::default()
        };
        let search = Search::new(query, realms.to_vec(), filter);
        let ranking = search.rank(self, ctx, Mode::Hybrid).await?;
        let vector = self.embedding.query(ctx, query).await.ok();
        let page = search.page(self, ranking.ranked, 0, CANDIDATES).await?;
        let mut fits: HashMap<String, Fit> = HashMap::new();
        for (_, hit, found) in page.hits {
            let own = found.vector.as_deref().zip(vector.as_ref());
            let cosine = own.map(|(own, vector)| dot(own, &vector.values));
            let fit = fits.entry(hit.document_id).or_default();
            fit.score = fit.score.max(found.score);
            if cosine > fit.cosine {
                fit.cosine = cosine;
            }
        }
        Ok(fits)
    }

    /// Live memories of `realm` that say nearly the same as `text`, but not just the same, closest first.
    pub(super) async fn similar(
        &self,
        ctx: &Ctx,
        text: &str,
        realm: &Realm,
    ) -> Result<Vec<Similar>, ToolError> {
        let now = ctx.now();
        let filter = MemoryFilter {
            now,
            at: Some(now),
            kind: None,
            superseded: false,
        };
        let mut near = self.recall(ctx, text, vec![realm.clone()], filter).await?;
        near.truncate(COMPARED);
        let alike = near.into_iter().filter_map(|found| {
            let words = similarity(text, &found.row.text);
            let meaning = found.cosine.map_or(0.0, f64::from);
            let same = found.row.text == text;
            let alike = words >= SAME_WORDS || meaning >= SAME_MEANING;
            (alike && !same).then_some(Similar {
                similarity: words.max(meaning),
                row: found.row,
            })
        });
        let mut alike: Vec<Similar> = alike.collect();
        alike.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        alike.truncate(5);
        Ok(alike)
    }
}

/// How much a memory's age leaves of its relevance.
fn weight(row: &MemoryRow, now: Millis) -> f64 {
    if row.pinned != 0 {
        return 1.0;
    }
    let age = (now - row.created_ms).max(0) as f64;
    1.0 - FADING + FADING * (-age / HALF_LIFE_MS).exp2()
}

/// Forgets memories whose time has come, until it is told to stop. They are not shown before that either.
pub(super) async fn sweep(
    store: KnowledgeStore,
    feed: Feed,
    clock: Clock,
    stop: CancellationToken,
) {
    loop {
        if let Err(error) = forget_expired(&store, &feed, clock.now()).await {
            tracing::warn!(%error, "expired memories could not be forgotten: trying again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

async fn forget_expired(store: &KnowledgeStore, feed: &Feed, now: Millis) -> Result<(), ToolError> {
    for (scope, id) in store.expired(now, SWEPT).await? {
        store.delete_in(&scope, &id, now).await?;
        feed.wake();
    }
    Ok(())
}
