//! From a tree of nodes to a [`Workflow`]: the top of the file, and the readers for single values.
//!
//! Readers push what is wrong to `problems` and return what they could read, so that one pass over a file
//! finds everything that is wrong with it.

use std::time::Duration;

use super::{
    Condition, Position, Problem, RunDefaults, Shell, Vars, Workflow, graph, job,
    node::{Key, Node, Value},
};

pub type Problems = Vec<Problem>;

/// Keys of a workflow with no effect on a local run.
const WITHOUT_EFFECT: [&str; 4] = ["on", "permissions", "concurrency", "run-name"];

pub fn workflow(root: &Node, problems: &mut Problems) -> Option<Workflow> {
    let entries = map(root, "a workflow", problems)?;
    let mut name = None;
    let mut env = Vars::new();
    let mut defaults = RunDefaults::default();
    let mut jobs = None;
    for (key, node) in entries {
        match key.text.as_str() {
            "name" => name = text(node, "name", problems),
            "env" => env = vars(node, problems),
            "defaults" => defaults = run_defaults(node, problems),
            "jobs" => jobs = Some(node),
            known if WITHOUT_EFFECT.contains(&known) => {}
            _ => unknown(key, "a workflow", "name, on, env, defaults, jobs", problems),
        }
    }
    let Some(jobs) = jobs else {
        complain(root.at, "a workflow needs `jobs`", problems);
        return None;
    };
    let entries = map(jobs, "`jobs`", problems)?;
    if entries.is_empty() {
        complain(jobs.at, "`jobs` is empty", problems);
    }
    let read: Vec<_> = entries
        .iter()
        .filter_map(|(key, node)| job::read(key, node, &defaults, problems))
        .collect();
    let jobs = graph::resolve(read, problems);
    Some(Workflow { name, env, jobs })
}

pub fn complain(at: Position, message: impl Into<String>, problems: &mut Problems) {
    problems.push(Problem {
        at,
        message: message.into(),
    });
}

pub fn unknown(key: &Key, place: &str, known: &str, problems: &mut Problems) {
    complain(
        key.at,
        format!(
            "`{}` is not a key of {place}; known here: {known}",
            key.text
        ),
        problems,
    );
}

pub fn map<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> Option<&'n [(Key, Node)]> {
    if let Value::Map(entries) = &*node.value {
        return Some(entries);
    }
    complain(
        node.at,
        format!("{what} must be a mapping, found {}", node.kind()),
        problems,
    );
    None
}

pub fn seq<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> Option<&'n [Node]> {
    if let Value::Seq(items) = &*node.value {
        return Some(items);
    }
    complain(
        node.at,
        format!("{what} must be a list, found {}", node.kind()),
        problems,
    );
    None
}

/// A scalar without expressions; nothing at all reads as the empty text.
pub fn text(node: &Node, what: &str, problems: &mut Problems) -> Option<String> {
    let Value::Scalar { text, .. } = &*node.value else {
        complain(
            node.at,
            format!("`{what}` must be text, found {}", node.kind()),
            problems,
        );
        return None;
    };
    if text.contains("${{") {
        complain(
            node.at,
            format!("`${{{{ }}}}` expressions are not supported (in `{what}`)"),
            problems,
        );
        return None;
    }
    if text.contains('\0') {
        complain(node.at, format!("`{what}` holds a NUL character"), problems);
        return None;
    }
    Some(if node.is_null() {
        String::new()
    } else {
        text.clone()
    })
}

pub fn flag(node: &Node, what: &str, problems: &mut Problems) -> bool {
    match text(node, what, problems).as_deref() {
        Some("true") => true,
        Some("false") | None => false,
        Some(other) => {
            complain(
                node.at,
                format!("`{what}` must be true or false, found `{other}`"),
                problems,
            );
            false
        }
    }
}

/// `timeout-minutes`: a positive number, fractions allowed.
pub fn minutes(node: &Node, problems: &mut Problems) -> Option<Duration> {
    let text = text(node, "timeout-minutes", problems)?;
    match text.parse::<f64>() {
        Ok(minutes) if minutes > 0.0 && minutes <= 60.0 * 24.0 * 35.0 => {
            Some(Duration::from_secs_f64(minutes * 60.0))
        }
        _ => {
            complain(
                node.at,
                format!("`timeout-minutes` must be a positive number, found `{text}`"),
                problems,
            );
            None
        }
    }
}

pub fn vars(node: &Node, problems: &mut Problems) -> Vars {
    let mut vars = Vars::new();
    if node.is_null() {
        return vars;
    }
    for (key, value) in map(node, "`env`", problems).unwrap_or_default() {
        if key.text.is_empty() || key.text.contains(['=', '\0']) {
            complain(
                key.at,
                format!(
                    "`{}` is not the name of a variable",
                    key.text.escape_debug()
                ),
                problems,
            );
        } else if let Some(value) = text(value, &format!("env.{}", key.text), problems) {
            vars.insert(key.text.clone(), value);
        }
    }
    vars
}

pub fn run_defaults(node: &Node, problems: &mut Problems) -> RunDefaults {
    let mut defaults = RunDefaults::default();
    for (key, node) in map(node, "`defaults`", problems).unwrap_or_default() {
        if key.text != "run" {
            unknown(key, "`defaults`", "run", problems);
            continue;
        }
        for (key, node) in map(node, "`defaults.run`", problems).unwrap_or_default() {
            match key.text.as_str() {
                "shell" => defaults.shell = shell(node, problems),
                "working-directory" => defaults.working_directory = directory(node, problems),
                _ => unknown(key, "`defaults.run`", "shell, working-directory", problems),
            }
        }
    }
    defaults
}

pub fn shell(node: &Node, problems: &mut Problems) -> Option<Shell> {
    let name = text(node, "shell", problems)?;
    match name.trim() {
        "bash" => Some(Shell::Bash),
        "sh" => Some(Shell::Sh),
        "python" => Some(Shell::Python),
        other => {
            complain(
                node.at,
                format!("shell `{other}` is not supported; use bash, sh or python"),
                problems,
            );
            None
        }
    }
}

/// A directory inside the checked-out tree.
pub fn directory(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = text(node, "working-directory", problems)?;
    let outside = text.starts_with('/') || text.split('/').any(|part| part == "..");
    if outside {
        complain(
            node.at,
            format!("`working-directory` must stay inside the repository, found `{text}`"),
            problems,
        );
        return None;
    }
    Some(text)
}

/// `if`: the status functions alone, bare or in `${{ }}`.
pub fn condition(node: &Node, problems: &mut Problems) -> Condition {
    let Value::Scalar { text, .. } = &*node.value else {
        complain(
            node.at,
            format!("`if` must be text, found {}", node.kind()),
            problems,
        );
        return Condition::default();
    };
    let bare = text.trim();
    let bare = bare
        .strip_prefix("${{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .unwrap_or(bare);
    let compact: String = bare.chars().filter(|c| !c.is_whitespace()).collect();
    match compact.to_ascii_lowercase().as_str() {
        "success()" => Condition::Success,
        "failure()" => Condition::Failure,
        "always()" => Condition::Always,
        "cancelled()" => Condition::Cancelled,
        "!cancelled()" => Condition::NotCancelled,
        _ => {
            let known = "success(), failure(), always(), cancelled() and !cancelled()";
            complain(
                node.at,
                format!("`if: {}` is not supported; only {known} are", text.trim()),
                problems,
            );
            Condition::default()
        }
    }
}
