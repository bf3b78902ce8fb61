//! Runs of the workflow engine with real processes: order, environment, failure, and that nothing survives.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use syndarix::servers::cicd::engine::{
    log,
    process::{SUPERVISE, Supervisor},
    process_tree,
    run::{Broken, Journal, Limits, Site, StepReport, Stops, log_directory, run},
    status::Status,
    workflow,
};

#[derive(Default)]
struct Notes(
    Mutex<Vec<String>>,
    Mutex<BTreeMap<(usize, usize), StepReport>>,
);

impl Journal for Notes {
    async fn job(&self, job: usize, status: Status, message: Option<String>) -> Result<(), Broken> {
        let message = message.map(|text| format!(": {text}")).unwrap_or_default();
        self.0
            .lock()
            .unwrap()
            .push(format!("{job} {}{message}", status.as_str()));
        Ok(())
    }
    async fn step(
        &self,
        job: usize,
        step: usize,
        status: Status,
        report: StepReport,
    ) -> Result<(), Broken> {
        self.0
            .lock()
            .unwrap()
            .push(format!("{job}.{step} {}", status.as_str()));
        self.1.lock().unwrap().insert((job, step), report);
        Ok(())
    }
}

struct Bench {
    _dir: tempfile::TempDir,
    directory: PathBuf,
    notes: Arc<Notes>,
    stops: Stops,
    id: String,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().canonicalize().unwrap();
        fs::create_dir(directory.join("work")).unwrap();
        fs::write(directory.join("work/file.txt"), "from the tree\n").unwrap();
        let id = directory.file_name().unwrap().to_str().unwrap().to_owned();
        Self {
            _dir: dir,
            directory,
            notes: Arc::default(),
            stops: Stops::default(),
            id,
        }
    }

    fn site(&self) -> Arc<Site> {
        let limits = Limits {
            parallel_jobs: 2,
            job_timeout: Duration::from_secs(60),
            cleanup: Duration::from_secs(5),
            log_bytes: 1 << 20,
        };
        let program = PathBuf::from(env!("CARGO_BIN_EXE_syndarix"));
        let vars = [
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("CI".to_owned(), "true".to_owned()),
        ];
        Arc::new(Site {
            supervisor: Supervisor {
                program,
                args: vec![SUPERVISE.to_owned()],
            },
            directory: self.directory.clone(),
            run_id: self.id.clone(),
            vars: vars.into(),
            limits,
        })
    }

    async fn run(&self, text: &str) -> Status {
        let workflow = Arc::new(workflow::parse("ci.yml", text).unwrap());
        run(
            self.site(),
            workflow,
            Arc::clone(&self.notes),
            self.stops.clone(),
        )
        .await
        .unwrap()
    }

    async fn steps(&self, steps: &str) -> Status {
        self.run(&format!("jobs:\n  a:\n    runs-on: x\n    steps:\n{steps}"))
            .await
    }

    fn log(&self, job: &str, step: usize) -> String {
        let piece = log::read(&log_directory(&self.directory, job, step), 0, 1 << 20).unwrap();
        piece
            .map(|piece| String::from_utf8_lossy(&piece.bytes).into_owned())
            .unwrap_or_default()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.0.lock().unwrap().clone()
    }

    fn report(&self, job: usize, step: usize) -> StepReport {
        self.notes.1.lock().unwrap()[&(job, step)].clone()
    }

    /// Live processes that were started by any step of this run.
    fn survivors(&self) -> usize {
        let all = process_tree::all().unwrap();
        let ours = |pid: i32| {
            fs::read(Path::new("/proc").join(pid.to_string()).join("environ"))
                .is_ok_and(|env| String::from_utf8_lossy(&env).contains(&self.id))
        };
        all.iter().filter(|process| ours(process.pid)).count()
    }

    async fn until_logged(&self, text: &str) {
        for _ in 0..500 {
            if self.log("a", 0).contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never logged {text}: {:?}", self.log("a", 0));
    }
}

/// A child in a session of its own, a double-forked daemon, and a stubborn one that ignores signals.
const ESCAPEES: &str = "        setsid sleep 1000 &
        (setsid sh -c 'sleep 1001 & sleep 1002' >/dev/null 2>&1 &)
        python3 -c 'import os,signal,time
        if os.fork(): os._exit(0)
        os.setsid()
        if os.fork(): os._exit(0)
        [signal.signal(s, signal.SIG_IGN) for s in (1,2,15)]
        time.sleep(1003)' &
";

#[tokio::test]
async fn steps_share_their_environment_and_see_the_tree() {
    let bench = Bench::new();
    let status = bench
        .steps(
            "      - uses: actions/checkout@v4
      - id: one
        env: { ONLY: here }
        run: |
          cat file.txt; echo \"$ONLY $CI\"; echo err >&2
          echo A=1 >> $GITHUB_ENV; printf 'B<<E\\nx\\ny\\nE\\n' >> $GITHUB_ENV
          mkdir bin; printf '#!/bin/sh\\necho tool\\n' > bin/tool; chmod +x bin/tool; echo $PWD/bin >> $GITHUB_PATH
          echo out=42 >> $GITHUB_OUTPUT
      - run: echo \"$A-$B-$ONLY\"; tool; test \"$PWD\" = \"$GITHUB_WORKSPACE\"
      - shell: python
        run: print('py', 6*7)
",
        )
        .await;
    assert_eq!(
        status,
        Status::Success,
        "{:?} {}",
        bench.notes(),
        bench.log("a", 2)
    );
    assert_eq!(bench.log("a", 1), "from the tree\nhere true\nerr\n");
    assert_eq!(bench.log("a", 2), "1-x\ny-\ntool\n");
    assert_eq!(bench.log("a", 3), "py 42\n");
    assert_eq!(bench.report(0, 1).outputs["out"], "42");
}

#[tokio::test]
async fn nothing_of_the_servers_environment_reaches_a_step() {
    let bench = Bench::new();
    assert_eq!(bench.steps("      - run: env\n").await, Status::Success);
    assert!(
        !bench.log("a", 0).contains("CARGO"),
        "{}",
        bench.log("a", 0)
    );
}

#[tokio::test]
async fn a_failing_step_skips_the_rest_but_not_always_and_failure() {
    let bench = Bench::new();
    let steps = "      - run: exit 3\n      - run: echo no\n      - run: echo f\n        if: failure()\n      - run: echo a\n        if: always()\n";
    assert_eq!(bench.steps(steps).await, Status::Failure);
    let expected = [
        "0 running",
        "0.0 running",
        "0.0 failure",
        "0.1 skipped",
        "0.2 running",
        "0.2 success",
        "0.3 running",
        "0.3 success",
        "0 failure",
    ];
    assert_eq!(bench.notes(), expected);
    assert_eq!(bench.report(0, 0).exit_code, Some(3));
}

#[tokio::test]
async fn continue_on_error_and_signals_are_recorded() {
    let bench = Bench::new();
    let steps =
        "      - run: kill -SEGV $$\n        continue-on-error: true\n      - run: echo on\n";
    assert_eq!(bench.steps(steps).await, Status::Success);
    assert_eq!(
        (bench.report(0, 0).signal, bench.log("a", 1).as_str()),
        (Some(11), "on\n")
    );
}

#[tokio::test]
async fn jobs_follow_their_needs_in_trees_of_their_own() {
    let bench = Bench::new();
    let text = "jobs:
  a: { runs-on: x, steps: [ { run: 'echo changed > file.txt; exit 1' } ] }
  b: { runs-on: x, needs: a, steps: [ { run: 'echo no' } ] }
  c: { runs-on: x, needs: b, if: failure(), steps: [ { run: 'cat file.txt' } ] }
";
    assert_eq!(bench.run(text).await, Status::Failure);
    assert_eq!(bench.log("c", 0), "from the tree\n");
    assert!(bench.notes().contains(&"1 skipped".to_owned()));
}

#[tokio::test]
async fn what_a_step_leaves_behind_dies_with_it() {
    let bench = Bench::new();
    assert_eq!(
        bench
            .steps(&format!(
                "      - run: |\n  {}          echo done\n",
                ESCAPEES.replace('\n', "\n  ")
            ))
            .await,
        Status::Success
    );
    assert_eq!((bench.survivors(), bench.log("a", 0).trim()), (0, "done"));
}

#[tokio::test]
async fn a_timeout_kills_the_whole_tree() {
    let bench = Bench::new();
    let steps = format!(
        "      - run: |\n  {}          sleep 1004\n        timeout-minutes: 0.01\n",
        ESCAPEES.replace('\n', "\n  ")
    );
    assert_eq!(bench.steps(&steps).await, Status::Failure);
    assert!(bench.report(0, 0).timed_out);
    assert_eq!(bench.survivors(), 0);
}

#[tokio::test]
async fn cancelling_kills_the_whole_tree_and_still_cleans_up() {
    let bench = Bench::new();
    let steps = format!(
        "      - run: |\n  {}          echo ready; sleep 1005\n      - run: echo no\n      - run: echo clean\n        if: always()\n",
        ESCAPEES.replace('\n', "\n  ")
    );
    let cancel = async {
        bench.until_logged("ready").await;
        assert!(bench.survivors() >= 4, "the escapees are out");
        bench.stops.cancel.cancel();
    };
    let (status, ()) = tokio::join!(bench.steps(&steps), cancel);
    assert_eq!((status, bench.survivors()), (Status::Cancelled, 0));
    assert_eq!(
        (bench.log("a", 1).as_str(), bench.log("a", 2).as_str()),
        ("", "clean\n")
    );
}

#[tokio::test]
async fn a_dropped_run_takes_its_processes_with_it() {
    let bench = Bench::new();
    let steps = format!(
        "      - run: |\n  {}          echo ready; sleep 1006\n",
        ESCAPEES.replace('\n', "\n  ")
    );
    tokio::select! {
        _ = bench.steps(&steps) => panic!("it sleeps"),
        () = bench.until_logged("ready") => {}
    }
    for _ in 0..500 {
        if bench.survivors() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} survive", bench.survivors());
}

#[tokio::test]
async fn a_step_that_kills_its_supervisor_gains_nothing() {
    let bench = Bench::new();
    let steps = "      - run: |
          setsid sleep 1007 &
          kill -9 $PPID; sleep 1008
";
    assert_eq!(bench.steps(steps).await, Status::Failure);
    assert_eq!(bench.survivors(), 0);
    assert!(bench.report(0, 0).message.is_some());
}

#[tokio::test]
async fn a_step_may_not_forge_the_runners_variables() {
    let bench = Bench::new();
    assert_eq!(
        bench
            .steps("      - run: echo GITHUB_SHA=x >> $GITHUB_ENV\n")
            .await,
        Status::Failure
    );
    assert_eq!(
        bench.report(0, 0).message.unwrap(),
        "GITHUB_ENV: `GITHUB_SHA` cannot be set by a step"
    );
    let bench = Bench::new();
    assert_eq!(
        bench
            .steps("      - run: rm $GITHUB_ENV; mkfifo $GITHUB_ENV\n")
            .await,
        Status::Failure
    );
}
