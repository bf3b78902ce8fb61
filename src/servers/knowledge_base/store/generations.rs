//! Generations of vectors: one serves, the next is built beside it, and what it replaces is removed afterwards.

use super::{KnowledgeStore, write::lock};
use crate::{
    base::{clock::Millis, ids::new_id},
    db::Tx,
    on_db, on_tx,
    servers::knowledge_base::model::JobReport,
    tool::ToolError,
};

/// The scope of jobs that work for all projects. Only administrators see them: they count everybody's documents.
pub const HUB_SCOPE: &str = "hub";

/// A model's vectors over all documents.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Generation {
    /// Its number.
    pub id: i64,
    /// What its vectors are kept under.
    pub model: String,
    /// Numbers in a vector; 0 until the first was made.
    pub dimensions: i64,
    /// `building` or `serving`, while it is one of the live ones.
    pub state: String,
    /// The job that shows how far its building is.
    pub job_id: Option<String>,
    /// The outbox entry up to which every document has its vectors, once all were looked at.
    pub seq: i64,
    /// Documents up to this id have been looked at; `None` when all have.
    pub after_id: Option<String>,
}

impl Generation {
    /// Whether searches use it.
    pub fn serves(&self) -> bool {
        self.state == "serving"
    }
}

const LIVE: &str = "select id, model, dimensions, state, job_id, seq, after_id from kb_generation \
                    where state in ('serving', 'building') order by id";

impl KnowledgeStore {
    /// The generation that serves and the one that is built, as far as there are such.
    pub async fn generations(&self) -> Result<Vec<Generation>, ToolError> {
        Ok(on_db!(&self.db, pool => sqlx::query_as(LIVE).fetch_all(pool).await)?)
    }

    /// Has the vectors of `model` built, unless they serve or are built already; what else is built is cancelled.
    pub async fn want_generation(
        &self,
        provider: &'static str,
        model: String,
        now: Millis,
    ) -> Result<(), ToolError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    lock(&mut tx).await?;
                    let live: Vec<Generation> =
                        on_tx!(tx, c => sqlx::query_as(LIVE).fetch_all(&mut **c).await)?;
                    let (serving, building): (Vec<_>, Vec<_>) =
                        live.into_iter().partition(Generation::serves);
                    let serves = serving.iter().any(|one| one.model == model);
                    for old in building {
                        if old.model == model && !serves {
                            return Ok(());
                        }
                        end(&mut tx, &old, "cancelled", None, now).await?;
                    }
                    if serves {
                        return Ok(());
                    }
                    begin(&mut tx, provider, &model, now).await
                })
            })
            .await
    }

    /// Takes or keeps the right to make the vectors of a generation. False while another hub has it.
    pub async fn lease_generation(
        &self,
        id: i64,
        owner: &str,
        now: Millis,
        until: Millis,
    ) -> Result<bool, ToolError> {
        let (owner, alone) = (owner.to_owned(), self.is_alone());
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    // On a database of its own whoever else held it is dead.
                    let sql = "update kb_generation set lease_owner = $2, lease_until_ms = $4 where id = $1 \
                               and (lease_owner = $2 or lease_until_ms < $3 or $5 = 1)";
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(id).bind(&owner).bind(now).bind(until)
                        .bind(i64::from(alone)).execute(&mut **c).await.map(|done| done.rows_affected()))?;
                    Ok::<bool, ToolError>(rows == 1)
                })
            })
            .await
    }

    /// Notes how far a generation is.
    pub async fn advance_generation(
        &self,
        id: i64,
        seq: i64,
        after_id: Option<String>,
    ) -> Result<(), ToolError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "update kb_generation set seq = $2, after_id = $3 where id = $1";
                    on_tx!(tx, c => sqlx::query(sql).bind(id).bind(seq).bind(after_id).execute(&mut **c).await.map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// Notes how long a generation's vectors are.
    pub async fn measure_generation(&self, id: i64, dimensions: i64) -> Result<(), ToolError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "update kb_generation set dimensions = $2 where id = $1";
                    on_tx!(tx, c => sqlx::query(sql).bind(id).bind(dimensions).execute(&mut **c).await.map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// Lets a generation serve from now on, in place of the one that did, if it has the vectors of every document. False when
    /// there are documents that it has not seen.
    pub async fn switch_generation(&self, id: i64, now: Millis) -> Result<bool, ToolError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    lock(&mut tx).await?;
                    let live: Vec<Generation> = on_tx!(tx, c => sqlx::query_as(LIVE).fetch_all(&mut **c).await)?;
                    let Some(next) = live.iter().find(|one| one.id == id && one.state == "building") else {
                        return Ok(true);
                    };
                    let sql = "select count(*) from kb_outbox where seq > $1 and op = 'put'";
                    let unseen: i64 =
                        on_tx!(tx, c => sqlx::query_scalar(sql).bind(next.seq).fetch_one(&mut **c).await)?;
                    if unseen > 0 {
                        return Ok(false);
                    }
                    if let Some(old) = live.iter().find(|one| one.serves()) {
                        end(&mut tx, old, "retired", None, now).await?;
                    }
                    let sql = "update kb_generation set state = 'serving', switched_ms = $2 where id = $1";
                    on_tx!(tx, c => sqlx::query(sql).bind(id).bind(now).execute(&mut **c).await.map(|_| ()))?;
                    finish_job(&mut tx, next.job_id.as_deref(), "done", None, now).await?;
                    Ok::<bool, ToolError>(true)
                })
            })
            .await
    }

    /// Gives up a generation, unless it serves by now.
    pub async fn cancel_generation(&self, id: i64, now: Millis) -> Result<(), ToolError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    lock(&mut tx).await?;
                    let live: Vec<Generation> =
                        on_tx!(tx, c => sqlx::query_as(LIVE).fetch_all(&mut **c).await)?;
                    match live.iter().find(|one| one.id == id && !one.serves()) {
                        Some(old) => end(&mut tx, old, "cancelled", None, now).await,
                        None => Ok(()),
                    }
                })
            })
            .await
    }

    /// Notes how far the building is, for whoever looks at its job, and why it does not go on, if so. Whether it was cancelled.
    pub async fn report_generation(
        &self,
        job: &str,
        done: i64,
        total: i64,
        failed: i64,
        trouble: Option<String>,
        now: Millis,
    ) -> Result<bool, ToolError> {
        let job = job.to_owned();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let report = report(trouble)?;
                    let sql = "update kb_job set done = $2, total = $3, failed = $4, report = $5, updated_ms = $6 \
                               where id = $1 returning cancel";
                    let cancel: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(sql).bind(&job).bind(done).bind(total)
                        .bind(failed).bind(&report).bind(now).fetch_optional(&mut **c).await)?;
                    Ok::<bool, ToolError>(cancel == Some(1))
                })
            })
            .await
    }

    /// Live documents, in all scopes: those up to `id`, and all.
    pub async fn count_live(&self, id: Option<&str>) -> Result<(i64, i64), ToolError> {
        let sql = "select coalesce(sum(case when $1 = '' or id <= $1 then 1 else 0 end), 0), count(*) \
                   from kb_document where deleted_ms is null";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(id.unwrap_or_default()).fetch_one(pool).await)?,
        )
    }

    /// Removes up to `limit` vectors of a generation that was replaced or given up before `before`, and its row with the last
    /// of them. Whether there may be more.
    pub async fn sweep_generations(&self, before: Millis, limit: i64) -> Result<bool, ToolError> {
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "select id, model from kb_generation where state not in ('serving', 'building') \
                               and switched_ms < $1 order by id limit 1";
                    let old: Option<(i64, String)> =
                        on_tx!(tx, c => sqlx::query_as(sql).bind(before).fetch_optional(&mut **c).await)?;
                    let Some((id, model)) = old else {
                        return Ok(false);
                    };
                    // What serves or is built again meanwhile keeps its vectors.
                    let sql = "delete from kb_embedding where (model, scope, text_hash) in (\
                               select model, scope, text_hash from kb_embedding where model = $1 limit $2) \
                               and not exists (select 1 from kb_generation where model = $1 and state in ('serving', 'building'))";
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(&model).bind(limit).execute(&mut **c).await
                        .map(|done| done.rows_affected()))?;
                    if rows == 0 {
                        let sql = "delete from kb_generation where id = $1";
                        on_tx!(tx, c => sqlx::query(sql).bind(id).execute(&mut **c).await.map(|_| ()))?;
                    }
                    Ok::<bool, ToolError>(true)
                })
            })
            .await
    }
}

async fn begin(tx: &mut Tx<'_>, provider: &str, model: &str, now: Millis) -> Result<(), ToolError> {
    let job = new_id("job");
    let request = serde_json::json!({"model": model}).to_string();
    let sql = "insert into kb_job (id, scope, kind, state, request, report, done, failed, attempt, created_by, created_ms, \
               updated_ms) values ($1, $2, 'embed', 'running', $3, '{}', 0, 0, 1, 'hub', $4, $4)";
    on_tx!(*tx, c => sqlx::query(sql).bind(&job).bind(HUB_SCOPE).bind(&request).bind(now)
        .execute(&mut **c).await.map(|_| ()))?;
    let sql = "insert into kb_generation (id, model, provider, dimensions, state, job_id, seq, after_id, created_ms) \
               values ((select coalesce(max(id), 0) + 1 from kb_generation), $1, $2, 0, 'building', $3, \
               (select value from kb_counter where name = 'seq'), '', $4)";
    on_tx!(*tx, c => sqlx::query(sql).bind(model).bind(provider).bind(&job).bind(now)
        .execute(&mut **c).await.map(|_| ()))?;
    Ok(())
}

/// Takes a generation out of use. Its vectors are removed later.
async fn end(
    tx: &mut Tx<'_>,
    old: &Generation,
    state: &str,
    error: Option<&str>,
    now: Millis,
) -> Result<(), ToolError> {
    let sql = "update kb_generation set state = $2, error = $3, switched_ms = $4 where id = $1";
    on_tx!(*tx, c => sqlx::query(sql).bind(old.id).bind(state).bind(error).bind(now)
        .execute(&mut **c).await.map(|_| ()))?;
    if old.serves() {
        return Ok(());
    }
    finish_job(tx, old.job_id.as_deref(), "cancelled", error, now).await
}

async fn finish_job(
    tx: &mut Tx<'_>,
    job: Option<&str>,
    state: &str,
    error: Option<&str>,
    now: Millis,
) -> Result<(), ToolError> {
    let report = report(error.map(str::to_owned))?;
    let sql = "update kb_job set state = $2, report = $3, total = coalesce(total, 0), \
               done = case when $2 = 'done' then coalesce(total, 0) else done end, updated_ms = $4, finished_ms = $4 \
               where id = $1";
    on_tx!(*tx, c => sqlx::query(sql).bind(job.unwrap_or_default()).bind(state).bind(&report).bind(now)
        .execute(&mut **c).await.map(|_| ()))?;
    Ok(())
}

fn report(error: Option<String>) -> Result<String, ToolError> {
    let report = JobReport {
        error,
        ..JobReport::default()
    };
    serde_json::to_string(&report).map_err(ToolError::internal)
}
