//! The environment of a run's steps.

use super::{
    config::Config,
    engine::workflow::{Vars, Workflow},
    store::NewRun,
};

/// Variable by which the processes of a whole run are found after a crash.
pub const RUN_MARK: &str = "SYNDARIX_RUN";

/// What every step of a run finds in its environment, besides what its job adds.
pub fn of(config: &Config, run: &NewRun, number: i64, workflow: &Workflow, inputs: Vars) -> Vars {
    let path = config.path.clone().or_else(|| std::env::var("PATH").ok());
    let repository = run
        .repo
        .as_deref()
        .unwrap_or(crate::project::workspace::DEFAULT_REPO);
    let mut vars: Vars = [
        ("CI", "true".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        (
            "PATH",
            path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ),
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_ACTOR", run.scope.agent.to_string()),
        ("GITHUB_EVENT_NAME", "workflow_dispatch".to_owned()),
        (
            "GITHUB_REPOSITORY",
            format!("{}/{repository}", run.scope.project),
        ),
        ("GITHUB_REPOSITORY_OWNER", run.scope.project.to_string()),
        ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
        ("GITHUB_RUN_ID", run.id.clone()),
        ("GITHUB_RUN_NUMBER", number.to_string()),
        ("GITHUB_SHA", run.commit.clone().unwrap_or_default()),
        (
            "GITHUB_WORKFLOW",
            workflow
                .name
                .clone()
                .unwrap_or_else(|| run.workflow.clone()),
        ),
        ("RUNNER_ARCH", std::env::consts::ARCH.to_owned()),
        ("RUNNER_OS", "Linux".to_owned()),
        (RUN_MARK, run.id.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(revision) = &run.revision {
        vars.insert("GITHUB_REF_NAME".to_owned(), revision.clone());
    }
    vars.extend(inputs);
    vars.extend(config.env.clone());
    vars
}
