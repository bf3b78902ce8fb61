//! Work that goes on after its call: made here, worked on by one hub at a time, which holds its lease.

use crate::{
    base::{clock::Millis, ids::new_id},
    db::Tx,
    on_db, on_tx,
    servers::knowledge_base::{
        model::{JobReport, JobState, Realm},
        store::KnowledgeStore,
    },
    tool::ToolError,
};

/// A job's row.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct JobRow {
    /// Its id.
    pub id: String,
    /// Whose documents it is about: a [`Realm`] as text.
    pub scope: String,
    /// Their project.
    pub project_id: Option<String>,
    /// What kind of work it is.
    pub kind: String,
    /// How far it is: a [`JobState`].
    pub state: String,
    /// What is to be done: a JSON object.
    pub request: String,
    /// What came of it: a [`JobReport`].
    pub report: String,
    /// How many documents, once that is known.
    pub total: Option<i64>,
    /// How many are done.
    pub done: i64,
    /// How many failed.
    pub failed: i64,
    /// How often it was started.
    pub attempt: i64,
    /// For which agent.
    pub created_by: String,
    /// Since when, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// When it last moved.
    pub updated_ms: Millis,
    /// When it ended.
    pub finished_ms: Option<Millis>,
}

impl JobRow {
    /// What came of it so far.
    pub fn report(&self) -> JobReport {
        serde_json::from_str(&self.report).unwrap_or_default()
    }

    /// Whether nothing more will be done.
    pub fn is_over(&self) -> bool {
        JobState::from_word(&self.state).is_over()
    }
}

/// A job to make.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Whose documents it is about.
    pub realm: Realm,
    /// What kind of work it is.
    pub kind: &'static str,
    /// What is to be done: a JSON object.
    pub request: String,
    /// The documents it is about, where they are known: what each is called, and what is still to be added (a JSON object).
    pub items: Vec<(String, Option<String>)>,
    /// For which agent.
    pub agent: String,
}

impl KnowledgeStore {
    /// Makes a job; its id.
    pub async fn new_job(&self, job: NewJob, now: Millis) -> Result<String, ToolError> {
        self.db
            .write(move |mut tx| Box::pin(async move { put(&mut tx, &job, now).await }))
            .await
    }

    /// Takes the lease of the oldest job of one of the two `kinds` that nobody works on.
    pub async fn claim_job(
        &self,
        kinds: [&'static str; 2],
        owner: &str,
        now: Millis,
        until: Millis,
    ) -> Result<Option<JobRow>, ToolError> {
        let [a, b] = kinds;
        // Mostly there is none: looking costs no transaction that writes.
        let sql = "select count(*) from kb_job where kind in ($1, $2) \
                   and (state = 'queued' or state = 'running' and lease_until_ms < $3)";
        let waiting: i64 = on_db!(&self.db, pool => sqlx::query_scalar(sql).bind(a).bind(b).bind(now)
            .fetch_one(pool).await)?;
        if waiting == 0 {
            return Ok(None);
        }
        let owner = owner.to_owned();
        // The condition stands twice: of two hubs that wait for the same row, the second looks at it again.
        let sql = "update kb_job set state = 'running', lease_owner = $3, lease_until_ms = $5, updated_ms = $4, \
                   attempt = attempt + 1 \
                   where id = (select id from kb_job where kind in ($1, $2) \
                   and (state = 'queued' or state = 'running' and lease_until_ms < $4) \
                   order by created_ms, id limit 1) \
                   and (state = 'queued' or state = 'running' and lease_until_ms < $4) returning *";
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    Ok(
                        on_tx!(tx, c => sqlx::query_as(sql).bind(a).bind(b).bind(owner).bind(now)
                        .bind(until).fetch_optional(&mut **c).await)?,
                    )
                })
            })
            .await
    }

    /// Keeps the lease of a job; whether it is to be cancelled. `None` when the lease is another's.
    pub async fn renew_job(
        &self,
        id: &str,
        owner: &str,
        until: Millis,
    ) -> Result<Option<bool>, ToolError> {
        let (id, owner) = (id.to_owned(), owner.to_owned());
        let sql = "update kb_job set lease_until_ms = $3 where id = $1 and lease_owner = $2 and state = 'running' \
                   returning cancel";
        let cancel: Option<i64> = self
            .db
            .write(move |mut tx| {
                Box::pin(async move {
                    Ok::<_, ToolError>(
                        on_tx!(tx, c => sqlx::query_scalar(sql).bind(id).bind(owner).bind(until)
                        .fetch_optional(&mut **c).await)?,
                    )
                })
            })
            .await?;
        Ok(cancel.map(|cancel| cancel != 0))
    }

    /// Says how many documents a job has found, of which nothing is done yet.
    pub async fn begin_sync(&self, id: &str, total: i64) -> Result<(), ToolError> {
        let id = id.to_owned();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "update kb_job set total = $2, done = 0, failed = 0, report = '{}' where id = $1";
                    on_tx!(tx, c => sqlx::query(sql).bind(&id).bind(total).execute(&mut **c).await.map(|_| ()))?;
                    let sql = "delete from kb_job_item where job_id = $1";
                    on_tx!(tx, c => sqlx::query(sql).bind(&id).execute(&mut **c).await.map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// Ends a job whose lease `owner` holds; with `error` where it could not be worked on to its end.
    pub async fn end_job(
        &self,
        id: &str,
        owner: &str,
        state: JobState,
        error: Option<String>,
        now: Millis,
    ) -> Result<(), ToolError> {
        let (id, owner) = (id.to_owned(), owner.to_owned());
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "update kb_job set state = $3, updated_ms = $4, finished_ms = $4, lease_owner = null \
                               where id = $1 and lease_owner = $2 returning report";
                    let report: Option<String> = on_tx!(tx, c => sqlx::query_scalar(sql).bind(&id).bind(owner)
                        .bind(state.as_str()).bind(now).fetch_optional(&mut **c).await)?;
                    let Some(report) = report else {
                        return Ok(());
                    };
                    let report: JobReport = serde_json::from_str(&report).unwrap_or_default();
                    let report = serde_json::to_string(&JobReport { error, ..report });
                    let sql = "update kb_job set report = $2 where id = $1";
                    on_tx!(tx, c => sqlx::query(sql).bind(&id).bind(report.map_err(ToolError::internal)?)
                        .execute(&mut **c).await.map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// A job of one of `scopes`: realms as text, or [`HUB_SCOPE`](super::HUB_SCOPE).
    pub async fn job(&self, scopes: [&str; 3], id: &str) -> Result<Option<JobRow>, ToolError> {
        let sql = "select * from kb_job where id = $1 and scope in ($2, $3, $4)";
        let [a, b, c] = scopes;
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(id).bind(a).bind(b).bind(c)
                .fetch_optional(pool).await)?,
        )
    }

    /// Asks a job to end: at once where nobody works on it, else soon. False when it is over already.
    pub async fn cancel_job(&self, id: &str, now: Millis) -> Result<bool, ToolError> {
        let sql = "update kb_job set cancel = 1, updated_ms = $2, \
                   finished_ms = case when state = 'queued' then $2 else null end, \
                   state = case when state = 'queued' then 'cancelled' else state end \
                   where id = $1 and state in ('queued', 'running')";
        self.job_update(sql, id, now).await
    }

    /// Starts an ended job again, with what failed and what was left. False when it is not over,
    /// or is no work on documents.
    pub async fn retry_job(&self, id: &str, now: Millis) -> Result<bool, ToolError> {
        let id = id.to_owned();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "update kb_job set state = 'queued', cancel = 0, failed = 0, updated_ms = $2, \
                               finished_ms = null, lease_owner = null \
                               where id = $1 and state in ('done', 'failed', 'cancelled') and kind in ('ingest', 'sync')";
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(&id).bind(now).execute(&mut **c).await
                        .map(|done| done.rows_affected()))?;
                    if rows > 0 {
                        super::items::requeue(&mut tx, &id).await?;
                    }
                    Ok(rows > 0)
                })
            })
            .await
    }

    /// Frees what a dead process worked on. Only where this process is alone on its database.
    pub async fn free_leases(&self) -> Result<(), ToolError> {
        if self.db.kind() != crate::db::Kind::Sqlite {
            return Ok(());
        }
        let sql = "update kb_job set lease_until_ms = 0 where id <> $1 and kind in ('ingest', 'sync') \
                   and state = 'running' and lease_until_ms > $2";
        self.job_update(sql, "", 0).await.map(drop)
    }

    /// Forgets jobs that ended before `before`.
    pub async fn sweep_jobs(&self, before: Millis) -> Result<(), ToolError> {
        let sql = "delete from kb_job where id <> $1 and finished_ms < $2";
        self.job_update(sql, "", before).await.map(drop)
    }

    /// Runs a statement about a job; whether it changed anything.
    async fn job_update(&self, sql: &'static str, id: &str, value: i64) -> Result<bool, ToolError> {
        let id = id.to_owned();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(id).bind(value).execute(&mut **c).await
                        .map(|done| done.rows_affected()))?;
                    Ok(rows > 0)
                })
            })
            .await
    }
}

/// Writes a job that nobody works on yet; its id.
pub(super) async fn put(tx: &mut Tx<'_>, job: &NewJob, now: Millis) -> Result<String, ToolError> {
    let id = new_id("job");
    let total = Some(job.items.len() as i64).filter(|total| *total > 0);
    let sql = "insert into kb_job (id, scope, project_id, kind, state, request, report, total, done, failed, attempt, \
               created_by, created_ms, updated_ms) \
               values ($1, $2, $3, $4, 'queued', $5, '{}', $6, 0, 0, 0, $7, $8, $8)";
    on_tx!(*tx, c => sqlx::query(sql).bind(&id).bind(job.realm.to_string()).bind(job.realm.project()).bind(job.kind)
        .bind(&job.request).bind(total).bind(&job.agent).bind(now).execute(&mut **c).await.map(|_| ()))?;
    super::items::put(tx, &id, &job.items).await?;
    Ok(id)
}
