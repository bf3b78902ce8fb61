//! Working on jobs: one hub holds a job's lease at a time and renews it; a dead hub's jobs are taken over.

use std::time::Duration;

use futures::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Ingest, batch, sync};
use crate::{
    base::clock::Millis,
    base::ids::ProjectId,
    servers::knowledge_base::{
        model::{Added, JobReport, JobState},
        store::{JobRow, Step},
    },
    tool::{Tasks, ToolError},
};

/// Jobs that are worked on at the same time: a long one does not keep short ones waiting.
const SLOTS: usize = 4;
/// How long a hub may be silent before its jobs are another's.
const LEASE: Millis = 30_000;
/// How often a lease is renewed.
const BEAT: Duration = Duration::from_secs(5);
/// How often jobs of other hubs are looked for.
const POLL: Duration = Duration::from_secs(2);
/// How long ended jobs can be asked for.
const KEPT: Millis = 7 * 24 * 3_600_000;
/// How often they are swept.
const SWEEP: Millis = 3_600_000;

/// A job that reads documents that callers list.
pub const INGEST: &str = "ingest";
/// A job that reads a folder or repository.
pub const SYNC: &str = "sync";
/// What is worked on here.
pub const JOBS: [&str; 2] = [INGEST, SYNC];

/// Why a job is left.
#[derive(Debug)]
pub enum Left {
    /// It was asked to end.
    Cancelled,
    /// Another hub works on it, or this one is stopping: it goes on elsewhere.
    Released,
    /// It cannot go on.
    Broken(ToolError),
}

impl From<ToolError> for Left {
    fn from(error: ToolError) -> Self {
        Self::Broken(error)
    }
}

/// A job in this hub's hands.
pub struct Hand<'i> {
    /// The way in.
    pub ingest: &'i Ingest,
    /// The job as it was taken.
    pub job: &'i JobRow,
    /// What came of it so far.
    pub report: JobReport,
    cancel: &'i CancellationToken,
}

impl Hand<'_> {
    /// Takes one step, unless the job is to be left.
    pub async fn step(&mut self, step: Step) -> Result<Vec<Added>, Left> {
        self.check()?;
        let deleted = step.delete.clone();
        let inner = &self.ingest.0;
        let report = self.report.clone();
        let done = inner
            .store
            .step(self.job, &inner.owner, step, report, inner.clock.now())
            .await?;
        let (report, added) = done.ok_or(Left::Released)?;
        self.report = report;
        let project = self
            .job
            .project_id
            .as_deref()
            .and_then(|id| ProjectId::new(id).ok());
        let changed = added
            .iter()
            .map(|one| one.document_id.clone())
            .chain(deleted);
        self.ingest.changed(project.as_ref(), changed);
        Ok(added)
    }

    /// Whether to go on.
    pub fn check(&self) -> Result<(), Left> {
        if self.cancel.is_cancelled() {
            Err(Left::Cancelled)
        } else {
            Ok(())
        }
    }
}

impl Ingest {
    /// Starts to work on jobs.
    pub(super) async fn run(&self, tasks: &Tasks) -> Result<(), ToolError> {
        // The embedded database has one process, so every other owner is dead.
        self.0.store.free_leases().await?;
        let ingest = self.clone();
        tasks.spawn("knowledge-jobs", |stop| async move {
            let jobs = TaskTracker::new();
            let work = async {
                let mut swept = 0;
                loop {
                    ingest.take(&jobs, &stop).await;
                    let now = ingest.0.clock.now();
                    if now - swept > SWEEP {
                        swept = now;
                        if let Err(error) = ingest.0.store.sweep_jobs(now - KEPT).await {
                            tracing::warn!(%error, "old jobs of the knowledge base could not be swept");
                        }
                    }
                    let _either = tokio::time::timeout(POLL, ingest.0.work.notified()).await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
            jobs.close();
            jobs.wait().await;
        });
        Ok(())
    }

    /// Takes jobs as long as there are some, and room for them.
    async fn take(&self, jobs: &TaskTracker, stop: &CancellationToken) {
        while jobs.len() < SLOTS {
            let now = self.0.clock.now();
            let claimed = self
                .0
                .store
                .claim_job(JOBS, &self.0.owner, now, now + LEASE)
                .await;
            match claimed {
                Ok(Some(job)) => {
                    let (ingest, stop) = (self.clone(), stop.clone());
                    jobs.spawn(async move {
                        ingest.work_on(&job, &stop).await;
                        // There is room for another.
                        ingest.0.work.notify_one();
                    });
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, cause = ?error.source, "no job of the knowledge base could be taken");
                    return;
                }
            }
        }
    }

    async fn work_on(&self, job: &JobRow, stop: &CancellationToken) {
        let cancel = CancellationToken::new();
        self.live().insert(job.id.clone(), cancel.clone());
        let mut hand = Hand {
            ingest: self,
            job,
            report: job.report(),
            cancel: &cancel,
        };
        let work = async {
            let done = async {
                match job.kind.as_str() {
                    SYNC => sync::run(&mut hand).await,
                    _ => batch::run(&mut hand).await,
                }
            };
            // A panic costs this job, not the others.
            std::panic::AssertUnwindSafe(done)
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(ToolError::internal("a job panicked").into()))
        };
        let left = tokio::select! {
            done = work => done.err(),
            left = self.keep(job, &cancel) => Some(left),
            () = stop.cancelled() => Some(Left::Released),
        };
        self.live().remove(&job.id);
        let (state, error) = match left {
            None => (JobState::Done, None),
            Some(Left::Cancelled) => (JobState::Cancelled, None),
            Some(Left::Released) => return,
            Some(Left::Broken(error)) => {
                tracing::warn!(job = job.id, %error, cause = ?error.source, "a job of the knowledge base failed");
                (JobState::Failed, Some(error.message))
            }
        };
        let (inner, now) = (&self.0, self.0.clock.now());
        let ended = inner
            .store
            .end_job(&job.id, &inner.owner, state, error, now)
            .await;
        if let Err(error) = ended {
            // Its lease runs out, and it is worked on again; what was done is found unchanged.
            tracing::warn!(job = job.id, %error, "a job of the knowledge base could not be ended");
        }
        inner.ended.notify_waiters();
    }

    /// Renews the lease until the job is to be left.
    async fn keep(&self, job: &JobRow, cancel: &CancellationToken) -> Left {
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Left::Cancelled,
                () = tokio::time::sleep(BEAT) => {}
            }
            let until = self.0.clock.now() + LEASE;
            match self.0.store.renew_job(&job.id, &self.0.owner, until).await {
                Ok(Some(false)) => {}
                Ok(Some(true)) => return Left::Cancelled,
                Ok(None) => return Left::Released,
                Err(error) => tracing::warn!(job = job.id, %error, "a lease could not be renewed"),
            }
        }
    }
}
