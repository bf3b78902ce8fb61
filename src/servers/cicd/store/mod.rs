//! The SQL of runs, jobs and steps.
//!
//! A live run belongs to the process that runs it, its `owner`, which renews the run's lease. A run whose lease is long
//! over was left by a dead process. Every transition starts from a live status, so a final one stays.

mod moves;
mod read;

pub use read::RunsFilter;

use sqlx::QueryBuilder;

use super::engine::workflow::{Step, Workflow};
use crate::{
    base::clock::Millis,
    db::{Db, DbError},
    on_tx,
    project::Scope,
};

/// All SQL of the server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
}

/// A run that is about to be queued.
#[derive(Debug, Clone)]
pub struct NewRun {
    pub id: String,
    pub scope: Scope,
    pub workflow: String,
    pub repo: Option<String>,
    pub revision: Option<String>,
    pub commit: Option<String>,
    pub idempotency_key: Option<String>,
    /// Hash of what was asked for, to tell a repeated key from a reused one.
    pub request_hash: String,
    pub owner: String,
}

impl Store {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Whether this process is the only one on the database.
    pub fn is_alone(&self) -> bool {
        matches!(self.db, Db::Sqlite(_))
    }

    /// Queues a run with its jobs and steps; answers with its number. Nothing is written when the caller's
    /// idempotency key is taken: then the answer is `None`.
    pub async fn queue(
        &self,
        run: NewRun,
        workflow: &Workflow,
        now: Millis,
    ) -> Result<Option<i64>, DbError> {
        let jobs = workflow.jobs.iter().enumerate().map(|(place, job)| {
            let needs: Vec<&str> = job
                .needs
                .iter()
                .filter_map(|need| workflow.jobs.get(*need))
                .map(|job| job.id.as_str())
                .collect();
            (
                place as i64,
                job.id.clone(),
                job.name.clone(),
                serde_json::to_string(&needs).unwrap_or_default(),
            )
        });
        let jobs: Vec<_> = jobs.collect();
        let steps = workflow.jobs.iter().enumerate().flat_map(|(place, job)| {
            let step = |(number, step): (usize, &Step)| {
                (place as i64, number as i64, step.id.clone(), step.title())
            };
            job.steps.iter().enumerate().map(step).collect::<Vec<_>>()
        });
        let steps: Vec<_> = steps.collect();
        let name = workflow.name.clone();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = "insert into cicd_run (id, project_id, agent_id, number, workflow, name, repo, revision, \
                               commit_id, status, idempotency_key, request_hash, owner, lease_ms, queued_ms) \
                               select $1, $2, $3, coalesce(max(number), 0) + 1, $4, $5, $6, $7, $8, 'queued', $9, $10, \
                               $11, $12, $12 from cicd_run where project_id = $2 \
                               on conflict (project_id, agent_id, idempotency_key) do nothing returning number";
                    let number: Option<(i64,)> = on_tx!(tx, c => sqlx::query_as(sql)
                        .bind(&run.id)
                        .bind(run.scope.project.as_str())
                        .bind(run.scope.agent.as_str())
                        .bind(&run.workflow)
                        .bind(&name)
                        .bind(&run.repo)
                        .bind(&run.revision)
                        .bind(&run.commit)
                        .bind(&run.idempotency_key)
                        .bind(&run.request_hash)
                        .bind(&run.owner)
                        .bind(now)
                        .fetch_optional(&mut **c)
                        .await)?;
                    let Some((number,)) = number else { return Ok(None) };
                    on_tx!(tx, c => {
                        let mut sql = QueryBuilder::new("insert into cicd_job (run_id, position, job_id, name, needs, status) ");
                        sql.push_values(jobs, |mut row, (position, id, name, needs)| {
                            row.push_bind(run.id.clone()).push_bind(position).push_bind(id).push_bind(name)
                                .push_bind(needs).push_bind("queued");
                        });
                        sql.build().execute(&mut **c).await.map(|_| ())
                    })?;
                    for steps in steps.chunks(500) {
                        on_tx!(tx, c => {
                            let mut sql = QueryBuilder::new("insert into cicd_step (run_id, job_position, position, step_id, title, status) ");
                            sql.push_values(steps, |mut row, (job, position, id, title)| {
                                row.push_bind(run.id.clone()).push_bind(*job).push_bind(*position).push_bind(id.clone())
                                    .push_bind(title.clone()).push_bind("queued");
                            });
                            sql.build().execute(&mut **c).await.map(|_| ())
                        })?;
                    }
                    Ok(Some(number))
                })
            })
            .await
    }
}
