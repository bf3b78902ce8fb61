//! Saying on the commit how its run stands, where pull requests ask for it.

use super::{Cicd, model::Status, store::NewRun};
use crate::{
    servers::git::tools::set_commit_status::{self, CheckState, SetCommitStatus},
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
    use crate::servers::cicd::tests::team;

    #[tokio::test]
    async fn a_commit_tells_how_its_run_ended() {
        let team = team().await;
        let call = async |tool: &str, args| team.call_json(tool, args).await.unwrap();
        call("git_init", json!({})).await;
        let empty = json!({"message": "first", "allow_empty": true});
        let first = call("git_commit", empty.clone()).await;
        let second = call("git_commit", empty).await;
        call("create_pull_request", json!({"title": "second"})).await;
        let checks =
            async || call("get_pull_request", json!({"number": 1})).await["checks"].clone();
        let text = "jobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n";
        for (commit, told) in [(first, 0), (second, 1)] {
            let run = json!({"inline": text, "ref": commit["commit"], "wait_ms": 20_000});
            assert_eq!(call("run_workflow", run).await["status"], "success");
            assert_eq!(checks().await.as_array().unwrap().len(), told);
        }
        let check = checks().await[0].clone();
        assert_eq!(
            (&check["context"], &check["state"]),
            (&json!("cicd/inline"), &json!("success"))
        );
    }

    #[test]
    fn a_check_is_named_after_the_file() {
        assert_eq!(name(".github/workflows/ci.yml"), "ci");
        assert_eq!(name("inline"), "inline");
    }
}
