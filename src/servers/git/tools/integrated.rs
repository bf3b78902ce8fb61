//! What merge, rebase, cherry-pick and revert answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    servers::git::{
        Git,
        engine::{
            Error,
            integrate::{self, Kind, Outcome, Work},
            merge::{self, Conflict, ConflictKind},
            sparse,
        },
    },
    tool::prelude::*,
};

/// Most paths in conflict that an answer lists.
const MAX_LISTED: usize = 100;
/// Text of all hunks in an answer, in bytes.
const MOST_TEXT: usize = 24 * 1024;
/// Text of one side of a hunk, in bytes.
const MOST_SIDE: usize = 2000;
/// Most new commits that an answer lists.
const MAX_MADE: usize = 100;

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// Begin.
    #[default]
    Start,
    /// Go on after the conflicts were resolved.
    Continue,
    /// Make all as it was before.
    Abort,
    /// Leave out the commit that conflicts, and go on.
    Skip,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Status {
    /// There was nothing to bring in.
    UpToDate,
    FastForwarded,
    Done,
    /// Conflicts wait to be resolved.
    Conflicted,
    Aborted,
}

/// One version of a file in conflict.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Side {
    /// Id of its content.
    pub blob: String,
    /// Its mode, e.g. `100644`.
    pub mode: String,
}

/// Lines that both sides changed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Hunk {
    /// First line in our version, from 1.
    pub line: usize,
    /// The lines before both changes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub base: String,
    /// Our lines.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ours: String,
    /// Their lines.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub theirs: String,
}

/// A path that could not be decided.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The path.
    pub path: String,
    /// What stands against each other, e.g. `both_modified` or `deleted_by_them`.
    pub kind: ConflictKind,
    /// The version before both changes, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Side>,
    /// Our version; none where we have deleted it. In a rebase ours is what you rebase onto.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<Side>,
    /// Their version; none where they have deleted it. In a rebase theirs is your own commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs: Option<Side>,
    /// The lines in conflict, for text; the file itself holds them between markers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hunks: Vec<Hunk>,
    /// True when hunks are left out or cut: read the file.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `done`, `fast_forwarded`, `up_to_date`, `conflicted` (resolve, then continue) or `aborted`.
    pub status: Status,
    /// The commit HEAD is on now, or with dry_run would be; none while conflicts wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Ids of the commits that were made, oldest first, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<String>,
    /// The commit whose changes conflict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// Commits that come after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits_left: Option<usize>,
    /// The paths in conflict: resolve each with git_resolve_conflict, then call again with action `continue`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Item>,
    /// How many these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict_count: Option<usize>,
    /// True when nothing was changed, because it was a trial.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// Runs `work` on the caller's tree and answers with what came of it.
pub(super) async fn run(
    server: &Git,
    ctx: &Ctx,
    repo: Option<RepoName>,
    dry: bool,
    work: impl FnOnce(&Work<'_>) -> Result<Outcome, Error> + Send + 'static,
) -> Result<Output, ToolError> {
    let who = server.who(ctx);
    let done = server
        .change(ctx, repo, move |session, stop| {
            let files = session.files()?;
            let done = || {
                let stop = || stop.is_set();
                let at = Work {
                    repository: &session.repository,
                    files: &files,
                    who: &who,
                    stop: &stop,
                };
                let outcome = work(&at)?;
                if !dry && !matches!(outcome, Outcome::Conflicted { .. }) {
                    sparse::tidy(&session.repository)?;
                }
                output(&session.repository, outcome, dry)
            };
            if dry {
                session.with_refs(done)
            } else {
                session.with_head(done)
            }
        })
        .await;
    if !dry {
        ctx.changed_own("files", true);
    }
    done
}

/// Goes on with, skips a step of, or aborts what is under way.
pub(super) fn resume(
    work: &Work<'_>,
    kind: Kind,
    action: Action,
    message: Option<&str>,
) -> Result<Outcome, Error> {
    match action {
        Action::Skip => integrate::skip(work, kind),
        Action::Abort => integrate::abort(work, kind),
        Action::Start | Action::Continue => integrate::proceed(work, kind, message),
    }
}

/// Refuses arguments of `start` with another action, and `start` without the one that it needs.
pub(super) fn check(
    action: Action,
    field: &'static str,
    given: bool,
    dry: bool,
) -> Result<(), ToolError> {
    if action == Action::Start && !given {
        return Err(ToolError::invalid(field, "is required to start"));
    }
    if action != Action::Start && given {
        return Err(ToolError::invalid(
            field,
            "goes with action \"start\" only: what is under way knows it",
        ));
    }
    if action != Action::Start && dry {
        return Err(ToolError::invalid(
            "/dry_run",
            "goes with action \"start\" only",
        ));
    }
    Ok(())
}

fn output(repository: &git2::Repository, outcome: Outcome, dry_run: bool) -> Result<Output, Error> {
    let mut out = Output {
        status: Status::UpToDate,
        head: None,
        commits: Vec::new(),
        current: None,
        commits_left: None,
        conflicts: Vec::new(),
        conflict_count: None,
        dry_run,
    };
    match outcome {
        Outcome::UpToDate => out.head = repository.head()?.target().map(|id| id.to_string()),
        Outcome::FastForwarded { head } => {
            out.status = Status::FastForwarded;
            out.head = Some(head.to_string());
        }
        Outcome::Done { head, made } => {
            out.status = Status::Done;
            // The ids of a trial lead nowhere.
            if !dry_run {
                out.head = Some(head.to_string());
                out.commits = made
                    .iter()
                    .take(MAX_MADE)
                    .map(ToString::to_string)
                    .collect();
            }
        }
        Outcome::Aborted { head } => {
            out.status = Status::Aborted;
            out.head = Some(head.to_string());
        }
        Outcome::Conflicted {
            current,
            conflicts,
            left,
        } => {
            out.status = Status::Conflicted;
            out.current = Some(current.to_string());
            out.commits_left = Some(left);
            out.conflict_count = Some(conflicts.len());
            out.conflicts = items(repository, &conflicts)?;
        }
    }
    Ok(out)
}

/// The conflicts as they are shown, as many hunks as fit.
pub(super) fn items(
    repository: &git2::Repository,
    conflicts: &[Conflict],
) -> Result<Vec<Item>, Error> {
    let mut room = MOST_TEXT;
    let side = |side: &Option<merge::Side>| {
        side.as_ref().map(|side| Side {
            blob: side.id.to_string(),
            mode: format!("{:06o}", side.mode),
        })
    };
    let mut items = Vec::new();
    for conflict in conflicts.iter().take(MAX_LISTED) {
        let mut truncated = false;
        let mut hunks = Vec::new();
        let found = if room > 0 {
            merge::hunks(repository, conflict)?
        } else {
            Vec::new()
        };
        truncated |= room == 0;
        for hunk in found {
            let mut cut = |text: String| {
                let end = text.floor_char_boundary(MOST_SIDE.min(room));
                truncated |= end < text.len();
                room = room.saturating_sub(end);
                text.get(..end).unwrap_or_default().to_owned()
            };
            let shown = Hunk {
                line: hunk.line,
                base: cut(hunk.base),
                ours: cut(hunk.ours),
                theirs: cut(hunk.theirs),
            };
            room = room.saturating_sub(60);
            hunks.push(shown);
            if room == 0 {
                truncated = true;
                break;
            }
        }
        items.push(Item {
            path: conflict.path.clone(),
            kind: conflict.kind,
            base: side(&conflict.base),
            ours: side(&conflict.ours),
            theirs: side(&conflict.theirs),
            hunks,
            truncated,
        });
    }
    Ok(items)
}
