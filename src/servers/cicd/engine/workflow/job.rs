//! One entry of `jobs`.

use super::{
    Condition, Position, RunDefaults, Vars,
    model::{Job, Step},
    node::{Key, Node, Value},
    read::{self, Problems, complain},
    step,
};

const KNOWN: &str =
    "name, needs, runs-on, if, env, defaults, timeout-minutes, continue-on-error, steps";
/// Keys of a job with no effect on a local run.
const WITHOUT_EFFECT: [&str; 2] = ["permissions", "concurrency"];

/// A job whose `needs` are still names.
pub struct Unresolved {
    pub job: Job,
    pub needs: Vec<(String, Position)>,
}

pub fn read(
    key: &Key,
    node: &Node,
    inherited: &RunDefaults,
    problems: &mut Problems,
) -> Option<Unresolved> {
    let entries = read::map(node, &format!("job `{}`", key.text), problems)?;
    if !is_id(&key.text) {
        let rule = "a letter or `_`, then letters, digits, `_` and `-`";
        complain(
            key.at,
            format!(
                "`{}` is not the id of a job: {rule}",
                key.text.escape_debug()
            ),
            problems,
        );
    }
    let mut job = Job {
        id: key.text.clone(),
        name: None,
        needs: Vec::new(),
        condition: Condition::default(),
        env: Vars::new(),
        defaults: inherited.clone(),
        timeout: None,
        continue_on_error: false,
        steps: Vec::new(),
        at: key.at,
    };
    let (mut needs, mut steps, mut runs_on, mut reusable) = (Vec::new(), None, false, false);
    for (key, node) in entries {
        match key.text.as_str() {
            "name" => job.name = read::text(node, "name", problems),
            "needs" => needs = names(node, "needs", problems),
            "runs-on" => {
                runs_on = true;
                check_runner(node, problems);
            }
            "if" => job.condition = read::condition(node, problems),
            "env" => job.env = read::vars(node, problems),
            "defaults" => {
                let own = read::run_defaults(node, problems);
                job.defaults = RunDefaults {
                    shell: own.shell.or(job.defaults.shell),
                    working_directory: own.working_directory.or(job.defaults.working_directory),
                };
            }
            "timeout-minutes" => job.timeout = read::minutes(node, problems),
            "continue-on-error" => {
                job.continue_on_error = read::flag(node, "continue-on-error", problems);
            }
            "steps" => steps = read::seq(node, "`steps`", problems),
            "strategy" => complain(key.at, "matrix strategies are not supported", problems),
            "container" | "services" => {
                complain(
                    key.at,
                    format!(
                        "`{}` is not supported: steps run as plain processes",
                        key.text
                    ),
                    problems,
                );
            }
            "uses" => {
                reusable = true;
                complain(key.at, "reusable workflows are not supported", problems);
            }
            "with" | "secrets" if reusable => {}
            "outputs" => complain(
                key.at,
                "job outputs are not supported: they need `${{ }}` expressions",
                problems,
            ),
            "environment" => complain(
                key.at,
                "deployment environments are not supported",
                problems,
            ),
            known if WITHOUT_EFFECT.contains(&known) => {}
            _ => read::unknown(key, "a job", KNOWN, problems),
        }
    }
    if reusable {
        return None;
    }
    if !runs_on {
        complain(
            key.at,
            format!("job `{}` needs `runs-on`", key.text),
            problems,
        );
    }
    match steps {
        Some([]) | None => complain(key.at, format!("job `{}` has no steps", key.text), problems),
        Some(steps) => {
            job.steps = steps
                .iter()
                .filter_map(|node| step::read(node, problems))
                .collect();
        }
    }
    unique_step_ids(&job.steps, problems);
    Some(Unresolved { job, needs })
}

/// Any label runs on this machine, except those that ask for another system.
fn check_runner(node: &Node, problems: &mut Problems) {
    let labels = match &*node.value {
        Value::Map(entries) => entries
            .iter()
            .find(|(key, _)| key.text == "labels")
            .map(|(_, node)| node),
        _ => Some(node),
    };
    for (label, at) in labels
        .map(|node| names(node, "runs-on", problems))
        .unwrap_or_default()
    {
        let lower = label.to_ascii_lowercase();
        if ["windows", "macos"]
            .iter()
            .any(|system| lower.starts_with(system))
        {
            complain(
                at,
                format!("`runs-on: {label}` is not supported: jobs run on this Linux machine"),
                problems,
            );
        }
    }
}

/// One name or a list of names.
fn names(node: &Node, what: &str, problems: &mut Problems) -> Vec<(String, Position)> {
    let mut read_one = |node: &Node| {
        let text = read::text(node, what, problems)?;
        if text.is_empty() {
            complain(node.at, format!("`{what}` holds an empty name"), problems);
            return None;
        }
        Some((text, node.at))
    };
    match &*node.value {
        Value::Scalar { .. } => read_one(node).into_iter().collect(),
        Value::Seq(items) => items.iter().filter_map(read_one).collect(),
        Value::Map(_) => {
            complain(
                node.at,
                format!("`{what}` must be a name or a list of names"),
                problems,
            );
            Vec::new()
        }
    }
}

fn unique_step_ids(steps: &[Step], problems: &mut Problems) {
    let mut seen = Vec::new();
    for step in steps {
        let Some(id) = &step.id else { continue };
        if seen.contains(&id) {
            complain(
                step.at,
                format!("two steps of this job have the id `{id}`"),
                problems,
            );
        }
        seen.push(id);
    }
}

/// Ids of jobs and steps.
pub fn is_id(text: &str) -> bool {
    let mut chars = text.chars();
    text.len() <= 100
        && chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
