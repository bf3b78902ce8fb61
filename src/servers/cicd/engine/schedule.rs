//! Which jobs of a run may start, given where the others stand. Pure: no clock, no processes.

use super::{
    status::Status,
    workflow::{Condition, Job},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Start(usize),
    Skip(usize),
    Cancel(usize),
}

/// Decisions for the queued jobs. `results` holds one status a job, as it counts for those that need it: a failure
/// under `continue-on-error` counts as success. Call again after applying them: a skip may decide further jobs.
pub fn decide(jobs: &[Job], results: &[Status], cancelled: bool) -> Vec<Decision> {
    let status = |place: usize| results.get(place).copied().unwrap_or(Status::Skipped);
    let mut decisions = Vec::new();
    for (place, job) in jobs.iter().enumerate() {
        if status(place) != Status::Queued {
            continue;
        }
        if cancelled {
            decisions.push(Decision::Cancel(place));
        } else if job.needs.iter().all(|need| status(*need).is_terminal()) {
            let holds = match job.condition {
                Condition::Success => job
                    .needs
                    .iter()
                    .all(|need| status(*need) == Status::Success),
                Condition::Failure => ancestor_failed(jobs, results, place),
                Condition::Cancelled => false,
                Condition::NotCancelled | Condition::Always => true,
            };
            decisions.push(if holds {
                Decision::Start(place)
            } else {
                Decision::Skip(place)
            });
        }
    }
    decisions
}

/// The run's status once every job is terminal.
pub fn conclude(results: &[Status], cancelled: bool) -> Status {
    let any = |wanted| results.contains(&wanted);
    if any(Status::Interrupted) {
        Status::Interrupted
    } else if cancelled && any(Status::Cancelled) {
        Status::Cancelled
    } else if any(Status::Failure) {
        Status::Failure
    } else if !results.is_empty() && results.iter().all(|status| *status == Status::Skipped) {
        Status::Skipped
    } else {
        Status::Success
    }
}

fn ancestor_failed(jobs: &[Job], results: &[Status], place: usize) -> bool {
    let mut open = vec![place];
    let mut seen = vec![false; jobs.len()];
    while let Some(place) = open.pop() {
        for &need in jobs
            .get(place)
            .map(|job| job.needs.as_slice())
            .unwrap_or_default()
        {
            if results.get(need) == Some(&Status::Failure) {
                return true;
            }
            if let Some(seen) = seen.get_mut(need).filter(|seen| !**seen) {
                *seen = true;
                open.push(need);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{super::workflow, *};
    use Decision::{Cancel, Skip, Start};
    use Status::{Cancelled, Failure, Queued, Running, Skipped, Success};

    fn jobs(extra: &str) -> Vec<Job> {
        let text = format!(
            "jobs:\n  a: &j {{ runs-on: x, steps: [ {{ run: x }} ] }}\n  b: {{ needs: a, runs-on: x, steps: [ {{ run: x }} ] }}\n  c: {{ needs: b, {extra} runs-on: x, steps: [ {{ run: x }} ] }}\n"
        );
        workflow::parse("t", &text).unwrap().jobs
    }

    #[test]
    fn jobs_wait_for_what_they_need() {
        let jobs = jobs("");
        assert_eq!(decide(&jobs, &[Queued, Queued, Queued], false), [Start(0)]);
        assert_eq!(decide(&jobs, &[Running, Queued, Queued], false), []);
        assert_eq!(decide(&jobs, &[Success, Queued, Queued], false), [Start(1)]);
    }

    #[test]
    fn a_failure_skips_what_needs_it_all_the_way() {
        let jobs = jobs("");
        assert_eq!(decide(&jobs, &[Failure, Queued, Queued], false), [Skip(1)]);
        assert_eq!(decide(&jobs, &[Failure, Skipped, Queued], false), [Skip(2)]);
    }

    #[test]
    fn failure_and_always_look_through_skipped_jobs() {
        assert_eq!(
            decide(&jobs("if: failure(),"), &[Failure, Skipped, Queued], false),
            [Start(2)]
        );
        assert_eq!(
            decide(&jobs("if: failure(),"), &[Success, Success, Queued], false),
            [Skip(2)]
        );
        assert_eq!(
            decide(&jobs("if: always(),"), &[Failure, Skipped, Queued], false),
            [Start(2)]
        );
    }

    #[test]
    fn cancelling_takes_what_has_not_started() {
        assert_eq!(
            decide(&jobs("if: always(),"), &[Running, Queued, Queued], true),
            [Cancel(1), Cancel(2)]
        );
    }

    #[test]
    fn the_worst_job_names_the_run() {
        assert_eq!(conclude(&[Success, Skipped], false), Success);
        assert_eq!(conclude(&[Failure, Skipped], false), Failure);
        assert_eq!(conclude(&[Failure, Cancelled], true), Cancelled);
        assert_eq!(
            conclude(&[Success, Success], true),
            Success,
            "cancelled too late"
        );
    }
}
