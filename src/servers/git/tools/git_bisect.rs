//! `git_bisect`: which commit brought a fault.

use git2::{Oid, Repository};

use super::git_log;
use crate::{
    servers::git::{
        Git,
        engine::{
            self, Backend,
            bisect::{self, Answer, Known},
            name,
        },
        fault,
    },
    tool::prelude::*,
};

/// Most candidates that are listed.
const MAX_LISTED: usize = 100;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitBisect;

#[derive(Debug, Clone, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// A commit that has the fault: a branch, tag or commit. Your HEAD when left out, which moves when you check out `next`:
    /// pass `bad` of the answer from then on.
    #[garde(length(bytes, min = 1, max = 256))]
    pub bad: Option<String>,
    /// Commits that do not have it, at least one.
    #[garde(length(min = 1, max = 200), inner(length(bytes, min = 1, max = 256)))]
    pub good: Vec<String>,
    /// Commits that cannot be tested, because they do not build for instance.
    #[serde(default)]
    #[garde(length(max = 1000), inner(length(bytes, min = 1, max = 256)))]
    pub skip: Vec<String>,
    /// Only commits that changed something at or below these paths can have brought it.
    #[serde(default)]
    #[garde(length(max = 100))]
    pub paths: Vec<String>,
    /// Follow only the first parent of merges: the answer is the merge, not the commit in the branch it merged.
    #[serde(default)]
    pub first_parent: bool,
}

/// A commit.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Named {
    /// Its id.
    pub commit: String,
    /// Who wrote it, as `Name <address>`.
    pub author: String,
    /// When it was committed (RFC 3339, UTC).
    pub committed_at: String,
    /// First line of the message.
    pub subject: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Test this one, then call again with it added to `good` or `skip`, or as `bad`. None when the search is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Named>,
    /// True when `next` is where a good commit parts from the bad one: it must be good too, otherwise the fault was mended
    /// on the way to the good one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub merge_base: bool,
    /// How many commits can be the first bad one; not known before merge bases are tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<usize>,
    /// About how many more tests it takes after that of `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps_left: Option<u32>,
    /// The commit that brought the fault, when it is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<Named>,
    /// When only skipped commits are left to test: those of which one brought the fault, the first 100 and the bad one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// Commits where good ones part from the bad one that are skipped: if they have the fault, the answer is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub untested: Vec<String>,
    /// The bad commit's id, for the next call.
    pub bad: String,
    /// What to do now.
    pub hint: &'static str,
    /// Who looked: the `git` program or `libgit2`.
    pub backend: Backend,
}

impl Tool for GitBisect {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_bisect";
    const ABOUT: &'static str = "Find the commit that brought a fault, by halves: name a commit that has it and one that has not, test the commit \
                                 it returns as `next`, and call again with that one in `good` or `skip`, or as `bad`. Nothing is kept between \
                                 calls and no file is touched. Use git_log(pickaxe) when you know the text that came. Returns the commit to test \
                                 next, or the first bad one.";
    const ACCESS: Access = Access::Read;
    const DEADLINE: Duration = Duration::from_secs(60);

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let paths = name::paths(&args.paths).map_err(fault::of)?;
        server
            .look(ctx, args.repo, move |session, stop| {
                let repository = &session.repository;
                let bad = name::commit(repository, args.bad.as_deref().unwrap_or("HEAD"))?.id();
                let known = Known {
                    good: ids(repository, &args.good)?,
                    skip: ids(repository, &args.skip)?,
                    paths,
                    first_parent: args.first_parent,
                };
                let git = session.git.as_ref();
                let found = bisect::bisect(repository, git, bad, &known, &|| stop.is_set())?;
                let mut output = Output {
                    next: None,
                    merge_base: false,
                    remaining: None,
                    steps_left: None,
                    first_bad: None,
                    candidates: Vec::new(),
                    untested: texts(&found.untested),
                    bad: bad.to_string(),
                    hint: "",
                    backend: found.backend,
                };
                match found.answer {
                    Answer::Next { commit, remaining } => {
                        output.next = Some(named(repository, commit)?);
                        output.remaining = Some(remaining);
                        output.steps_left = Some(bisect::steps_left(remaining));
                        output.hint = "test `next`: git_checkout it, or run_workflow on it; then call again";
                    }
                    Answer::Base(commit) => {
                        output.next = Some(named(repository, commit)?);
                        output.merge_base = true;
                        output.hint = "a good commit is not before the bad one: test first where they part, which should be good";
                    }
                    Answer::First(commit) => {
                        output.first_bad = Some(named(repository, commit)?);
                        output.hint = "git_show tells what it changed; git_checkout your branch again";
                    }
                    Answer::Skipped(mut all) => {
                        output.remaining = Some(all.len());
                        let last = all.pop();
                        all.truncate(MAX_LISTED);
                        all.extend(last);
                        output.candidates = texts(&all);
                        output.hint = "all that is left is skipped: test one of these in another way, or look at them with git_show";
                    }
                }
                Ok(output)
            })
            .await
    }
}

fn ids(repository: &Repository, revisions: &[String]) -> Result<Vec<Oid>, engine::Error> {
    let ids = revisions
        .iter()
        .map(|revision| Ok(name::commit(repository, revision)?.id()));
    ids.collect()
}

fn texts(ids: &[Oid]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn named(repository: &Repository, id: Oid) -> Result<Named, engine::Error> {
    let item = git_log::item(&repository.find_commit(id)?);
    Ok(Named {
        commit: item.commit,
        author: item.author,
        committed_at: item.committed_at,
        subject: item.subject,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team, team_without_program};
    use crate::{test::Team, tool::Code};

    async fn found_by_halves(team: &Team) {
        let mut ids = Vec::new();
        for number in 0..9 {
            ids.push(save(team, "a", &number.to_string()).await);
        }
        // The sixth brought it.
        let (mut good, mut bad) = (vec![ids[0].clone()], json!("HEAD"));
        let mut tests = 0;
        let first = loop {
            let step = ok(team, "git_bisect", json!({"good": good, "bad": bad})).await;
            if let Some(first) = step.get("first_bad") {
                break first.clone();
            }
            tests += 1;
            assert!(step["steps_left"].as_u64().unwrap() + tests <= 4, "{step}");
            let next = step["next"]["commit"].as_str().unwrap().to_owned();
            ok(team, "git_checkout", json!({"target": next})).await;
            bad = step["bad"].clone();
            if ids.iter().position(|id| *id == next).unwrap() >= 5 {
                bad = json!(next);
            } else {
                good.push(next);
            }
        };
        assert_eq!(
            (&first["commit"], &first["subject"]),
            (&json!(ids[5]), &json!("change a"))
        );
        // Whoever forgets that HEAD moved is told.
        let last = good.last().unwrap().clone();
        ok(team, "git_checkout", json!({"target": last})).await;
        let both = refused(team, "git_bisect", json!({"good": good})).await;
        assert_eq!(both.code, Code::Conflict);
        assert_eq!(both.details.unwrap()["commit"], json!(last));
        let skipped = json!({"good": [ids[5]], "bad": ids[7], "skip": [ids[6]]});
        let skipped = ok(team, "git_bisect", skipped).await;
        assert_eq!(skipped["candidates"], json!([ids[6], ids[7]]));
        for (args, code) in [
            (json!({"good": []}), Code::InvalidArgument),
            (json!({"good": ["-x"]}), Code::InvalidArgument),
            (
                json!({"good": [ids[0]], "bad": "--all"}),
                Code::InvalidArgument,
            ),
            (
                json!({"good": [ids[0]], "skip": ["--x"]}),
                Code::InvalidArgument,
            ),
            (
                json!({"good": [ids[0]], "paths": ["../x"]}),
                Code::InvalidArgument,
            ),
            (json!({"good": ["nope"]}), Code::NotFound),
            (json!({"good": [ids[3]], "bad": ids[2]}), Code::Conflict),
            (
                json!({"good": [ids[0]], "bad": ids[2], "paths": ["b"]}),
                Code::Conflict,
            ),
        ] {
            assert_eq!(
                refused(team, "git_bisect", args.clone()).await.code,
                code,
                "{args}"
            );
        }
    }

    #[tokio::test]
    async fn the_first_bad_commit_is_found() {
        found_by_halves(&team().await).await;
    }

    #[tokio::test]
    async fn the_first_bad_commit_is_found_without_the_program_too() {
        found_by_halves(&team_without_program().await).await;
    }
}
