//! A job as callers see it.

use tokio::time::{Instant, timeout};

use super::{Owner, everywhere};
use crate::{
    base::clock::rfc3339,
    servers::knowledge_base::{
        KnowledgeBase,
        model::{JobReport, JobState, Realm},
        store::{HUB_SCOPE, ItemRow, JobRow},
    },
    tool::prelude::*,
};

/// How far a job is, and some of its documents.
#[derive(Debug, Serialize, JsonSchema)]
pub struct JobView {
    /// The job, for get_knowledge_job.
    pub job_id: String,
    /// How far it is.
    pub state: JobState,
    /// How many documents it is about, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// How many were read.
    pub done: i64,
    /// How many could not be read.
    pub failed: i64,
    /// What came of it so far.
    pub report: JobReport,
    /// How often it was started.
    pub attempt: i64,
    /// Since when it is there (RFC 3339, UTC).
    pub created_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// Send it as `min_seq` to search_knowledge to be sure that the search sees all that was added.
    pub seq: i64,
    /// Its documents, one page of them.
    pub items: Vec<ItemView>,
    /// For `cursor` of get_knowledge_job, when there are more documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What came of one document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct ItemView {
    /// Its place in the list, counted from 0.
    pub index: i64,
    /// What it is called.
    pub name: String,
    /// queued, created, updated, unchanged or failed.
    pub outcome: String,
    /// The document it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// The document's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Why it failed, as a word, e.g. too_large or unreadable_document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it failed, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Which documents of a job are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Show {
    /// Those that could not be read.
    Failed,
    /// All that the job lists. A sync lists only those that failed.
    All,
}

/// How often a waiting call looks whether another hub has ended its job.
const LOOK: Duration = Duration::from_millis(250);
/// Bytes of documents in one answer.
const MOST_BYTES: usize = 40_000;
/// Bytes of a document beside its texts.
const ITEM: usize = 160;

impl KnowledgeBase {
    /// The job `id`, if the caller may know of it: what is everybody's only an administrator asks for, and what the hub does
    /// for all projects only one of all of them.
    pub async fn job(&self, ctx: &Ctx, id: &str) -> Result<JobRow, ToolError> {
        let own = Owner::Project.realm(ctx).to_string();
        let global = Realm::Global.to_string();
        let may = Owner::Global.may_write(ctx).is_ok();
        let scopes = [
            own.as_str(),
            if may { &global } else { &own },
            if may && everywhere(ctx).is_ok() {
                HUB_SCOPE
            } else {
                &own
            },
        ];
        let job = self.store.job(scopes, id).await?;
        job.ok_or_else(|| {
            ToolError::not_found("job", id).hint(
                "add_documents and sync_source return the ids of jobs, which are kept for a week",
            )
        })
    }

    /// Waits at most `patience` until the job `id` is over; its row then, or as far as it is.
    pub async fn waited(
        &self,
        ctx: &Ctx,
        id: &str,
        patience: Duration,
    ) -> Result<JobRow, ToolError> {
        let until = Instant::now() + patience;
        loop {
            let ended = self.ingest.ended();
            let job = self.job(ctx, id).await?;
            let now = Instant::now();
            if job.is_over() || now >= until {
                return Ok(job);
            }
            let _either = timeout(LOOK.min(until - now), ended).await;
        }
    }

    /// What is told of `job`, with at most `limit` documents after place `after`.
    pub async fn view(
        &self,
        ctx: &Ctx,
        job: JobRow,
        show: Show,
        after: i64,
        limit: u32,
    ) -> Result<JobView, ToolError> {
        let failed = show == Show::Failed;
        let mut items = self
            .store
            .job_items(&job.id, failed, after, limit + 1)
            .await?;
        let mut more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let mut room = MOST_BYTES;
        let fit = items.iter().take_while(|item| {
            let size = ITEM + item.name.len() + item.message.as_ref().map_or(0, String::len);
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        });
        let fit = fit.count();
        more |= fit < items.len();
        items.truncate(fit);
        let last = items.last().filter(|_| more).map(|item| item.ordinal);
        let seq = self.store.last_seq().await?;
        Ok(JobView {
            next_cursor: last.map(|last| paging::encode(&binding(ctx, &job.id, show), &last)),
            state: JobState::from_word(&job.state),
            total: job.total,
            done: job.done,
            failed: job.failed,
            report: job.report(),
            attempt: job.attempt,
            created_at: rfc3339(job.created_ms),
            finished_at: job.finished_ms.map(rfc3339),
            seq,
            items: items.into_iter().map(item).collect(),
            job_id: job.id,
        })
    }
}

/// What a cursor of a job's documents depends on.
pub fn binding<'b>(ctx: &'b Ctx, id: &'b str, show: Show) -> impl Serialize + use<'b> {
    ("get_knowledge_job", ctx.project(), id, show)
}

fn item(row: ItemRow) -> ItemView {
    ItemView {
        index: row.ordinal,
        name: row.name,
        outcome: row.outcome.unwrap_or(row.state),
        document_id: row.document_id,
        version: row.version,
        code: row.code,
        message: row.message,
    }
}
