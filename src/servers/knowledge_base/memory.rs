//! Finding memories: relevance from the one search, what they are from SQL, and age only in the ranking.

use std::{collections::HashMap, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    KnowledgeBase,
    engine::similar::similarity,
    feed::Feed,
    model::Realm,
    retrieve::Search,
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
/// Two that are more alike say the same.
const ALIKE: f64 = 0.6;
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
        let search = Search::memories(query, realms.clone());
        let page = search.page(self, ctx, 0, CANDIDATES).await?;
        let mut scores: HashMap<String, f64> = HashMap::new();
        for (_, hit, found) in page.hits {
            let score = scores.entry(hit.document_id).or_default();
            *score = score.max(f64::from(found.score));
        }
        let ids: Vec<String> = scores.keys().cloned().collect();
        let limit = u32::try_from(CANDIDATES).unwrap_or(u32::MAX);
        let rows = self
            .store
            .memories(&realms, Some(&ids), filter, limit)
            .await?;
        let recalled = rows.into_iter().map(|row| {
            let relevance = scores.get(&row.document_id).copied().unwrap_or_default();
            let score = relevance * weight(&row, filter.now);
            Recalled { row, score }
        });
        let mut recalled: Vec<Recalled> = recalled.collect();
        recalled.sort_by(|a, b| {
            let score = b.score.total_cmp(&a.score);
            score.then_with(|| b.row.document_id.cmp(&a.row.document_id))
        });
        Ok(recalled)
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
            let similarity = similarity(text, &found.row.text);
            let same = found.row.text == text;
            (similarity >= ALIKE && !same).then_some(Similar {
                similarity,
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
