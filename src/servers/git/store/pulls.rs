//! Pull requests.

use serde::Serialize;

use super::{GitStore, RepoKey, strange};
use crate::{
    base::clock::Millis,
    db::{Tx, like},
    on_db, on_tx,
    servers::git::model::{Method, PullState},
    tool::ToolError,
};

/// A pull request to open.
#[derive(Debug, Clone)]
pub struct NewPull {
    /// What it does, in a line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Whether it is not ready for its merge.
    pub draft: bool,
    /// The branch with the changes.
    pub source: String,
    /// The branch that they are for.
    pub target: String,
    /// Who opens it.
    pub author: String,
}

/// A pull request's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PullRow {
    /// Number within the repository.
    pub number: i64,
    /// What it does, in a line.
    pub title: String,
    /// Markdown.
    pub body: String,
    state: String,
    /// Whether it is not ready for its merge.
    pub draft: bool,
    /// The branch with the changes.
    pub source: String,
    /// The branch that they are for.
    pub target: String,
    /// Who opened it.
    pub author: String,
    /// The commit that a merge was about to put on the target.
    pub landing: Option<String>,
    /// The commit that its merge put on the target.
    pub merge_commit: Option<String>,
    merge_method: Option<String>,
    /// Who merged it.
    pub merged_by: Option<String>,
    /// The source's last commit, of one that is not open.
    pub head: Option<String>,
    /// The target's last commit before the merge, of one that is not open.
    pub base: Option<String>,
    /// Grows with every change.
    pub version: i64,
    /// When it was opened, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// When it last changed.
    pub updated_ms: Millis,
    /// When it was merged or closed.
    pub closed_ms: Option<Millis>,
}

impl PullRow {
    /// Where it stands.
    pub fn state(&self) -> Result<PullState, ToolError> {
        PullState::from_word(&self.state)
            .ok_or_else(|| strange("git_pull_request.state", &self.state))
    }

    /// How it was merged, or is about to be.
    pub fn method(&self) -> Result<Option<Method>, ToolError> {
        let method = |word: &String| {
            Method::from_word(word).ok_or_else(|| strange("git_pull_request.merge_method", word))
        };
        self.merge_method.as_ref().map(method).transpose()
    }
}

/// Which pull requests.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PullFilter {
    /// In this state only.
    pub state: Option<&'static str>,
    /// Opened by this agent only.
    pub author: Option<String>,
    /// With changes of this branch only.
    pub source: Option<String>,
    /// For this branch only.
    pub target: Option<String>,
    /// With this text in the title only.
    pub text: Option<String>,
}

/// Fields to set.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    /// The title.
    pub title: Option<String>,
    /// The body.
    pub body: Option<String>,
    /// Whether it is a draft.
    pub draft: Option<bool>,
    /// The target branch.
    pub target: Option<String>,
    /// Closing it, or opening it again.
    pub state: Option<PullState>,
    /// Both ends, for one that is closed.
    pub ends: Option<(String, String)>,
}

/// How a pull request ends.
#[derive(Debug, Clone)]
pub struct Close {
    /// The commit on the target.
    pub merge_commit: String,
    /// Who merged it.
    pub merged_by: String,
    /// How.
    pub method: Method,
    /// The source's last commit.
    pub head: String,
    /// The target's last commit before.
    pub base: String,
}

const COLUMNS: &str = "number, title, body, state, draft, source, target, author, landing, merge_commit, merge_method, merged_by, \
                       head, base, version, created_ms, updated_ms, closed_ms";

impl GitStore {
    /// Opens a pull request; the open one there is for the same branches instead, if there is one.
    pub async fn open_pull(
        &self,
        key: &RepoKey,
        new: NewPull,
        now: Millis,
    ) -> Result<Result<PullRow, i64>, ToolError> {
        let key = key.clone();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let (project, repo) = (key.project.as_str(), key.repo.as_str());
                    // The counter's row is the lock: two of the same branches cannot be opened at once.
                    let sql = "insert into git_counter (project_id, repo, value) values ($1, $2, 1) \
                               on conflict (project_id, repo) do update set value = git_counter.value + 1 returning value";
                    let number: i64 = on_tx!(tx, c => sqlx::query_scalar(sql).bind(project).bind(repo).fetch_one(&mut **c).await)?;
                    let sql = "select number from git_pull_request where project_id = $1 and repo = $2 and source = $3 \
                               and target = $4 and state = 'open'";
                    let open: Option<i64> = on_tx!(tx, c => sqlx::query_scalar(sql).bind(project).bind(repo).bind(&new.source)
                        .bind(&new.target).fetch_optional(&mut **c).await)?;
                    if let Some(open) = open {
                        let sql = "update git_counter set value = value - 1 where project_id = $1 and repo = $2";
                        on_tx!(tx, c => sqlx::query(sql).bind(project).bind(repo).execute(&mut **c).await.map(|_| ()))?;
                        return Ok(Err(open));
                    }
                    let sql = format!(
                        "insert into git_pull_request (project_id, repo, number, title, body, state, draft, source, target, author, \
                         version, created_ms, updated_ms) values ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, 1, $10, $10) \
                         returning {COLUMNS}"
                    );
                    let sql = sqlx::AssertSqlSafe(sql);
                    Ok::<_, ToolError>(Ok(on_tx!(tx, c => sqlx::query_as(sql).bind(project).bind(repo).bind(number).bind(&new.title)
                        .bind(&new.body).bind(new.draft).bind(&new.source).bind(&new.target).bind(&new.author).bind(now)
                        .fetch_one(&mut **c).await)?))
                })
            })
            .await
    }

    /// A pull request, if there is one of this number.
    pub async fn pull(&self, key: &RepoKey, number: i64) -> Result<Option<PullRow>, ToolError> {
        let sql = format!(
            "select {COLUMNS} from git_pull_request where project_id = $1 and repo = $2 and number = $3"
        );
        let sql = sqlx::AssertSqlSafe(sql);
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(key.project.as_str()).bind(key.repo.as_str()).bind(number)
            .fetch_optional(pool).await)?,
        )
    }

    /// Pull requests, those that changed last first, after the one that changed at `after`.
    pub async fn pulls(
        &self,
        key: &RepoKey,
        filter: &PullFilter,
        after: Option<(Millis, i64)>,
        limit: i64,
    ) -> Result<Vec<PullRow>, ToolError> {
        let sql = format!(
            "select {COLUMNS} from git_pull_request where project_id = $1 and repo = $2 and ($3 = '' or state = $3) \
             and ($4 = '' or author = $4) and ($5 = '' or source = $5) and ($6 = '' or target = $6) \
             and ($7 = '' or lower(title) like lower($7) escape '\\') \
             and (updated_ms < $8 or updated_ms = $8 and number < $9) order by updated_ms desc, number desc limit $10"
        );
        let sql = sqlx::AssertSqlSafe(sql);
        let (at, number) = after.unwrap_or((Millis::MAX, i64::MAX));
        let text = filter.text.as_deref().map_or(String::new(), like);
        let word = |word: &Option<String>| word.clone().unwrap_or_default();
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(key.project.as_str()).bind(key.repo.as_str())
            .bind(filter.state.unwrap_or_default()).bind(word(&filter.author)).bind(word(&filter.source))
            .bind(word(&filter.target)).bind(text).bind(at).bind(number).bind(limit).fetch_all(pool).await)?,
        )
    }

    /// Changes fields of a pull request that is not merged, if it still has `version`. `None` when it has not.
    pub async fn patch_pull(
        &self,
        key: &RepoKey,
        (number, version): (i64, i64),
        patch: Patch,
        now: Millis,
    ) -> Result<Option<PullRow>, ToolError> {
        let key = key.clone();
        let sql = format!(
            "update git_pull_request set title = coalesce($5, title), body = coalesce($6, body), draft = coalesce($7, draft), \
             target = coalesce($8, target), state = coalesce($9, state), \
             closed_ms = case when $9 = 'closed' then $12 when $9 = 'open' then null else closed_ms end, \
             head = case when $9 = 'closed' then $10 when $9 = 'open' then null else head end, \
             base = case when $9 = 'closed' then $11 when $9 = 'open' then null else base end, \
             version = version + 1, updated_ms = $12 \
             where project_id = $1 and repo = $2 and number = $3 and version = $4 and state <> 'merged' returning {COLUMNS}"
        );
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let sql = sqlx::AssertSqlSafe(sql);
                    let (head, base) = patch.ends.unzip();
                    Ok::<_, ToolError>(on_tx!(tx, c => sqlx::query_as(sql).bind(key.project.as_str()).bind(key.repo.as_str())
                        .bind(number).bind(version).bind(patch.title).bind(patch.body).bind(patch.draft).bind(patch.target)
                        .bind(patch.state.map(PullState::as_str)).bind(head).bind(base).bind(now)
                        .fetch_optional(&mut **c).await)?)
                })
            })
            .await
    }

    /// Notes what a merge is about to put on the target, if the pull request is open and still has `version`.
    pub async fn begin_landing(
        &self,
        key: &RepoKey,
        (number, version): (i64, i64),
        close: Close,
    ) -> Result<bool, ToolError> {
        let key = key.clone();
        let sql = "update git_pull_request set landing = $5, merge_method = $6, merged_by = $7, head = $8, base = $9, \
                   version = version + 1 where project_id = $1 and repo = $2 and number = $3 and version = $4 and state = 'open'";
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let rows = on_tx!(tx, c => sqlx::query(sql).bind(key.project.as_str()).bind(key.repo.as_str()).bind(number)
                        .bind(version).bind(&close.merge_commit).bind(close.method.as_str()).bind(&close.merged_by)
                        .bind(&close.head).bind(&close.base).execute(&mut **c).await.map(|done| done.rows_affected()))?;
                    Ok::<_, ToolError>(rows == 1)
                })
            })
            .await
    }

    /// Ends a merge that was begun: the pull request is merged if its commit is on the target (`landed`), and open if not.
    pub async fn end_landing(
        &self,
        key: &RepoKey,
        number: i64,
        landed: bool,
        now: Millis,
    ) -> Result<Option<PullRow>, ToolError> {
        let key = key.clone();
        self.db
            .write(move |mut tx| {
                Box::pin(async move { end_landing(&mut tx, &key, number, landed, now).await })
            })
            .await
    }
}

async fn end_landing(
    tx: &mut Tx<'_>,
    key: &RepoKey,
    number: i64,
    landed: bool,
    now: Millis,
) -> Result<Option<PullRow>, ToolError> {
    let set = if landed {
        "state = 'merged', merge_commit = landing, landing = null, draft = false, closed_ms = $4, updated_ms = $4"
    } else {
        "landing = null, merge_method = null, merged_by = null, head = null, base = null, updated_ms = $4"
    };
    let sql = format!(
        "update git_pull_request set {set}, version = version + 1 where project_id = $1 and repo = $2 and number = $3 \
         and landing is not null returning {COLUMNS}"
    );
    let sql = sqlx::AssertSqlSafe(sql);
    Ok(
        on_tx!(*tx, c => sqlx::query_as(sql).bind(key.project.as_str()).bind(key.repo.as_str()).bind(number).bind(now)
        .fetch_optional(&mut **c).await)?,
    )
}
