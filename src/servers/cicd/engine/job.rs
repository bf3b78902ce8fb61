//! A job: its steps one after another, in one environment that they may add to.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    command_files,
    log::LogWriter,
    process::{self, End, MARK, Order, Stopped},
    run::{Broken, Journal, Limits, Site, StepReport, Stops},
    status::Status,
    workflow::{Job, Script, Shell, Step, Vars, Work, Workflow},
};

/// What the steps of a job share.
struct Course<'a> {
    site: &'a Site,
    job: &'a Job,
    /// Environment of the next step, before its own `env`.
    vars: Vars,
    /// Directories put before `PATH`, latest first.
    path: Vec<String>,
    ends: Ends,
}

/// By when the job must be done.
struct Ends {
    job: Instant,
    /// Set once the job is being ended early, for the clean-up steps.
    cleanup: Option<Instant>,
    timed_out: bool,
}

/// Runs the steps of the job at `place`, whose tree stands ready; the message says why it failed, where no step does.
pub async fn run<J: Journal>(
    site: &Site,
    workflow: &Workflow,
    place: usize,
    journal: &J,
    stops: &Stops,
) -> Result<(Status, Option<String>), Broken> {
    let Some(job) = workflow.jobs.get(place) else {
        return Ok((Status::Skipped, None));
    };
    let mut vars = site.vars.clone();
    vars.extend(own_vars(site, job));
    vars.extend(workflow.env.clone());
    vars.extend(job.env.clone());
    let timeout = job.timeout.unwrap_or(site.limits.job_timeout);
    let ends = Ends {
        job: Instant::now() + timeout,
        cleanup: None,
        timed_out: false,
    };
    let mut course = Course {
        site,
        job,
        vars,
        path: Vec::new(),
        ends,
    };

    let mut failed = false;
    for (number, step) in job.steps.iter().enumerate() {
        if stops.abort.is_cancelled() {
            journal
                .step(place, number, Status::Interrupted, StepReport::default())
                .await?;
            continue;
        }
        course.ends.notice(stops, &site.limits);
        let ending = course.ends.cleanup.is_some();
        if !step.condition.holds(failed, ending) {
            journal
                .step(place, number, Status::Skipped, StepReport::default())
                .await?;
            continue;
        }
        journal
            .step(place, number, Status::Running, StepReport::default())
            .await?;
        let stop = if ending { &stops.abort } else { &stops.cancel };
        let (mut status, report) = match course.step(number, step, stop).await {
            Ok(done) => done,
            Err(error) => (
                Status::Failure,
                failure(format!("the step could not be run: {error}")),
            ),
        };
        if status == Status::Cancelled && stops.abort.is_cancelled() {
            status = Status::Interrupted;
        }
        if status != Status::Success {
            course.ends.notice(stops, &site.limits);
        }
        journal.step(place, number, status, report).await?;
        failed |= status == Status::Failure && !step.continue_on_error;
    }
    Ok(if stops.abort.is_cancelled() {
        (Status::Interrupted, None)
    } else if course.ends.timed_out {
        (
            Status::Failure,
            Some(format!("the job took longer than {} s", timeout.as_secs())),
        )
    } else if stops.cancel.is_cancelled() && course.ends.cleanup.is_some() {
        (Status::Cancelled, None)
    } else if failed {
        (Status::Failure, None)
    } else {
        (Status::Success, None)
    })
}

impl Ends {
    fn notice(&mut self, stops: &Stops, limits: &Limits) {
        let late = Instant::now() >= self.job;
        if self.cleanup.is_none() && (late || stops.cancel.is_cancelled()) {
            self.timed_out = late;
            self.cleanup = Some(Instant::now() + limits.cleanup);
        }
    }
}

impl Course<'_> {
    async fn step(
        &mut self,
        number: usize,
        step: &Step,
        stop: &CancellationToken,
    ) -> io::Result<(Status, StepReport)> {
        let Work::Run(script) = &step.work else {
            return Ok((Status::Success, StepReport::default()));
        };
        let mut log = LogWriter::create(
            &self.site.log(&self.job.id, number),
            self.site.limits.log_bytes,
        )?;
        let files = Files::create(self.site, &self.job.id, number, &script.text)?;
        let directory = script.working_directory.as_ref().or(self
            .job
            .defaults
            .working_directory
            .as_ref());
        let directory = self.tree().join(directory.map_or("", String::as_str));
        if !directory.is_dir() {
            return Ok((
                Status::Failure,
                failure("its working directory does not exist".to_owned()),
            ));
        }
        let (program, args) = interpreter(script, self.job, &files.script);
        let order = Order {
            program,
            args,
            env: self.environment(number, step, &files),
            directory,
        };

        let limit = self.ends.cleanup.unwrap_or(self.ends.job);
        let deadline = step
            .timeout
            .map_or(limit, |timeout| limit.min(Instant::now() + timeout));
        let (end, stopped) =
            process::run(&self.site.supervisor, &order, &mut log, deadline, stop).await?;
        log.sync()?;

        let mut report = StepReport {
            timed_out: stopped == Some(Stopped::TimedOut),
            ..StepReport::default()
        };
        let mut status = match end {
            End::Exited(0) => Status::Success,
            End::Exited(code) => {
                report.exit_code = Some(code);
                report.timed_out = false;
                Status::Failure
            }
            End::Signalled(signal) => {
                report.signal = Some(signal);
                if stopped == Some(Stopped::Cancelled) {
                    Status::Cancelled
                } else {
                    Status::Failure
                }
            }
            End::Lost(why) => {
                report.message = Some(why);
                Status::Failure
            }
        };
        if status == Status::Success {
            report.exit_code = Some(0);
            report.timed_out = false;
        }
        if let Err(message) = self.take_over(&files, &mut report.outputs) {
            report.message = Some(message);
            if status == Status::Success {
                status = Status::Failure;
            }
        }
        Ok((status, report))
    }

    fn tree(&self) -> PathBuf {
        self.site.job_directory(&self.job.id).join("work")
    }

    fn environment(&self, number: usize, step: &Step, files: &Files) -> Vars {
        let mut env = self.vars.clone();
        if !self.path.is_empty() {
            let base = env.get("PATH").cloned().unwrap_or_default();
            let joined = self
                .path
                .iter()
                .rev()
                .cloned()
                .chain([base])
                .collect::<Vec<_>>()
                .join(":");
            env.insert("PATH".to_owned(), joined);
        }
        env.extend(step.env.clone());
        for (name, path) in [
            ("GITHUB_ENV", &files.env),
            ("GITHUB_PATH", &files.path),
            ("GITHUB_OUTPUT", &files.output),
            ("GITHUB_STEP_SUMMARY", &files.summary),
        ] {
            env.insert(name.to_owned(), path.display().to_string());
        }
        env.insert(
            "GITHUB_ACTION".to_owned(),
            step.id.clone().unwrap_or_else(|| format!("__run_{number}")),
        );
        env.insert(
            MARK.to_owned(),
            format!("{}/{}/{number}", self.site.run_id, self.job.id),
        );
        env
    }

    /// What the step left in its command files becomes part of the job's environment.
    fn take_over(&mut self, files: &Files, outputs: &mut Vars) -> Result<(), String> {
        let read = |path: &Path, name: &str| {
            read_bounded(path).map_err(|error| format!("{name}: {error}"))
        };
        let text = read(&files.env, "GITHUB_ENV")?;
        for (name, value) in
            command_files::variables(&text).map_err(|error| format!("GITHUB_ENV, {error}"))?
        {
            if !command_files::may_set(&name) {
                return Err(format!("GITHUB_ENV: `{name}` cannot be set by a step"));
            }
            self.vars.insert(name, value);
        }
        let text = read(&files.path, "GITHUB_PATH")?;
        self.path.extend(
            text.lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned),
        );
        let text = read(&files.output, "GITHUB_OUTPUT")?;
        *outputs =
            command_files::variables(&text).map_err(|error| format!("GITHUB_OUTPUT, {error}"))?;
        Ok(())
    }
}

/// The script and the command files of one step.
struct Files {
    script: PathBuf,
    env: PathBuf,
    path: PathBuf,
    output: PathBuf,
    summary: PathBuf,
}

impl Files {
    fn create(site: &Site, job: &str, number: usize, script: &str) -> io::Result<Self> {
        let directory = site
            .job_directory(job)
            .join("steps")
            .join(number.to_string());
        fs::create_dir_all(&directory)?;
        fs::create_dir_all(site.job_directory(job).join("tmp"))?;
        fs::create_dir_all(site.job_directory(job).join("home"))?;
        let files = Self {
            script: directory.join("script"),
            env: directory.join("env"),
            path: directory.join("path"),
            output: directory.join("output"),
            summary: site.log(job, number).join("summary.md"),
        };
        fs::write(&files.script, script)?;
        for path in [&files.env, &files.path, &files.output, &files.summary] {
            fs::write(path, "")?;
        }
        Ok(files)
    }
}

fn own_vars(site: &Site, job: &Job) -> Vars {
    let directory = site.job_directory(&job.id);
    let path = |name: &str| directory.join(name).display().to_string();
    [
        ("GITHUB_JOB", job.id.clone()),
        ("GITHUB_WORKSPACE", path("work")),
        ("RUNNER_TEMP", path("tmp")),
        ("TMPDIR", path("tmp")),
        ("HOME", path("home")),
    ]
    .into_iter()
    .filter(|(name, _)| *name != "HOME" || !site.vars.contains_key("HOME"))
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The command lines GitHub documents for `shell`.
fn interpreter(script: &Script, job: &Job, file: &Path) -> (String, Vec<String>) {
    let (program, options): (&str, &[&str]) = match script.shell.or(job.defaults.shell) {
        None => ("bash", &["-e"]),
        Some(Shell::Bash) => ("bash", &["--noprofile", "--norc", "-e", "-o", "pipefail"]),
        Some(Shell::Sh) => ("sh", &["-e"]),
        Some(Shell::Python) => ("python3", &[]),
    };
    let args = options
        .iter()
        .map(|option| (*option).to_owned())
        .chain([file.display().to_string()])
        .collect();
    (program.to_owned(), args)
}

/// Reads a file that a step may have replaced by anything: no link is followed, no pipe waited for.
fn read_bounded(path: &Path) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(String::new()),
        file => fs::File::from(file?),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is no longer a file",
        ));
    }
    let mut bytes = Vec::new();
    file.take(command_files::MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > command_files::MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is too large",
        ));
    }
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

fn failure(message: String) -> StepReport {
    StepReport {
        message: Some(message),
        ..StepReport::default()
    }
}
