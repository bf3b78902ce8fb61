//! The documents of jobs: what is to be added, and what came of it.

use sqlx::QueryBuilder;

use super::{
    KnowledgeStore, NewJob,
    write::{add_all, delete, lock},
};
use crate::{
    base::clock::Millis,
    db::{Tx, parts},
    on_db, on_tx,
    servers::knowledge_base::model::{Added, JobReport, NewDocument},
    tool::ToolError,
};

/// One document of a job.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ItemRow {
    /// Its place in the job.
    pub ordinal: i64,
    /// What it is called.
    pub name: String,
    /// `queued`, `done` or `failed`.
    pub state: String,
    /// The document it became.
    pub document_id: Option<String>,
    /// The document's version.
    pub version: Option<i64>,
    /// What adding it did.
    pub outcome: Option<String>,
    /// Why it failed, as a word.
    pub code: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
}

/// A document that was not added.
#[derive(Debug, Clone)]
pub struct Failed {
    /// Its place in the job.
    pub ordinal: i64,
    /// What it is called.
    pub name: String,
    /// Why, as a word.
    pub code: String,
    /// Why, and what to do.
    pub message: String,
}

/// What came of a part of a job.
#[derive(Debug, Default)]
pub struct Step {
    /// Documents to add; of those that the job lists, with their place in it.
    pub add: Vec<(Option<i64>, NewDocument)>,
    /// Documents that cannot be added.
    pub failed: Vec<Failed>,
    /// Documents that need not be read again.
    pub unchanged: i64,
    /// Files that are no documents.
    pub skipped: i64,
    /// Documents to delete, by id.
    pub delete: Vec<String>,
}

impl KnowledgeStore {
    /// Takes one step of a job whose lease `owner` holds, in one transaction: documents, their fates and the job's numbers
    /// change together. `None` when the lease is another's by now: then nothing changed.
    pub async fn step(
        &self,
        job: &super::JobRow,
        owner: &str,
        step: Step,
        mut report: JobReport,
        now: Millis,
    ) -> Result<Option<(JobReport, Vec<Added>)>, ToolError> {
        let (job, owner) = (job.clone(), owner.to_owned());
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    // Before the job's row, as in every transaction that changes documents.
                    lock(&mut tx).await?;
                    let sql = "select count(*) from kb_job where id = $1 and lease_owner = $2 and state = 'running'";
                    let held: i64 = on_tx!(tx, c => sqlx::query_scalar(sql).bind(&job.id).bind(&owner)
                        .fetch_one(&mut **c).await)?;
                    if held == 0 {
                        return Ok(None);
                    }
                    let of = (job.id.as_str(), job.scope.as_str(), job.created_by.as_str());
                    let added = take(&mut tx, of, step, &mut report, now).await?;
                    Ok(Some((report, added)))
                })
            })
            .await
    }

    /// Makes a job of which all is done with `step`, in one transaction; its id.
    pub async fn done_job(
        &self,
        job: NewJob,
        step: Step,
        now: Millis,
    ) -> Result<(String, Vec<Added>), ToolError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    lock(&mut tx).await?;
                    let id = super::jobs::put(&mut tx, &job, now).await?;
                    let of = (id.as_str(), &*job.realm.to_string(), job.agent.as_str());
                    let added = take(&mut tx, of, step, &mut JobReport::default(), now).await?;
                    let sql = "update kb_job set state = 'done', attempt = 1, finished_ms = $2 where id = $1";
                    on_tx!(tx, c => sqlx::query(sql).bind(&id).bind(now).execute(&mut **c).await.map(|_| ()))?;
                    Ok((id, added))
                })
            })
            .await
    }

    /// Up to `limit` documents of a job that are still to be added: place, name and what to add.
    pub async fn queued_items(
        &self,
        job: &str,
        limit: u32,
    ) -> Result<Vec<(i64, String, String)>, ToolError> {
        let sql = "select ordinal, name, coalesce(request, '') from kb_job_item \
                   where job_id = $1 and state = 'queued' order by ordinal limit $2";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(job).bind(i64::from(limit)).fetch_all(pool).await)?,
        )
    }

    /// Documents of a job after place `after`, in order; with `failed` only those.
    pub async fn job_items(
        &self,
        job: &str,
        failed: bool,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ItemRow>, ToolError> {
        let sql = "select ordinal, name, state, document_id, version, outcome, code, message from kb_job_item \
                   where job_id = $1 and ordinal > $2 and ($3 = '' or state = $3) order by ordinal limit $4";
        let state = if failed { "failed" } else { "" };
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(job).bind(after).bind(state).bind(i64::from(limit))
            .fetch_all(pool).await)?,
        )
    }
}

/// Takes a step of the job of this id, scope and agent.
async fn take(
    tx: &mut Tx<'_>,
    (id, scope, agent): (&str, &str, &str),
    step: Step,
    report: &mut JobReport,
    now: Millis,
) -> Result<Vec<Added>, ToolError> {
    let (places, new): (Vec<_>, Vec<_>) = step.add.into_iter().unzip();
    let added = add_all(tx, &new, agent, now).await?;
    for document in &step.delete {
        let gone = delete(tx, scope, document, now).await?;
        report.deleted += i64::from(gone.is_some());
    }
    for one in &added {
        report.count(one.outcome);
    }
    let listed = places.into_iter().zip(&added);
    let listed: Vec<_> = listed
        .filter_map(|(place, one)| Some((place?, one)))
        .collect();
    done(tx, id, &listed).await?;
    report.unchanged += step.unchanged;
    report.skipped += step.skipped;
    for failed in &step.failed {
        fail(tx, id, failed).await?;
    }
    let done = added.len() as i64 + step.unchanged + step.skipped;
    let report = serde_json::to_string(&report).map_err(ToolError::internal)?;
    let sql = "update kb_job set done = done + $2, failed = failed + $3, report = $4, updated_ms = $5 where id = $1";
    on_tx!(*tx, c => sqlx::query(sql).bind(id).bind(done).bind(step.failed.len() as i64).bind(report).bind(now)
        .execute(&mut **c).await.map(|_| ()))?;
    Ok(added)
}

/// Writes the documents that a new job is about.
pub(super) async fn put(
    tx: &mut Tx<'_>,
    job: &str,
    items: &[(String, Option<String>)],
) -> Result<(), ToolError> {
    let mut ordinal = 0_i64;
    for part in parts(items) {
        on_tx!(*tx, c => {
            let mut query = QueryBuilder::new("insert into kb_job_item (job_id, ordinal, name, state, request) ");
            query.push_values(part.iter().zip(ordinal..), |mut row, ((name, request), ordinal)| {
                row.push_bind(job).push_bind(ordinal).push_bind(name.as_str()).push_bind("queued")
                    .push_bind(request.as_deref());
            });
            query.build().execute(&mut **c).await.map(|_| ())
        })?;
        ordinal += part.len() as i64;
    }
    Ok(())
}

/// Makes the failed documents of a job wait again; those that it found by itself it will find again.
pub(super) async fn requeue(tx: &mut Tx<'_>, job: &str) -> Result<(), ToolError> {
    for sql in [
        "delete from kb_job_item where job_id = $1 and state = 'failed' and request is null",
        "update kb_job_item set state = 'queued', code = null, message = null where job_id = $1 and state = 'failed'",
    ] {
        on_tx!(*tx, c => sqlx::query(sql).bind(job).execute(&mut **c).await.map(|_| ()))?;
    }
    Ok(())
}

async fn done(tx: &mut Tx<'_>, job: &str, added: &[(i64, &Added)]) -> Result<(), ToolError> {
    for part in parts(added) {
        on_tx!(*tx, c => {
            // The rows are there: a statement that inserts is the one that takes many on both databases.
            let mut query = QueryBuilder::new(
                "insert into kb_job_item (job_id, ordinal, name, state, document_id, version, outcome) ",
            );
            query.push_values(part, |mut row, (ordinal, added)| {
                row.push_bind(job).push_bind(*ordinal).push_bind("").push_bind("done")
                    .push_bind(added.document_id.as_str()).push_bind(added.version).push_bind(added.outcome.as_str());
            });
            query.push(
                " on conflict (job_id, ordinal) do update set state = 'done', request = null, \
                 document_id = excluded.document_id, version = excluded.version, outcome = excluded.outcome",
            );
            query.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}

async fn fail(tx: &mut Tx<'_>, job: &str, failed: &Failed) -> Result<(), ToolError> {
    let sql = "insert into kb_job_item (job_id, ordinal, name, state, code, message) values ($1, $2, $3, 'failed', $4, $5) \
               on conflict (job_id, ordinal) do update set state = 'failed', code = excluded.code, \
               message = excluded.message";
    on_tx!(*tx, c => sqlx::query(sql).bind(job).bind(failed.ordinal).bind(&failed.name).bind(&failed.code)
        .bind(&failed.message).execute(&mut **c).await.map(|_| ()))?;
    Ok(())
}
