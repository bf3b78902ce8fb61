//! Reviews of pull requests.

use super::{GitStore, RepoKey, strange};
use crate::{
    base::{clock::Millis, ids::new_id},
    on_db, on_tx,
    servers::git::model::Verdict,
    tool::ToolError,
};

/// A review to add.
#[derive(Debug, Clone)]
pub struct NewReview {
    /// The pull request.
    pub number: i64,
    /// Who reviewed.
    pub agent: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// Markdown.
    pub body: String,
    /// The source's commit that was looked at.
    pub head: String,
    /// What it says of lines.
    pub remarks: Vec<Remark>,
}

/// What a review says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The file.
    pub path: String,
    /// The line in it, counted from 1.
    pub line: Option<i64>,
    /// Markdown.
    pub body: String,
}

/// A review's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ReviewRow {
    /// Its id.
    pub id: String,
    /// Who reviewed.
    pub agent: String,
    verdict: String,
    /// Markdown.
    pub body: String,
    /// The source's commit that was looked at.
    pub head: String,
    /// When, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
}

impl ReviewRow {
    /// What it comes to.
    pub fn verdict(&self) -> Result<Verdict, ToolError> {
        Verdict::from_word(&self.verdict)
            .ok_or_else(|| strange("git_review.verdict", &self.verdict))
    }
}

/// A remark's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CommentRow {
    /// The review that it is part of.
    pub review_id: String,
    /// The file.
    pub path: String,
    /// The line in it.
    pub line: Option<i64>,
    /// Markdown.
    pub body: String,
}

impl GitStore {
    /// Adds a review of a pull request that is there; its id.
    pub async fn add_review(
        &self,
        key: &RepoKey,
        new: NewReview,
        now: Millis,
    ) -> Result<String, ToolError> {
        let key = key.clone();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let id = new_id("rev");
                    let (project, repo) = (key.project.as_str(), key.repo.as_str());
                    let sql = "insert into git_review (id, project_id, repo, number, agent, verdict, body, head, created_ms) \
                               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
                    on_tx!(tx, c => sqlx::query(sql).bind(&id).bind(project).bind(repo).bind(new.number).bind(&new.agent)
                        .bind(new.verdict.as_str()).bind(&new.body).bind(&new.head).bind(now).execute(&mut **c).await.map(|_| ()))?;
                    for remark in &new.remarks {
                        let sql = "insert into git_review_comment (id, review_id, path, line, body) values ($1, $2, $3, $4, $5)";
                        on_tx!(tx, c => sqlx::query(sql).bind(new_id("rc")).bind(&id).bind(&remark.path).bind(remark.line)
                            .bind(&remark.body).execute(&mut **c).await.map(|_| ()))?;
                    }
                    let sql = "update git_pull_request set version = version + 1, updated_ms = $4 \
                               where project_id = $1 and repo = $2 and number = $3";
                    on_tx!(tx, c => sqlx::query(sql).bind(project).bind(repo).bind(new.number).bind(now)
                        .execute(&mut **c).await.map(|_| ()))?;
                    Ok::<_, ToolError>(id)
                })
            })
            .await
    }

    /// A pull request's reviews, oldest first.
    pub async fn reviews(&self, key: &RepoKey, number: i64) -> Result<Vec<ReviewRow>, ToolError> {
        let sql = "select id, agent, verdict, body, head, created_ms from git_review \
                   where project_id = $1 and repo = $2 and number = $3 order by id";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(key.project.as_str()).bind(key.repo.as_str()).bind(number)
            .fetch_all(pool).await)?,
        )
    }

    /// What the reviews of a pull request say of lines.
    pub async fn remarks(&self, key: &RepoKey, number: i64) -> Result<Vec<CommentRow>, ToolError> {
        let sql = "select c.review_id, c.path, c.line, c.body from git_review r join git_review_comment c on c.review_id = r.id \
                   where r.project_id = $1 and r.repo = $2 and r.number = $3 order by r.id, c.id";
        Ok(
            on_db!(&self.db, pool => sqlx::query_as(sql).bind(key.project.as_str()).bind(key.repo.as_str()).bind(number)
            .fetch_all(pool).await)?,
        )
    }
}
