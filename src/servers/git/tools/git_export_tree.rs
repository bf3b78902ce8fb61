//! `git_export_tree`: a commit's files, written out for a run of cicd. In-process only.

use crate::{
    base::beneath::Beneath,
    servers::git::{
        Git,
        engine::{export, name},
    },
    tool::prelude::*,
};

/// `details.reason` of the conflict where there is nothing to export yet: no repository, or no commit in it.
pub const NO_COMMIT: &str = "no_commit";

/// Marker: mounted in the server's `mod.rs`.
pub struct GitExportTree;

#[derive(Debug, Clone, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Branch, tag, commit or expression; the agent's HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// Id of the run, `[a-z0-9_]`, which names the directory.
    #[garde(length(bytes, min = 1, max = 64))]
    pub run: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit whose files were written.
    pub commit: String,
    /// Files and links written.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

impl Tool for GitExportTree {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_export_tree";
    const ABOUT: &'static str = "Write the files of a commit into the work directory of a run, made afresh. Returns the commit.";
    // It changes nothing in the repository; the run's directory is cicd's own.
    const ACCESS: Access = Access::Read;
    const FACE: Face = Face::InProcess;
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let most = server.config.max_export_bytes;
        server
            .look(ctx, args.repo, move |session, stop| {
                let commit = name::commit(
                    &session.repository,
                    args.revision.as_deref().unwrap_or("HEAD"),
                )?;
                let work = session
                    .workspaces
                    .fresh_run(&session.tree.project, &args.run)?;
                let into = Beneath::open(&work)?;
                let done =
                    export::export(&session.repository, &commit, &into, most, &|| stop.is_set())?;
                Ok(Output {
                    commit: commit.id().to_string(),
                    files: done.files,
                    bytes: done.bytes,
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{save, team};
    use super::*;

    fn args(revision: Option<&str>, run: &str) -> Args {
        Args {
            repo: None,
            revision: revision.map(Into::into),
            run: run.into(),
        }
    }

    #[tokio::test]
    async fn a_run_gets_the_commit_and_nothing_else() {
        let team = team().await;
        let first = save(&team, "src/a", "1").await;
        save(&team, "src/a", "22").await;
        let work = team.host.data.join("projects/demo/runs/run_1/work");
        let done = team
            .call::<GitExportTree>(args(Some(&first), "run_1"))
            .await
            .unwrap();
        assert_eq!((done.commit, done.files, done.bytes), (first, 1, 1));
        assert_eq!(std::fs::read_to_string(work.join("src/a")).unwrap(), "1");
        std::fs::write(work.join("left"), "over").unwrap();
        team.call::<GitExportTree>(args(None, "run_1"))
            .await
            .unwrap();
        assert_eq!(std::fs::read_to_string(work.join("src/a")).unwrap(), "22");
        assert!(!work.join("left").exists());
        for (revision, run) in [
            (None, "../x"),
            (None, "A"),
            (Some("-x"), "run_2"),
            (Some("nope"), "run_2"),
        ] {
            assert!(
                team.call::<GitExportTree>(args(revision, run))
                    .await
                    .is_err()
            );
        }
        assert!(!team.host.data.join("projects/demo/runs/run_2").exists());
    }
}
