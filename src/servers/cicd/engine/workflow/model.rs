//! What a workflow file says, once read: only what is honoured.

use std::{collections::BTreeMap, time::Duration};

use super::Position;

/// Environment variables, by name.
pub type Vars = BTreeMap<String, String>;

/// A workflow that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    pub name: Option<String>,
    pub env: Vars,
    /// In the order of the file, each after nothing it does not name in `needs`; acyclic.
    pub jobs: Vec<Job>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Key of the job under `jobs`.
    pub id: String,
    pub name: Option<String>,
    /// Places in [`Workflow::jobs`] of the jobs that come first.
    pub needs: Vec<usize>,
    pub condition: Condition,
    pub env: Vars,
    pub defaults: RunDefaults,
    pub timeout: Option<Duration>,
    pub continue_on_error: bool,
    pub steps: Vec<Step>,
    pub at: Position,
}

/// `defaults.run`, those of the workflow already merged into those of the job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunDefaults {
    pub shell: Option<Shell>,
    pub working_directory: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub id: Option<String>,
    pub name: Option<String>,
    pub condition: Condition,
    pub env: Vars,
    pub work: Work,
    pub timeout: Option<Duration>,
    pub continue_on_error: bool,
    pub at: Position,
}

impl Step {
    /// What to show for the step: its name, or as GitHub does, `Run` and the first line of its script.
    pub fn title(&self) -> String {
        match (&self.name, &self.work) {
            (Some(name), _) => name.clone(),
            (None, Work::Checkout) => "Checkout".to_owned(),
            (None, Work::Run(script)) => {
                let line = script
                    .text
                    .lines()
                    .find(|line| !line.trim().is_empty())
                    .unwrap_or_default();
                format!("Run {}", line.trim().chars().take(80).collect::<String>())
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// `uses: actions/checkout`: nothing to do, the tree is there before the first step.
    Checkout,
    Run(Script),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub text: String,
    pub shell: Option<Shell>,
    /// Relative to the checked-out tree.
    pub working_directory: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Sh,
    Python,
}

/// When a step or job runs, by what came before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Condition {
    #[default]
    Success,
    Failure,
    Cancelled,
    NotCancelled,
    Always,
}

impl Condition {
    /// Whether to run, given that something before `failed` and that the run is being `cancelled`.
    pub fn holds(self, failed: bool, cancelled: bool) -> bool {
        match self {
            Self::Success => !failed && !cancelled,
            Self::Failure => failed && !cancelled,
            Self::Cancelled => cancelled,
            Self::NotCancelled => !cancelled,
            Self::Always => true,
        }
    }
}
