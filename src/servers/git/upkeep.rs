//! Upkeep of repositories in the background: an index of their commits that tells which paths each one changed, so that
//! the log of a path and blame need not look into every commit.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::cli::{Error, Limits, Place, Program};
use crate::{
    project::workspace::{TreeId, Workspaces},
    tool::{Host, Pool, prelude::*},
};

/// How long a repository is left alone after it was used: several changes are worked up at once.
const REST: Duration = Duration::from_secs(20);
/// The longest that one repository may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// Above this many, repositories whose upkeep is done are forgotten.
const KEEP: usize = 4096;

/// A repository of a project.
type Id = (ProjectId, RepoName);

/// Which repositories wait for it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Upkeep(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// True for those that wait.
    seen: Mutex<HashMap<Id, bool>>,
    used: Notify,
}

impl Upkeep {
    /// Starts it, on hosts with the git program.
    pub(super) fn start(host: &Host, program: Option<&Program>) -> Self {
        let upkeep = Self::default();
        if let Some(program) = program.cloned() {
            let (queue, workspaces) = (upkeep.clone(), host.workspaces.clone());
            host.tasks.spawn("git upkeep", |stop| async move {
                queue.run(&workspaces, &program, stop).await;
            });
        }
        upkeep
    }

    /// A repository was used; `changed` or not, its first use since the hub started counts.
    pub(super) fn used(&self, tree: &TreeId, changed: bool) {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() > KEEP {
            seen.retain(|_, waits| *waits);
        }
        let waits = seen
            .entry((tree.project.clone(), tree.repo.clone()))
            .or_insert(true);
        *waits |= changed;
        if *waits {
            self.0.used.notify_one();
        }
    }

    async fn run(&self, workspaces: &Workspaces, program: &Program, stop: CancellationToken) {
        // One at a time: nobody waits for it.
        let pool = Pool::new(1);
        loop {
            tokio::select! {
                () = self.0.used.notified() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
                () = stop.cancelled() => return,
            }
            for (project, repo) in self.waiting() {
                let (workspaces, program) = (workspaces.clone(), program.clone());
                let name = repo.clone();
                let work = pool.run(move |stop| {
                    let repository = workspaces
                        .bare_repository(&project, &repo)
                        .map_err(ToolError::internal)?;
                    let done = index_commits(&program, Place::bare(&repository), &|| stop.is_set());
                    done.map_err(ToolError::internal)
                });
                let done = tokio::select! {
                    done = work => done,
                    () = stop.cancelled() => return,
                };
                if let Err(error) = done {
                    tracing::warn!(repo = %name, error = ?error.source, "upkeep of a repository failed");
                }
            }
        }
    }

    fn waiting(&self) -> Vec<Id> {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = seen.iter_mut().filter(|(_, waits)| **waits);
        let waiting = waiting.map(|(id, waits)| {
            *waits = false;
            id.clone()
        });
        waiting.collect()
    }
}

/// Brings the index of commits up to date.
fn index_commits(program: &Program, place: Place, stop: &dyn Fn() -> bool) -> Result<(), Error> {
    program
        .command(place, "commit-graph")
        .flag("write")
        .flag("--reachable")
        .flag("--changed-paths")
        .flag("--split")
        .flag("--no-progress")
        .limits(Limits {
            time: PATIENCE,
            ..Limits::default()
        })
        .output(stop)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tools::testing::{git_dir, ok, save, team};
    use super::*;
    use crate::project::workspace::DEFAULT_REPO;

    #[tokio::test]
    async fn the_index_of_commits_is_written_and_added_to() {
        let Ok(program) = Program::find("git") else {
            return;
        };
        let team = team().await;
        for text in ["1", "2"] {
            save(&team, "a", text).await;
            let repository = git2::Repository::open_bare(git_dir(&team)).unwrap();
            index_commits(&program, Place::bare(&repository), &|| false).unwrap();
            assert!(
                git_dir(&team)
                    .join("objects/info/commit-graphs/commit-graph-chain")
                    .exists()
            );
        }
        let log = ok(&team, "git_log", json!({"paths": ["a"]})).await;
        assert_eq!(log["items"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_repository_waits_when_it_is_first_seen_and_when_it_changed() {
        let upkeep = Upkeep::default();
        let repo = RepoName::new(DEFAULT_REPO).unwrap();
        let tree = TreeId::new(&crate::test::scope("demo", "ann"), None).unwrap();
        let all = vec![(tree.project.clone(), repo)];
        upkeep.used(&tree, false);
        assert_eq!(upkeep.waiting(), all);
        upkeep.used(&tree, false);
        assert_eq!(upkeep.waiting(), []);
        upkeep.used(&tree, true);
        upkeep.used(&tree, false);
        assert_eq!(upkeep.waiting(), all);
    }
}
