//! Pull requests where repository and database meet: what one needs for its merge, and merges that a crash cut in two.

use git2::{Oid, Repository};

use super::{
    Git,
    engine::{self, pull},
    fault,
    model::{CheckState, PullState, Rule, Verdict},
    store::{PullRow, RepoKey, ReviewRow, StatusRow},
};
use crate::{project::workspace::DEFAULT_REPO, tool::prelude::*};

/// The repository that a call means.
pub fn key(ctx: &Ctx, repo: Option<RepoName>) -> Result<RepoKey, ToolError> {
    let repo = repo.map_or_else(|| RepoName::new(DEFAULT_REPO), Ok);
    Ok(RepoKey {
        project: ctx.project().clone(),
        repo: repo.map_err(|error| ToolError::invalid("/repo", error.to_string()))?,
    })
}

/// All that a merge needs, or lacks.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Readiness {
    /// Whether merge_pull_request would do it now.
    pub ready: bool,
    /// What is missing, each with the next step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Paths that conflict with the target branch, the first 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
}

/// Most conflicting paths that are listed.
const MAX_CONFLICTS: usize = 50;

impl Git {
    /// Runs `work` on the bare repository of `key`.
    pub(super) async fn look_bare<R: Send + 'static>(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
        work: impl FnOnce(&Repository, &Stop) -> Result<R, engine::Error> + Send + 'static,
    ) -> Result<R, ToolError> {
        let (workspaces, key) = (self.workspaces.clone(), key.clone());
        ctx.blocking(move |stop| {
            let opened = workspaces.bare_repository(&key.project, &key.repo);
            let repository = opened.map_err(|error| fault::of(error.into()))?;
            work(&repository, stop).map_err(fault::of)
        })
        .await
    }

    /// Runs `work` on the bare repository of `key` as the only one that changes its refs.
    pub(super) async fn change_bare<R: Send + 'static>(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
        work: impl FnOnce(&Repository) -> Result<R, engine::Error> + Send + 'static,
    ) -> Result<R, ToolError> {
        let (workspaces, own) = (self.workspaces.clone(), key.clone());
        self.look_bare(ctx, key, move |repository, _| {
            let _short = workspaces.lock_repository(&own.project, &own.repo);
            work(repository)
        })
        .await
    }

    /// The pull request `number`. A merge that a crash cut in two is ended first, as the target branch says.
    pub(super) async fn pull(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
        number: i64,
    ) -> Result<PullRow, ToolError> {
        let row = self.store.pull(key, number).await?;
        let row = row.ok_or_else(|| no_pull(number))?;
        let Some(landing) = row.landing.clone() else {
            return Ok(row);
        };
        let target = row.target.clone();
        // Under the repository's lock: a merge that is under way has moved the branch before it is let go, or has not begun.
        let landed = self
            .change_bare(ctx, key, move |repository| {
                pull::is_on(repository, &target, Oid::from_str(&landing)?)
            })
            .await?;
        let ended = self
            .store
            .end_landing(key, number, landed, ctx.now())
            .await?;
        match ended {
            Some(row) => Ok(row),
            None => self
                .store
                .pull(key, number)
                .await?
                .ok_or_else(|| no_pull(number)),
        }
    }

    /// The rule that `branch` is protected by: of all whose pattern it matches, the most of each. `None` where none does.
    pub(super) async fn rule(
        &self,
        key: &RepoKey,
        branch: &str,
    ) -> Result<Option<Rule>, ToolError> {
        let rules = self.store.rules(key).await?.into_iter();
        Ok(rules
            .filter(|rule| rule.covers(branch))
            .reduce(|mut all, rule| {
                all.approvals = all.approvals.max(rule.approvals);
                all.checks.extend(rule.checks);
                all.checks.sort();
                all.checks.dedup();
                all
            }))
    }

    /// Whether the pull request can be merged at `ends`, and if not, why.
    pub(super) async fn readiness(
        &self,
        key: &RepoKey,
        row: &PullRow,
        ends: &pull::Ends,
        conflicts: Vec<String>,
    ) -> Result<Readiness, ToolError> {
        let head = ends.head.to_string();
        let rule = self.rule(key, &row.target).await?;
        let reviews = self.store.reviews(key, row.number).await?;
        let statuses = self.store.statuses(key, &head).await?;
        let mut missing = Vec::new();
        if row.state()? != PullState::Open {
            missing.push("it is not open".to_owned());
        }
        if row.draft {
            missing.push(
                "it is a draft: update_pull_request with draft false when it is ready".to_owned(),
            );
        }
        if ends.ahead == 0 {
            missing.push("the source has no commit that the target has not".to_owned());
        }
        missing.extend(lacking(row, rule.as_ref(), &head, &reviews, &statuses)?);
        if !conflicts.is_empty() {
            missing.push(format!(
                "it conflicts with {}: merge {0} into {} in a worktree, resolve and commit",
                row.target, row.source
            ));
        }
        Ok(Readiness {
            ready: missing.is_empty(),
            missing,
            conflicts: conflicts.into_iter().take(MAX_CONFLICTS).collect(),
        })
    }
}

/// What reviews and checks lack. Of each reviewer the last verdict counts, and an approval for the commit that it was given to.
fn lacking(
    row: &PullRow,
    rule: Option<&Rule>,
    head: &str,
    reviews: &[ReviewRow],
    statuses: &[StatusRow],
) -> Result<Vec<String>, ToolError> {
    let mut last: Vec<(&str, Verdict, &str)> = Vec::new();
    for review in reviews {
        let verdict = review.verdict()?;
        if verdict != Verdict::Comment {
            last.retain(|(agent, ..)| *agent != review.agent);
            last.push((&review.agent, verdict, &review.head));
        }
    }
    let mut missing = Vec::new();
    for (agent, verdict, _) in &last {
        if *verdict == Verdict::RequestChanges {
            missing.push(format!(
                "{agent} asked for changes: it needs their approval"
            ));
        }
    }
    let Some(rule) = rule else {
        return Ok(missing);
    };
    let approvals = last.iter().filter(|(agent, verdict, at)| {
        *verdict == Verdict::Approve && *at == head && *agent != row.author
    });
    let approvals = approvals.count();
    if approvals < rule.approvals as usize {
        missing.push(format!(
            "{approvals} of {} approvals of its last commit: another agent gives one with review_pull_request",
            rule.approvals
        ));
    }
    for check in &rule.checks {
        let status = statuses.iter().find(|status| status.context == *check);
        let state = status.map(StatusRow::state).transpose()?;
        if state != Some(CheckState::Success) {
            let word = state.map_or("missing", CheckState::as_str);
            missing.push(format!("the check {check:?} is {word} for {head}"));
        }
    }
    Ok(missing)
}

fn no_pull(number: i64) -> ToolError {
    ToolError::not_found("pull request", number.to_string())
        .hint("list_pull_requests shows those there are")
}
