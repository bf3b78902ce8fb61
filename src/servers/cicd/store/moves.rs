//! Moving runs, jobs and steps from one status to the next.

use super::{
    super::{engine::run::StepReport, model::Status},
    Store,
};
use crate::{
    base::{clock::Millis, ids::ProjectId},
    db::{DbError, Tx},
    on_tx,
};

impl Store {
    /// A queued run starts.
    pub async fn start_run(&self, id: &str, now: Millis) -> Result<(), DbError> {
        let sql = "update cicd_run set status = 'running', started_ms = $2 where id = $1 and status = 'queued'";
        let id = id.to_owned();
        self.db.write(move |mut tx| Box::pin(async move {
            on_tx!(tx, c => sqlx::query(sql).bind(&id).bind(now).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })).await
    }

    /// Moves a live job on.
    pub async fn move_job(
        &self,
        run: &str,
        job: usize,
        status: Status,
        message: Option<String>,
        now: Millis,
    ) -> Result<(), DbError> {
        let sql = "update cicd_job set status = $3, message = $4, \
                   started_ms = case when $3 = 'running' then $5 else started_ms end, \
                   ended_ms = case when $3 = 'running' then ended_ms else $5 end \
                   where run_id = $1 and position = $2 and status in ('queued', 'running')";
        let run = run.to_owned();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    on_tx!(tx, c => sqlx::query(sql)
                .bind(&run).bind(job as i64).bind(status.as_str()).bind(&message).bind(now)
                .execute(&mut **c).await.map(|_| ()))?;
                    Ok(())
                })
            })
            .await
    }

    /// Moves a live step on.
    pub async fn move_step(
        &self,
        run: &str,
        at: (usize, usize),
        status: Status,
        report: StepReport,
        now: Millis,
    ) -> Result<(), DbError> {
        let sql = "update cicd_step set status = $4, exit_code = $6, signal = $7, timed_out = $8, message = $9, \
                   outputs = $10, started_ms = case when $4 = 'running' then $5 else started_ms end, \
                   ended_ms = case when $4 = 'running' then ended_ms else $5 end \
                   where run_id = $1 and job_position = $2 and position = $3 and status in ('queued', 'running')";
        let run = run.to_owned();
        let outputs = (!report.outputs.is_empty())
            .then(|| serde_json::to_string(&report.outputs).unwrap_or_default());
        self.db.write(move |mut tx| Box::pin(async move {
            on_tx!(tx, c => sqlx::query(sql)
                .bind(&run).bind(at.0 as i64).bind(at.1 as i64).bind(status.as_str()).bind(now)
                .bind(report.exit_code.map(i64::from)).bind(report.signal.map(i64::from)).bind(report.timed_out)
                .bind(&report.message).bind(&outputs)
                .execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })).await
    }

    /// Asks the owner of a live run to cancel it; false when it had ended already.
    pub async fn request_cancel(&self, project: &ProjectId, id: &str) -> Result<bool, DbError> {
        let sql = "update cicd_run set cancel_requested = true where project_id = $1 and id = $2 and status in ('queued', 'running')";
        let (project, id) = (project.clone(), id.to_owned());
        let asked = self
            .db
            .write(move |mut tx| {
                Box::pin(async move {
                    Ok::<_, DbError>(
                        on_tx!(tx, c => sqlx::query(sql).bind(project.as_str()).bind(&id)
                .execute(&mut **c).await.map(|done| done.rows_affected()))?,
                    )
                })
            })
            .await?;
        Ok(asked > 0)
    }

    /// Renews the leases of `owner`'s live runs; answers with those that were asked to end.
    pub async fn renew(&self, owner: &str, now: Millis) -> Result<Vec<String>, DbError> {
        let owner = owner.to_owned();
        self.db.write(move |mut tx| Box::pin(async move {
            let sql = "update cicd_run set lease_ms = $2 where owner = $1 and status in ('queued', 'running') \
                       returning id, cancel_requested";
            let live: Vec<(String, bool)> =
                on_tx!(tx, c => sqlx::query_as(sql).bind(&owner).bind(now).fetch_all(&mut **c).await)?;
            Ok(live.into_iter().filter(|(_, cancel)| *cancel).map(|(id, _)| id).collect())
        })).await
    }

    /// Ends what dead processes left: live runs of other owners whose lease is from before `lease_before`, with their
    /// jobs and steps. Answers with their ids.
    pub async fn interrupt(
        &self,
        owner: &str,
        lease_before: Millis,
        now: Millis,
    ) -> Result<Vec<String>, DbError> {
        let owner = owner.to_owned();
        self.db.write(move |mut tx| Box::pin(async move {
            let sql = "update cicd_run set status = 'interrupted', ended_ms = $3, \
                       message = 'the server stopped while it was under way: run the workflow again' \
                       where owner <> $1 and lease_ms < $2 and status in ('queued', 'running') returning id";
            let dead: Vec<(String,)> = on_tx!(tx, c => sqlx::query_as(sql)
                .bind(&owner).bind(lease_before).bind(now).fetch_all(&mut **c).await)?;
            for (id,) in &dead {
                end_children(&mut tx, id, Status::Interrupted, now).await?;
            }
            Ok(dead.into_iter().map(|(id,)| id).collect())
        })).await
    }

    /// Ends a live run, and what of it is still live: a cancelled run has cancelled jobs, any other interrupted ones.
    pub async fn end_run(
        &self,
        id: &str,
        status: Status,
        message: Option<&str>,
        now: Millis,
    ) -> Result<(), DbError> {
        let (id, message) = (id.to_owned(), message.map(str::to_owned));
        self.db.write(move |mut tx| Box::pin(async move {
            let sql = "update cicd_run set status = $2, message = coalesce($3, message), ended_ms = $4 \
                       where id = $1 and status in ('queued', 'running')";
            on_tx!(tx, c => sqlx::query(sql).bind(&id).bind(status.as_str()).bind(&message).bind(now)
                .execute(&mut **c).await.map(|_| ()))?;
            let left = if status == Status::Cancelled { status } else { Status::Interrupted };
            end_children(&mut tx, &id, left, now).await
        })).await
    }
}

async fn end_children(
    tx: &mut Tx<'_>,
    run: &str,
    status: Status,
    now: Millis,
) -> Result<(), DbError> {
    for sql in [
        "update cicd_job set status = $2, ended_ms = $3 where run_id = $1 and status in ('queued', 'running')",
        "update cicd_step set status = $2, ended_ms = $3 where run_id = $1 and status in ('queued', 'running')",
    ] {
        on_tx!(*tx, c => sqlx::query(sql).bind(run).bind(status.as_str()).bind(now).execute(&mut **c).await.map(|_| ()))?;
    }
    Ok(())
}
