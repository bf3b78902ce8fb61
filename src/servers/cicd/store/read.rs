//! Reading runs, jobs and steps.

use serde::Serialize;

use super::{
    super::model::{Job, Run, Status, Step},
    Store,
};
use crate::{
    base::{clock::Millis, ids::ProjectId},
    db::DbError,
    on_db,
    project::Scope,
};

/// Which runs are meant.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunsFilter {
    /// Those that stand so.
    pub status: Option<Status>,
    /// Those of this workflow.
    pub workflow: Option<String>,
    /// Those that this agent started.
    pub agent: Option<String>,
}

#[derive(sqlx::FromRow)]
struct RunRow {
    id: String,
    agent_id: String,
    number: i64,
    workflow: String,
    name: Option<String>,
    repo: Option<String>,
    revision: Option<String>,
    commit_id: Option<String>,
    status: String,
    message: Option<String>,
    queued_ms: Millis,
    started_ms: Option<Millis>,
    ended_ms: Option<Millis>,
}

#[derive(sqlx::FromRow)]
struct JobRow {
    position: i64,
    job_id: String,
    name: Option<String>,
    needs: String,
    status: String,
    message: Option<String>,
    started_ms: Option<Millis>,
    ended_ms: Option<Millis>,
}

#[derive(sqlx::FromRow)]
struct StepRow {
    job_position: i64,
    position: i64,
    step_id: Option<String>,
    title: String,
    status: String,
    exit_code: Option<i64>,
    signal: Option<i64>,
    timed_out: bool,
    message: Option<String>,
    outputs: Option<String>,
    started_ms: Option<Millis>,
    ended_ms: Option<Millis>,
}

impl Store {
    /// The run that an idempotency key of this agent stands for, and the hash of what was asked for then.
    pub async fn by_key(
        &self,
        scope: &Scope,
        key: &str,
    ) -> Result<Option<(String, String)>, DbError> {
        let sql = "select id, request_hash from cicd_run where project_id = $1 and agent_id = $2 and idempotency_key = $3";
        Ok(on_db!(&self.db, pool => sqlx::query_as(sql)
            .bind(scope.project.as_str())
            .bind(scope.agent.as_str())
            .bind(key)
            .fetch_optional(pool)
            .await)?)
    }

    /// A run of the project.
    pub async fn run(&self, project: &ProjectId, id: &str) -> Result<Option<Run>, DbError> {
        let sql = "select id, agent_id, number, workflow, name, repo, revision, commit_id, status, message, queued_ms, \
                   started_ms, ended_ms from cicd_run where project_id = $1 and id = $2";
        let row: Option<RunRow> = on_db!(&self.db, pool => sqlx::query_as(sql)
            .bind(project.as_str())
            .bind(id)
            .fetch_optional(pool)
            .await)?;
        Ok(row.map(Run::from))
    }

    /// Runs of the project, newest first, those with a lower number than `before`.
    pub async fn runs(
        &self,
        project: &ProjectId,
        filter: &RunsFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Run>, DbError> {
        let sql = "select id, agent_id, number, workflow, name, repo, revision, commit_id, status, message, queued_ms, \
                   started_ms, ended_ms from cicd_run where project_id = $1 and number < $2 \
                   and ($3 = '' or status = $3) and ($4 = '' or workflow = $4) and ($5 = '' or agent_id = $5) \
                   order by number desc limit $6";
        let rows: Vec<RunRow> = on_db!(&self.db, pool => sqlx::query_as(sql)
            .bind(project.as_str())
            .bind(before.unwrap_or(i64::MAX))
            .bind(filter.status.map_or("", Status::as_str))
            .bind(filter.workflow.as_deref().unwrap_or_default())
            .bind(filter.agent.as_deref().unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await)?;
        Ok(rows.into_iter().map(Run::from).collect())
    }

    /// The jobs of a run with their steps. The run's project must have been checked by [`Store::run`].
    pub async fn jobs(&self, run: &str) -> Result<Vec<Job>, DbError> {
        let sql = "select position, job_id, name, needs, status, message, started_ms, ended_ms from cicd_job \
                   where run_id = $1 order by position";
        let jobs: Vec<JobRow> =
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(run).fetch_all(pool).await)?;
        let sql = "select job_position, position, step_id, title, status, exit_code, signal, timed_out, message, outputs, \
                   started_ms, ended_ms from cicd_step where run_id = $1 order by job_position, position";
        let steps: Vec<StepRow> =
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(run).fetch_all(pool).await)?;
        let mut steps = steps.into_iter().peekable();
        let mut found = Vec::with_capacity(jobs.len());
        for row in jobs {
            let position = row.position;
            let mut job = Job::from(row);
            while let Some(step) = steps.next_if(|step| step.job_position == position) {
                job.steps.push(Step::from(step));
            }
            found.push(job);
        }
        Ok(found)
    }
}

fn took(started: Option<Millis>, ended: Option<Millis>) -> Option<Millis> {
    Some((ended? - started?).max(0))
}

fn status(text: &str) -> Status {
    Status::parse(text).unwrap_or(Status::Interrupted)
}

impl From<RunRow> for Run {
    fn from(row: RunRow) -> Self {
        Self {
            run_id: row.id,
            number: row.number,
            workflow: row.workflow,
            name: row.name,
            repo: row.repo,
            revision: row.revision,
            commit: row.commit_id,
            status: status(&row.status),
            message: row.message,
            agent: row.agent_id,
            queued_ms: row.queued_ms,
            started_ms: row.started_ms,
            ended_ms: row.ended_ms,
        }
    }
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        Self {
            job: row.job_id,
            name: row.name,
            needs: serde_json::from_str(&row.needs).unwrap_or_default(),
            status: status(&row.status),
            message: row.message,
            duration_ms: took(row.started_ms, row.ended_ms),
            steps: Vec::new(),
        }
    }
}

impl From<StepRow> for Step {
    fn from(row: StepRow) -> Self {
        Self {
            number: row.position + 1,
            id: row.step_id,
            title: row.title,
            status: status(&row.status),
            exit_code: row.exit_code.filter(|code| *code != 0),
            signal: row.signal,
            timed_out: row.timed_out,
            message: row.message,
            outputs: row
                .outputs
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
            duration_ms: took(row.started_ms, row.ended_ms),
        }
    }
}
