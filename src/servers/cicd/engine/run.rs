//! A run: its jobs in the order of their needs, several at a time.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    job,
    process::Supervisor,
    schedule::{self, Decision},
    status::Status,
    tree_copy,
    workflow::{Vars, Workflow},
};

/// The journal could not be written, so nothing more may be done.
pub type Broken = Box<dyn Error + Send + Sync>;

/// Where a run happens and within which limits.
#[derive(Debug, Clone)]
pub struct Site {
    pub supervisor: Supervisor,
    /// The run's own directory, absolute: `work` (the exported tree), `jobs`, `logs`.
    pub directory: PathBuf,
    /// Names the run in marks.
    pub run_id: String,
    /// Base of every step's environment.
    pub vars: Vars,
    pub limits: Limits,
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Jobs of one run at the same time.
    pub parallel_jobs: usize,
    /// For jobs that name no `timeout-minutes`.
    pub job_timeout: Duration,
    /// For steps that still run after a cancellation or the job's timeout (`if: always()`), together.
    pub cleanup: Duration,
    /// Bytes kept of each step's output.
    pub log_bytes: u64,
}

/// How to end a run early.
#[derive(Debug, Clone, Default)]
pub struct Stops {
    /// A caller's wish: running steps are killed, clean-up steps still run.
    pub cancel: CancellationToken,
    /// The server ends: everything is killed at once. Implies `cancel`.
    pub abort: CancellationToken,
}

/// What became of a step.
#[derive(Debug, Clone, Default)]
pub struct StepReport {
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub timed_out: bool,
    pub message: Option<String>,
    /// What it wrote to `GITHUB_OUTPUT`.
    pub outputs: Vars,
}

/// Where transitions are recorded, each before its effect.
pub trait Journal: Send + Sync + 'static {
    fn job(
        &self,
        job: usize,
        status: Status,
        message: Option<String>,
    ) -> impl Future<Output = Result<(), Broken>> + Send;
    fn step(
        &self,
        job: usize,
        step: usize,
        status: Status,
        report: StepReport,
    ) -> impl Future<Output = Result<(), Broken>> + Send;
}

impl Site {
    /// Log of one step, by its place in the job.
    pub fn log(&self, job: &str, step: usize) -> PathBuf {
        log_directory(&self.directory, job, step)
    }

    /// What belongs to one job and goes with it.
    pub fn job_directory(&self, job: &str) -> PathBuf {
        self.directory.join("jobs").join(job)
    }

    /// The exported tree.
    pub fn work(&self) -> PathBuf {
        self.directory.join("work")
    }
}

/// Directory of the log of a step in a run's directory.
pub fn log_directory(run: &Path, job: &str, step: usize) -> PathBuf {
    run.join("logs").join(job).join(format!("{step:03}"))
}

/// Runs every job of `workflow` and answers with the status of the whole, each job's being in the journal.
pub async fn run<J: Journal>(
    site: Arc<Site>,
    workflow: Arc<Workflow>,
    journal: Arc<J>,
    stops: Stops,
) -> Result<Status, Broken> {
    let mut results = vec![Status::Queued; workflow.jobs.len()];
    let mut jobs: JoinSet<Result<(usize, Status), Broken>> = JoinSet::new();
    loop {
        let mut settled = true;
        for decision in schedule::decide(&workflow.jobs, &results, stops.cancel.is_cancelled()) {
            let (place, status) = match decision {
                Decision::Start(_) if jobs.len() >= site.limits.parallel_jobs.max(1) => continue,
                Decision::Start(place) => {
                    let (site, workflow, journal, stops) = (
                        Arc::clone(&site),
                        Arc::clone(&workflow),
                        Arc::clone(&journal),
                        stops.clone(),
                    );
                    jobs.spawn(async move {
                        Ok((
                            place,
                            one(&site, &workflow, place, &*journal, &stops).await?,
                        ))
                    });
                    (place, Status::Running)
                }
                Decision::Skip(place) => {
                    journal.job(place, Status::Skipped, None).await?;
                    (place, Status::Skipped)
                }
                Decision::Cancel(place) => {
                    let status = if stops.abort.is_cancelled() {
                        Status::Interrupted
                    } else {
                        Status::Cancelled
                    };
                    journal.job(place, status, None).await?;
                    (place, status)
                }
            };
            settled &= status == Status::Running;
            set(&mut results, place, status);
        }
        if !settled {
            continue;
        }
        let Some(joined) = jobs.join_next().await else {
            break;
        };
        let (place, status) = joined??;
        set(&mut results, place, status);
    }
    Ok(schedule::conclude(&results, stops.cancel.is_cancelled()))
}

/// One job in a tree of its own; answers with the status as it counts for those that need it.
async fn one<J: Journal>(
    site: &Site,
    workflow: &Workflow,
    place: usize,
    journal: &J,
    stops: &Stops,
) -> Result<Status, Broken> {
    let Some(wanted) = workflow.jobs.get(place) else {
        return Ok(Status::Skipped);
    };
    journal.job(place, Status::Running, None).await?;
    let own = site.job_directory(&wanted.id);
    let only = workflow.jobs.len() == 1;
    let (from, to, stop) = (site.work(), own.join("work"), stops.cancel.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        if only {
            fs::rename(&from, &to)
        } else {
            tree_copy::copy(&from, &to, &|| stop.is_cancelled())
        }
    })
    .await?;
    let (status, message) = match prepared {
        Ok(()) => job::run(site, workflow, place, journal, stops).await?,
        Err(_) if stops.abort.is_cancelled() => (Status::Interrupted, None),
        Err(_) if stops.cancel.is_cancelled() => (Status::Cancelled, None),
        Err(error) => (
            Status::Failure,
            Some(format!("the tree could not be prepared: {}", error.kind())),
        ),
    };
    let _ = tokio::task::spawn_blocking(move || fs::remove_dir_all(own)).await;
    journal.job(place, status, message).await?;
    Ok(if status == Status::Failure && wanted.continue_on_error {
        Status::Success
    } else {
        status
    })
}

fn set(results: &mut [Status], place: usize, status: Status) {
    if let Some(result) = results.get_mut(place) {
        *result = status;
    }
}
