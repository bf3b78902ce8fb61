//! One entry of `steps`.

use super::{
    Condition, Position, Shell, Vars,
    job::is_id,
    model::{Script, Step, Work},
    node::{Key, Node},
    read::{self, Problems, complain},
};

const KNOWN: &str =
    "id, name, if, run, uses, env, working-directory, shell, timeout-minutes, continue-on-error";

/// Inputs of `actions/checkout` that change nothing for a tree exported from the project's own repository.
const CHECKOUT_WITHOUT_EFFECT: [&str; 8] = [
    "fetch-depth",
    "fetch-tags",
    "persist-credentials",
    "clean",
    "filter",
    "show-progress",
    "set-safe-directory",
    "token",
];

#[derive(Default)]
struct Parts<'n> {
    run: Option<(Position, String)>,
    uses: Option<(Position, String)>,
    with: Option<(&'n Key, &'n Node)>,
    shell: Option<(Position, Option<Shell>)>,
    directory: Option<(Position, Option<String>)>,
}

pub fn read(node: &Node, problems: &mut Problems) -> Option<Step> {
    let entries = read::map(node, "a step", problems)?;
    let mut step = Step {
        id: None,
        name: None,
        condition: Condition::default(),
        env: Vars::new(),
        work: Work::Checkout,
        timeout: None,
        continue_on_error: false,
        at: node.at,
    };
    let mut parts = Parts::default();
    let (mut has_run, mut has_uses) = (false, false);
    for (key, node) in entries {
        match key.text.as_str() {
            "id" => step.id = id(node, problems),
            "name" => step.name = read::text(node, "name", problems),
            "if" => step.condition = read::condition(node, problems),
            "env" => step.env = read::vars(node, problems),
            "timeout-minutes" => step.timeout = read::minutes(node, problems),
            "continue-on-error" => {
                step.continue_on_error = read::flag(node, "continue-on-error", problems);
            }
            "run" => {
                has_run = true;
                parts.run = read::text(node, "run", problems).map(|text| (key.at, text));
            }
            "uses" => {
                has_uses = true;
                parts.uses = read::text(node, "uses", problems).map(|text| (node.at, text));
            }
            "with" => parts.with = Some((key, node)),
            "shell" => parts.shell = Some((key.at, read::shell(node, problems))),
            "working-directory" => {
                parts.directory = Some((key.at, read::directory(node, problems)));
            }
            _ => read::unknown(key, "a step", KNOWN, problems),
        }
    }
    match (has_run, has_uses) {
        (true, true) => complain(node.at, "a step has `run` or `uses`, not both", problems),
        (false, false) => complain(node.at, "a step needs `run` or `uses`", problems),
        _ => {}
    }
    step.work = work(parts, problems)?;
    Some(step)
}

fn work(parts: Parts<'_>, problems: &mut Problems) -> Option<Work> {
    if let Some((_, text)) = parts.run {
        if let Some((key, _)) = parts.with {
            complain(key.at, "`with` belongs to `uses`, not to `run`", problems);
        }
        return Some(Work::Run(Script {
            text,
            shell: parts.shell.and_then(|(_, shell)| shell),
            working_directory: parts.directory.and_then(|(_, directory)| directory),
        }));
    }
    let (at, action) = parts.uses?;
    for key_at in [
        parts.shell.map(|(at, _)| at),
        parts.directory.map(|(at, _)| at),
    ]
    .into_iter()
    .flatten()
    {
        complain(
            key_at,
            "`shell` and `working-directory` belong to `run`, not to `uses`",
            problems,
        );
    }
    let repository = action.split('@').next().unwrap_or_default();
    if !repository.eq_ignore_ascii_case("actions/checkout") {
        let message = format!(
            "`uses: {action}` is not supported; only actions/checkout is, write the rest as `run`"
        );
        complain(at, message, problems);
        return None;
    }
    if let Some((_, node)) = parts.with {
        for (key, value) in read::map(node, "`with`", problems).unwrap_or_default() {
            if !CHECKOUT_WITHOUT_EFFECT.contains(&key.text.as_str()) {
                complain(
                    key.at,
                    format!("input `{}` of actions/checkout is not supported", key.text),
                    problems,
                );
            } else if key.text != "token" {
                read::text(value, &key.text, problems);
            }
        }
    }
    Some(Work::Checkout)
}

fn id(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = read::text(node, "id", problems)?;
    if !is_id(&text) {
        complain(
            node.at,
            format!("`{}` is not the id of a step", text.escape_debug()),
            problems,
        );
        return None;
    }
    Some(text)
}
