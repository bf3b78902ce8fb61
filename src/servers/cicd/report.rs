//! Saying on the commit how its run stands, where pull requests ask for it.

use super::{Cicd, model::Status, store::NewRun};
use crate::{
    servers::git::{
        model::CheckState,
        tools::set_commit_status::{self, SetCommitStatus},
    },
    tool::Upkeep,
};

/// Reports a run as the check `cicd/<workflow>`. A run of no commit has nobody to tell. What cannot be told is in the log: the
/// run itself is not worse for it.
pub async fn report(upkeep: &Upkeep, run: &NewRun, status: Status) {
    let Some(commit) = run.commit.clone() else {
        return;
    };
    let repo = run
        .repo
        .as_ref()
        .and_then(|repo| crate::base::ids::RepoName::new(repo).ok());
    let told = set_commit_status::Args {
        repo,
        commit,
        context: format!("cicd/{}", name(&run.workflow)),
        state: state(status),
        description: Some(format!("{}: {}", run.id, status.as_str())),
    };
    if let Err(error) = upkeep.call::<Cicd, SetCommitStatus>(&run.scope, told).await {
        tracing::warn!(%error, run = run.id, "the commit does not tell how its run stands");
    }
}

fn state(status: Status) -> CheckState {
    match status {
        Status::Success => CheckState::Success,
        Status::Failure => CheckState::Failure,
        Status::Queued | Status::Running => CheckState::Pending,
        Status::Cancelled | Status::Interrupted | Status::Skipped => CheckState::Error,
    }
}

/// A workflow's file without folder and ending.
fn name(workflow: &str) -> &str {
    let file = workflow.rsplit('/').next().unwrap_or(workflow);
    file.strip_suffix(".yml")
        .or_else(|| file.strip_suffix(".yaml"))
        .unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::name;
    use crate::{
        base::ids::RepoName,
        servers::{
            cicd::tests::{finished, team},
            git::{
                model::CheckState,
                store::{GitStore, RepoKey},
            },
        },
    };

    #[tokio::test]
    async fn a_commit_tells_how_its_run_ended() {
        let team = team().await;
        team.call_json("git_init", json!({})).await.unwrap();
        let sent = json!({"message": "first", "allow_empty": true});
        let made = team.call_json("git_commit", sent).await.unwrap();
        finished(&team).await;
        let key = RepoKey {
            project: team.scope.project.clone(),
            repo: RepoName::new("main").unwrap(),
        };
        let store = GitStore::new(team.host.db.clone());
        let told = store
            .statuses(&key, made["commit"].as_str().unwrap())
            .await
            .unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].context.as_str(), told[0].state().unwrap()),
            ("cicd/inline", CheckState::Success)
        );
    }

    #[test]
    fn a_check_is_named_after_the_file() {
        assert_eq!(name(".github/workflows/ci.yml"), "ci");
        assert_eq!(name("inline"), "inline");
    }
}
