//! The runs of this process: queueing, running, cancelling, and ending what a dead process left.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{
    config::Config,
    engine::{
        process::{self, Supervisor},
        run::{self, Broken, Journal, Site, StepReport, Stops},
        workflow::{Vars, Workflow},
    },
    environment::{self, RUN_MARK},
    model::Status,
    report::report,
    store::{NewRun, Store},
};
use crate::{
    base::{
        clock::{Clock, Millis},
        ids::{ProjectId, new_id},
    },
    db::DbError,
    observe::Held,
    tool::{Cause, Change, Changes, Happened, Host, ServerId, Tasks, ToolError, Upkeep},
};

/// How often leases are renewed.
const BEAT: Duration = Duration::from_secs(2);
/// A lease older than this belongs to a dead process, in milliseconds.
const LEASE: Millis = 60_000;
/// Before what could not be recorded is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The runs of this process. Cheap to clone.
#[derive(Clone)]
pub struct Runs(Arc<Inner>);

struct Inner {
    config: Config,
    store: Store,
    data: PathBuf,
    clock: Clock,
    changes: Changes,
    upkeep: Upkeep,
    tasks: Tasks,
    owner: String,
    slots: Semaphore,
    live: Mutex<HashMap<String, Live>>,
    supervisor: Supervisor,
}

#[derive(Clone)]
struct Live {
    stops: Stops,
    progress: watch::Receiver<Progress>,
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    pub ended: bool,
    /// Steps that ended, and all of them.
    pub done: usize,
    pub total: usize,
    /// What is being done.
    pub what: String,
}

impl Runs {
    /// Ends what a dead process left and starts to renew leases.
    pub async fn open(
        config: Config,
        host: &Host,
        supervisor: Supervisor,
    ) -> Result<Self, ToolError> {
        let runs = Self(Arc::new(Inner {
            slots: Semaphore::new(config.max_parallel_runs.max(1)),
            config,
            store: Store::new(host.db.clone()),
            data: tokio::fs::canonicalize(&host.data).await?,
            clock: host.clock.clone(),
            changes: host.changes.clone(),
            upkeep: host.upkeep.clone(),
            tasks: host.tasks.clone(),
            owner: new_id("own"),
            live: Mutex::default(),
            supervisor,
        }));
        // The embedded database has one process, so every other owner is dead.
        let dead = if runs.0.store.is_alone() {
            Millis::MAX
        } else {
            runs.0.clock.now() - LEASE
        };
        runs.sweep(dead).await?;
        let beating = runs.clone();
        host.tasks.spawn(
            "cicd leases",
            |stop| async move { beating.beat(stop).await },
        );
        Ok(runs)
    }

    /// The rows.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Directory of a run; the id must be one of ours.
    pub fn directory(&self, project: &ProjectId, run: &str) -> PathBuf {
        self.0
            .data
            .join("projects")
            .join(project.as_str())
            .join("runs")
            .join(run)
    }

    /// Whether no further run may be queued.
    pub fn is_full(&self) -> bool {
        self.live().len() >= self.0.config.max_parallel_runs.max(1) + self.0.config.max_queued_runs
    }

    /// Queues a run whose tree stands ready, and starts it when its turn comes. False when its key is taken. Once it
    /// is queued it will end with a final status, whatever becomes of the caller.
    pub async fn queue(
        &self,
        mut run: NewRun,
        workflow: Workflow,
        vars: Vars,
    ) -> Result<bool, ToolError> {
        let runs = self.clone();
        run.owner.clone_from(&self.0.owner);
        let queued = tokio::spawn(async move {
            let Some(number) = runs
                .0
                .store
                .queue(run.clone(), &workflow, runs.0.clock.now())
                .await?
            else {
                return Ok::<_, DbError>(false);
            };
            runs.tell(&run.scope.project, &run.id);
            let vars = environment::of(&runs.0.config, &run, number, &workflow, vars);
            runs.start(run, workflow, vars);
            Ok(true)
        });
        Ok(queued.await.map_err(ToolError::internal)??)
    }

    /// Progress of a run of this process that has not ended.
    pub fn progress(&self, run: &str) -> Option<watch::Receiver<Progress>> {
        self.live().get(run).map(|live| live.progress.clone())
    }

    /// Asks a run to end. Where another process owns it, that one learns of it with its next beat.
    pub async fn cancel(&self, project: &ProjectId, run: &str) -> Result<bool, ToolError> {
        let asked = self.0.store.request_cancel(project, run).await?;
        if asked && let Some(live) = self.live().get(run) {
            live.stops.cancel.cancel();
        }
        Ok(asked)
    }

    /// Tells subscribers that a run moved on.
    fn tell(&self, project: &ProjectId, run: &str) {
        self.0.changes.tell(Change {
            project: Some(project.clone()),
            agent: None,
            path: format!("runs/{run}"),
            below: true,
            cause: Cause::of(ServerId::Cicd, Happened::Run),
        });
    }

    fn start(&self, run: NewRun, workflow: Workflow, vars: Vars) {
        let total = workflow.jobs.iter().map(|job| job.steps.len()).sum();
        let (sender, progress) = watch::channel(Progress {
            total,
            what: "queued".to_owned(),
            ..Progress::default()
        });
        let stops = Stops::default();
        self.live().insert(
            run.id.clone(),
            Live {
                stops: stops.clone(),
                progress,
            },
        );
        let runs = self.clone();
        self.0.tasks.spawn("cicd run", |stop| async move {
            let journal = Arc::new(Rows {
                runs: runs.clone(),
                run: run.id.clone(),
                project: run.scope.project.clone(),
                progress: sender,
            });
            let directory = runs.directory(&run.scope.project, &run.id);
            let site = Site {
                supervisor: runs.0.supervisor.clone(),
                directory: directory.clone(),
                run_id: run.id.clone(),
                vars,
                limits: runs.0.config.limits(),
            };
            report(&runs.0.upkeep, &run, Status::Queued).await;
            let (status, message) = runs.drive(site, workflow, &journal, &stops, &stop).await;
            runs.end(&run.id, status, message, &stop).await;
            match runs.0.store.run(&run.scope.project, &run.id).await {
                Ok(Some(ended)) => report(&runs.0.upkeep, &run, ended.status).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, run = run.id, "how a run ended could not be read");
                }
            }
            let _ = tokio::task::spawn_blocking(move || {
                for scratch in ["work", "jobs"] {
                    let _ = std::fs::remove_dir_all(directory.join(scratch));
                }
            })
            .await;
            runs.live().remove(&run.id);
            journal.tell();
            journal
                .progress
                .send_modify(|progress| progress.ended = true);
        });
    }

    /// Runs it when its turn comes; how it ended.
    async fn drive(
        &self,
        site: Site,
        workflow: Workflow,
        journal: &Arc<Rows>,
        stops: &Stops,
        stop: &CancellationToken,
    ) -> (Status, Option<&'static str>) {
        let id = site.run_id.clone();
        let unrecorded = |error: &dyn std::fmt::Display| {
            tracing::error!(run = id, %error, "a run cannot be recorded");
            let message = "it could not be recorded: run the workflow again";
            (Status::Interrupted, Some(message))
        };
        let waiting = Held::on("syndarix_workflow_runs_waiting");
        let slot = tokio::select! {
            slot = self.0.slots.acquire() => slot,
            () = stops.cancel.cancelled() => return (Status::Cancelled, Some("cancelled before it started")),
            () = stop.cancelled() => return (Status::Interrupted, Some("the server stopped before it started")),
        };
        let _slot = match slot {
            Ok(slot) => slot,
            Err(error) => return unrecorded(&error),
        };
        drop(waiting);
        let _running = Held::on("syndarix_workflow_runs_running");
        if let Err(error) = self.0.store.start_run(&id, self.0.clock.now()).await {
            return unrecorded(&error);
        }
        let running = run::run(
            Arc::new(site),
            Arc::new(workflow),
            Arc::clone(journal),
            stops.clone(),
        );
        // A task of its own, so that a panic ends this run and is recorded like any other end.
        let mut running = tokio::spawn(running);
        let ended = tokio::select! {
            ended = &mut running => ended,
            () = stop.cancelled() => {
                stops.abort.cancel();
                stops.cancel.cancel();
                running.await
            }
        };
        match ended {
            Ok(Ok(status)) => (status, None),
            Ok(Err(error)) => unrecorded(&error),
            Err(panic) => {
                tracing::error!(run = id, error = %panic, "a run panicked");
                (Status::Interrupted, Some("internal error"))
            }
        }
    }

    /// Records how a run ended, however long the database takes nothing: nobody else ends it while this process lives.
    async fn end(&self, id: &str, status: Status, message: Option<&str>, stop: &CancellationToken) {
        let store = &self.0.store;
        while let Err(error) = store.end_run(id, status, message, self.0.clock.now()).await {
            tracing::error!(run = id, %error, "how a run ended cannot be recorded");
            let again = tokio::time::timeout(RETRY, stop.cancelled()).await;
            if again.is_ok() {
                return;
            }
        }
    }

    async fn beat(&self, stop: CancellationToken) {
        while tokio::time::timeout(BEAT, stop.cancelled()).await.is_err() {
            if self.live().is_empty() && self.0.store.is_alone() {
                continue;
            }
            match self.0.store.renew(&self.0.owner, self.0.clock.now()).await {
                Ok(cancelled) => {
                    let live = self.live();
                    cancelled
                        .iter()
                        .filter_map(|id| live.get(id))
                        .for_each(|live| live.stops.cancel.cancel());
                }
                Err(error) => tracing::warn!(%error, "leases of runs were not renewed"),
            }
            if !self.0.store.is_alone()
                && let Err(error) = self.sweep(self.0.clock.now() - LEASE).await
            {
                tracing::warn!(%error, "runs of dead processes were not ended");
            }
        }
    }

    /// Ends the runs of dead processes, and any process of theirs that lives on here.
    async fn sweep(&self, lease_before: Millis) -> Result<(), DbError> {
        let dead = self
            .0
            .store
            .interrupt(&self.0.owner, lease_before, self.0.clock.now())
            .await?;
        if !dead.is_empty() {
            tracing::info!(runs = dead.len(), "runs of a dead process were ended");
            tokio::task::spawn_blocking(move || {
                for run in &dead {
                    process::kill_marked(RUN_MARK, run);
                }
            });
        }
        Ok(())
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<String, Live>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The journal of a run: its rows, and whoever watches.
struct Rows {
    runs: Runs,
    run: String,
    project: ProjectId,
    progress: watch::Sender<Progress>,
}

impl Rows {
    fn tell(&self) {
        self.runs.tell(&self.project, &self.run);
    }
}

impl Journal for Rows {
    async fn job(&self, job: usize, status: Status, message: Option<String>) -> Result<(), Broken> {
        let inner = &self.runs.0;
        inner
            .store
            .move_job(&self.run, job, status, message, inner.clock.now())
            .await?;
        self.tell();
        Ok(())
    }

    async fn step(
        &self,
        job: usize,
        step: usize,
        status: Status,
        report: StepReport,
    ) -> Result<(), Broken> {
        let inner = &self.runs.0;
        inner
            .store
            .move_step(&self.run, (job, step), status, report, inner.clock.now())
            .await?;
        self.tell();
        self.progress.send_modify(|progress| {
            progress.done += usize::from(status.is_terminal());
            progress.what = format!("job {}, step {}: {}", job + 1, step + 1, status.as_str());
        });
        Ok(())
    }
}
