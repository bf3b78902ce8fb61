//! Claims. Taking one is a single conditional statement: nothing is read before it, so nothing can come between.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    base::clock::{Millis, rfc3339},
    db::{Db, DbError, Tx},
    on_tx,
    project::Scope,
    servers::issues::{
        engine::{change::Change, token},
        model::{Claimed, Fields, Kind, Once, State},
        store::{
            IssueRow, IssueStore, once,
            tx::{Author, no_issue, record},
        },
    },
    tool::ToolError,
};

/// What to claim.
#[derive(Debug, Clone)]
pub enum Target {
    /// This issue.
    Number(i64),
    /// The most urgent issue that nobody holds, oldest first.
    Next {
        /// Of this type only.
        kind: Option<Kind>,
        /// With this label only.
        label: Option<String>,
    },
}

/// A claim to take.
#[derive(Debug, Clone)]
pub struct NewClaim {
    /// What to claim.
    pub target: Target,
    /// How long it lasts, in milliseconds.
    pub lease_ms: i64,
    /// Makes a repeated call answer again.
    pub once: Option<Once>,
}

/// What is kept of an answer: the token is derived again from `nonce` and the caller's key.
#[derive(Serialize, Deserialize)]
struct Kept {
    number: i64,
    version: i64,
    fields: Fields,
    epoch: i64,
    expires_ms: i64,
    nonce: String,
}

const TOOL: &str = "claim_issue";
/// A PostgreSQL claimer that lost its candidate to another between looking and taking tries again, this often.
const ATTEMPTS: usize = 4;

/// The statement: `$wanted` picks the issue, `$lock` keeps others from picking it too where several transactions run.
/// Closed issues are never claimable, a live claim never lost; the epoch grows with every change of hands.
macro_rules! claim_sql {
    ($wanted:expr, $lock:literal) => {
        concat!(
            "insert into issue_claim (issue_id, project_id, agent_id, epoch, token_hash, claimed_ms, expires_ms, held) \
             select i.id, i.project_id, $2, 1, $3, $4, $5, true from issue i where i.project_id = $1 and ",
            $wanted,
            $lock,
            " on conflict (issue_id) do update set agent_id = excluded.agent_id, epoch = issue_claim.epoch + 1, \
             token_hash = excluded.token_hash, claimed_ms = excluded.claimed_ms, expires_ms = excluded.expires_ms, held = true \
             where issue_claim.expires_ms <= excluded.claimed_ms returning issue_id, epoch"
        )
    };
}

/// What both sorts of ready issue must meet: free for this agent, of the type and label asked for.
macro_rules! suits {
    () => {
        "(i.assignees = '[]' or exists (select 1 from issue_assignee a where a.issue_id = i.id and a.agent_id = $2)) \
         and ($6 = '' or i.type = $6) \
         and ($7 = '' or exists (select 1 from issue_label l where l.issue_id = i.id and l.label = $7)) \
         order by i.priority, i.number limit 1"
    };
}

/// SQLite has one writer and knows no row locks. Its planner would sort all ready issues to find the first, so the first
/// open and the first abandoned one are each looked up by index, and the better of the two is taken.
const NEXT_SQLITE: &str = claim_sql!(
    concat!(
        "i.id = (select id from ( \
           select * from (select i.id, i.priority, i.number from issue i where i.project_id = $1 and i.state = 'open' \
             and not exists (select 1 from issue_claim h where h.issue_id = i.id and h.expires_ms > $4) and ",
        suits!(),
        ") union all \
           select * from (select i.id, i.priority, i.number from issue_claim h join issue i on i.id = h.issue_id \
             where h.project_id = $1 and h.held and h.expires_ms <= $4 and i.state = 'in_progress' and ",
        suits!(),
        ")) order by priority, number limit 1)"
    ),
    ""
);

/// On PostgreSQL the locks make every claimer pass over what another one is taking.
const NEXT_POSTGRES: &str = claim_sql!(
    concat!(
        "i.id = (with opened as (select i.id, i.priority, i.number from issue i where i.project_id = $1 \
             and i.state = 'open' \
             and not exists (select 1 from issue_claim h where h.issue_id = i.id and h.expires_ms > $4) and ",
        suits!(),
        " for update of i skip locked), abandoned as (select i.id, i.priority, i.number from issue_claim h \
             join issue i on i.id = h.issue_id where h.project_id = $1 and h.held and h.expires_ms <= $4 \
             and i.state = 'in_progress' and ",
        suits!(),
        " for update of i skip locked) \
         select id from (select * from opened union all select * from abandoned) ready \
         order by priority, number limit 1)"
    ),
    ""
);

const ONE_SQLITE: &str = claim_sql!("i.number = $6 and i.state in ('open', 'in_progress')", "");
const ONE_POSTGRES: &str = claim_sql!(
    "i.number = $6 and i.state in ('open', 'in_progress')",
    " for update of i"
);

/// Why there is no claim.
enum Lost {
    /// Nothing is ready.
    Nothing,
    Failed(ToolError),
}

impl From<ToolError> for Lost {
    fn from(error: ToolError) -> Self {
        Self::Failed(error)
    }
}

impl From<DbError> for Lost {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<sqlx::Error> for Lost {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl IssueStore {
    /// Takes a claim and sets the issue in progress.
    ///
    /// # Errors
    /// `conflict` when it is held or closed, `not_found` when there is no such issue or nothing is ready.
    pub async fn claim(
        &self,
        scope: &Scope,
        new: NewClaim,
        now: Millis,
    ) -> Result<Claimed, ToolError> {
        let attempts = match &self.db {
            Db::Sqlite(_) => 1,
            Db::Postgres(_) => ATTEMPTS,
        };
        for _ in 0..attempts {
            let (scope, new) = (scope.clone(), new.clone());
            match self
                .db
                .write(move |mut tx| {
                    Box::pin(async move { claim(&mut tx, &scope, new, now).await })
                })
                .await
            {
                Ok(claimed) => return Ok(claimed),
                Err(Lost::Failed(error)) => return Err(error),
                Err(Lost::Nothing) => {}
            }
        }
        Err(
            ToolError::new(crate::tool::Code::NotFound, "no issue is ready to claim").hint(
                "list_issues with state open shows what there is; another call later may find one",
            ),
        )
    }
}

async fn claim(
    tx: &mut Tx<'_>,
    scope: &Scope,
    new: NewClaim,
    now: Millis,
) -> Result<Claimed, Lost> {
    let once = new.once.as_ref();
    if let Some(answer) = once::begin(tx, scope, TOOL, once, now).await? {
        let kept: Kept = serde_json::from_str(&answer).map_err(ToolError::internal)?;
        let key = once.map_or("", |once| once.key.as_str());
        return Ok(kept.claimed(key));
    }
    let nonce = token::random().map_err(ToolError::internal)?;
    let key = once.map_or("", |once| once.key.as_str());
    let claim_token = token::derive(&nonce, key);
    let taken = take(tx, scope, &new, &token::hash(&claim_token), now).await?;
    let Some((issue_id, epoch)) = taken else {
        return Err(match new.target {
            Target::Number(number) => refusal(tx, scope, number, now).await?.into(),
            Target::Next { .. } => Lost::Nothing,
        });
    };
    let sql = "update issue set version = version + 1, updated_ms = $2 where id = $1 returning *";
    let row: IssueRow =
        on_tx!(*tx, c => sqlx::query_as(sql).bind(&issue_id).bind(now).fetch_one(&mut **c).await)?;
    let mut fields = row.fields()?;
    let mut changes = vec![Change {
        field: "claim",
        old: None,
        new: Some(scope.agent.to_string()),
    }];
    if fields.state != State::InProgress {
        let sql = "update issue set state = $2 where id = $1";
        on_tx!(*tx, c => sqlx::query(sql).bind(&issue_id).bind(State::InProgress.as_str()).execute(&mut **c).await
            .map(|_| ()))?;
        changes.push(Change {
            field: "state",
            old: Some(fields.state.as_str().into()),
            new: Some(State::InProgress.as_str().into()),
        });
        fields.state = State::InProgress;
    }
    record(
        tx,
        &Author { scope, now },
        (&issue_id, row.number),
        &changes,
    )
    .await?;
    let kept = Kept {
        number: row.number,
        version: row.version,
        fields,
        epoch,
        expires_ms: now + new.lease_ms,
        nonce,
    };
    let answer = serde_json::to_string(&kept).map_err(ToolError::internal)?;
    once::finish(tx, scope, TOOL, once, &answer).await?;
    Ok(kept.claimed(key))
}

impl Kept {
    fn claimed(self, key: &str) -> Claimed {
        Claimed {
            number: self.number,
            version: self.version,
            fields: self.fields,
            token: token::derive(&self.nonce, key),
            epoch: self.epoch,
            expires_ms: self.expires_ms,
        }
    }
}

/// Runs the one statement: the claimed issue's id and the new epoch, or nothing.
async fn take(
    tx: &mut Tx<'_>,
    scope: &Scope,
    new: &NewClaim,
    token_hash: &str,
    now: Millis,
) -> Result<Option<(String, i64)>, sqlx::Error> {
    let (project, agent) = (scope.project.as_str(), scope.agent.as_str());
    let expires = now + new.lease_ms;
    match &new.target {
        Target::Number(number) => {
            let sql = match tx {
                Tx::Sqlite(_) => ONE_SQLITE,
                Tx::Postgres(_) => ONE_POSTGRES,
            };
            on_tx!(*tx, c => sqlx::query_as(sql).bind(project).bind(agent).bind(token_hash).bind(now).bind(expires)
                .bind(*number).fetch_optional(&mut **c).await)
        }
        // In progress counts as ready once its lease has ended; without any claim somebody works on it by agreement.
        Target::Next { kind, label } => {
            let sql = match tx {
                Tx::Sqlite(_) => NEXT_SQLITE,
                Tx::Postgres(_) => NEXT_POSTGRES,
            };
            on_tx!(*tx, c => sqlx::query_as(sql).bind(project).bind(agent).bind(token_hash).bind(now).bind(expires)
                .bind(kind.map_or("", Kind::as_str)).bind(label.as_deref().unwrap_or_default())
                .fetch_optional(&mut **c).await)
        }
    }
}

/// Why an issue could not be claimed, found out after the fact.
async fn refusal(
    tx: &mut Tx<'_>,
    scope: &Scope,
    number: i64,
    now: Millis,
) -> Result<ToolError, sqlx::Error> {
    let sql = "select i.state, c.agent_id, c.epoch, c.expires_ms from issue i \
               left join issue_claim c on c.issue_id = i.id and c.expires_ms > $3 \
               where i.project_id = $1 and i.number = $2";
    type Held = (String, Option<String>, Option<i64>, Option<i64>);
    let found: Option<Held> = on_tx!(*tx, c => sqlx::query_as(sql).bind(scope.project.as_str()).bind(number).bind(now)
        .fetch_optional(&mut **c).await)?;
    Ok(match found {
        None => no_issue(number),
        Some((_, Some(agent), Some(epoch), Some(expires))) => {
            let until = rfc3339(expires);
            ToolError::conflict(format!(
                "issue {number} is claimed by {agent} until {until}"
            ))
            .hint("claim another one, or this one once that lease has ended")
            .details(json!({ "claimed_by": agent, "epoch": epoch, "expires_at": until }))
        }
        Some((state, ..)) => ToolError::conflict(format!("issue {number} is {state}"))
            .hint("set its state to open with update_issue before claiming it"),
    })
}
