//! `git_commit`: record what is staged.

use crate::{
    servers::git::{
        Git,
        engine::commit::{self, Wanted},
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitCommit;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schemars(extend("anyOf" = [{"required": ["message"]}, {"required": ["amend"], "properties": {"amend": {"const": true}}}]))]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The message: a short line, and after an empty line what and why. Required unless amending.
    #[garde(length(bytes, min = 1, max = 65_536), inner(custom(no_nul)))]
    pub message: Option<String>,
    /// Others who took part, as `Name <address>`; each becomes a `Co-authored-by` trailer.
    #[serde(default)]
    #[garde(length(max = 20), inner(custom(person)))]
    pub co_authors: Vec<String>,
    /// Replace the last commit instead of adding one; without `message` its message stays.
    #[serde(default)]
    pub amend: bool,
    /// Commit even when nothing is staged.
    #[serde(default)]
    pub allow_empty: bool,
    /// Refuse unless HEAD is this commit (its id, or at least 7 digits of it), or `unborn` before the first commit.
    #[garde(length(bytes, min = 1, max = 64))]
    pub expected_head: Option<String>,
    /// Sign it with the project's key, which git_signing_key makes.
    #[serde(default)]
    pub sign: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // garde's signature
pub(super) fn no_nul(text: &str, _: &()) -> garde::Result {
    if text.contains('\0') || text.trim().is_empty() {
        return Err(garde::Error::new("is empty or holds a NUL character"));
    }
    Ok(())
}

#[allow(clippy::trivially_copy_pass_by_ref)] // garde's signature
fn person(text: &str, _: &()) -> garde::Result {
    let rest = text
        .strip_suffix('>')
        .and_then(|text| text.split_once(" <"));
    let fits = |part: &str| {
        !part.is_empty() && !part.contains(['<', '>']) && !part.chars().any(char::is_control)
    };
    match rest {
        Some((name, address)) if fits(name) && fits(address) && text.len() <= 300 => Ok(()),
        _ => Err(garde::Error::new("must be `Name <address>`")),
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Id of the new commit.
    pub commit: String,
    /// Ids of its parents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// The branch it is on; none when HEAD is detached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// First line of its message.
    pub subject: String,
    /// Files it changes.
    pub files_changed: usize,
    /// Lines it adds.
    pub insertions: usize,
    /// Lines it removes.
    pub deletions: usize,
    /// The default branch, when this first commit of the repository started it: other agents' worktrees begin here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_branch: Option<String>,
}

impl Tool for GitCommit {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_commit";
    const ABOUT: &'static str = "Commit what git_add staged to your branch, with you as author. Refused when nothing is staged. Pass \
                                 expected_head to be sure that nothing was committed in between. Returns the commit's id and what it changes.";
    const ACCESS: Access = Access::Write;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        if args.message.is_none() && !args.amend {
            return Err(ToolError::invalid("/message", "is required"));
        }
        let who = server.who(ctx);
        let wanted = Wanted {
            message: args.message,
            co_authors: args.co_authors,
            amend: args.amend,
            allow_empty: args.allow_empty,
            expected_head: args.expected_head,
            key: if args.sign {
                Some(server.signing_key(ctx).await?)
            } else {
                None
            },
        };
        server
            .change(ctx, args.repo, move |session, _| {
                let done =
                    session.with_head(|| commit::commit(&session.repository, &wanted, &who))?;
                Ok(Output {
                    commit: done.id.to_string(),
                    parents: done.parents.iter().map(ToString::to_string).collect(),
                    branch: done.branch,
                    subject: done.summary,
                    files_changed: done.files,
                    insertions: done.insertions,
                    deletions: done.deletions,
                    started_branch: done.started,
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn the_agent_commits_and_the_first_commit_starts_main() {
        let team = team().await;
        write(&team, "a", "1\n2\n");
        let waiting = refused(&team, "git_commit", json!({"message": "x"})).await;
        assert_eq!(
            (waiting.code, waiting.details.unwrap()["untracked"].clone()),
            (Code::Conflict, json!(1))
        );
        ok(&team, "git_add", json!({"paths": ["a"]})).await;
        let first = ok(
            &team,
            "git_commit",
            json!({"message": "Add a", "expected_head": "unborn"}),
        )
        .await;
        let like = json!({"commit": first["commit"], "branch": "agent/ann/work", "subject": "Add a", "files_changed": 1,
                          "insertions": 2, "deletions": 0, "started_branch": "main"});
        assert_eq!(first, like);
        let log = ok(&team, "git_log", json!({})).await;
        assert_eq!(log["items"][0]["author"], "ann <ann@demo.syndarix.local>");
        assert!(
            refused(&team, "git_commit", json!({"message": "x"}))
                .await
                .message
                .contains("nothing has changed")
        );
    }

    #[tokio::test]
    async fn expected_head_is_compared_and_swapped() {
        let team = team().await;
        let first = save(&team, "a", "1").await;
        save(&team, "a", "2").await;
        write(&team, "a", "3");
        ok(&team, "git_add", json!({"paths": ["a"]})).await;
        let stale = refused(
            &team,
            "git_commit",
            json!({"message": "x", "expected_head": first}),
        )
        .await;
        assert_eq!(stale.code, Code::PreconditionFailed);
        let head = stale.details.unwrap()["head"].as_str().unwrap().to_owned();
        ok(
            &team,
            "git_commit",
            json!({"message": "x", "expected_head": &head[..8]}),
        )
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn sixteen_committers_at_once_lose_nothing() {
        let team = team().await;
        save(&team, "start", "1").await;
        let committers = (0..16).map(|n| {
            let team = team.clone();
            tokio::spawn(async move {
                let path = format!("file-{n}");
                write(&team, &path, "x");
                loop {
                    let head = ok(&team, "git_status", json!({})).await["head"].clone();
                    ok(&team, "git_add", json!({"paths": [path]})).await;
                    let args = json!({"message": path, "expected_head": head, "allow_empty": true});
                    match team.call_json("git_commit", args).await {
                        Ok(done) => {
                            assert_eq!(done["parents"], json!([head]), "nobody came in between");
                            return done["commit"].clone();
                        }
                        Err(error) => assert_eq!(error.code, Code::PreconditionFailed),
                    }
                }
            })
        });
        let mut made = Vec::new();
        for committer in committers.collect::<Vec<_>>() {
            made.push(committer.await.unwrap());
        }
        let log = ok(&team, "git_log", json!({"max_count": 100})).await;
        let all = log["items"].as_array().unwrap();
        assert_eq!(all.len(), 17);
        assert!(
            made.iter()
                .all(|id| all.iter().any(|item| item["commit"] == *id))
        );
        let tree = ok(&team, "git_list_tree", json!({})).await;
        assert_eq!(tree["items"].as_array().unwrap().len(), 17);
    }

    #[tokio::test]
    async fn bad_messages_and_people_are_refused() {
        let team = team().await;
        for args in [
            json!({}),
            json!({"message": " "}),
            json!({"message": "a\0b"}),
            json!({"message": "a", "co_authors": ["Bea"]}),
            json!({"message": "a", "co_authors": ["Bea <b@x>\nEvil: yes <c@x>"]}),
        ] {
            assert_eq!(
                refused(&team, "git_commit", args.clone()).await.code,
                Code::InvalidArgument,
                "{args}"
            );
        }
    }
}
