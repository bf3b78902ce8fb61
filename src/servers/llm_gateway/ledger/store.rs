//! The SQL of budgets, their windows, and reservations in them.

use std::{collections::HashSet, sync::Arc};

use sqlx::QueryBuilder;

use super::{
    Need,
    budget::Budget,
    decide::{Amounts, Standing},
    judge::{Claim, Judgement, judge},
    period::Span,
};
use crate::{
    base::{clock::Millis, ids::ProjectId},
    db::{Db, DbError, Tx},
    on_db, on_tx,
};

/// A budget's window for one subject.
#[derive(Debug, Clone)]
pub struct Window {
    pub budget: Arc<str>,
    pub subject: String,
    pub span: Span,
    pub standing: Standing,
}

/// A reservation that is about to be made.
#[derive(Debug, Clone)]
pub struct Reservation {
    pub id: String,
    pub owner: String,
    pub hold: Amounts,
    pub expires_ms: Millis,
}

/// A row of sums: nano-dollars, tokens and requests of a window, and how many reservations they are of.
#[derive(Debug, sqlx::FromRow)]
struct Sums {
    budget: String,
    subject: String,
    start_ms: Millis,
    end_ms: Option<Millis>,
    nano_usd: i64,
    tokens: i64,
    requests: i64,
    count: i64,
}

impl Sums {
    fn amounts(&self) -> Amounts {
        Amounts {
            nano_usd: self.nano_usd,
            tokens: self.tokens,
            requests: self.requests,
        }
    }

    fn is_of(&self, budget: &str, subject: &str, start_ms: Millis) -> bool {
        self.budget == budget && self.subject == subject && self.start_ms == start_ms
    }
}

const WINDOWS: &str = "select budget, subject, start_ms, end_ms, spent_nano_usd as nano_usd, spent_tokens as tokens, \
                       spent_requests as requests, cast(0 as bigint) as count from llm_budget_window where ";
const HELD: &str = "select budget, subject, start_ms, cast(null as bigint) as end_ms, cast(sum(nano_usd) as bigint) as nano_usd, \
                    cast(sum(tokens) as bigint) as tokens, cast(sum(requests) as bigint) as requests, count(*) as count \
                    from llm_reservation where expires_ms > ";
const BY_WINDOW: &str = " group by budget, subject, start_ms";

/// What is spent in the windows that are not over.
pub async fn windows(db: &Db, now: Millis) -> Result<Vec<Window>, DbError> {
    let sql = format!("{WINDOWS} end_ms is null or end_ms > ");
    let rows: Vec<Sums> = on_db!(db, pool => QueryBuilder::new(sql).push_bind(now).build_query_as().fetch_all(pool).await)?;
    Ok(rows.into_iter().map(spent).collect())
}

/// What is spent and held in the windows that are not over.
pub async fn standings(db: &Db, now: Millis) -> Result<Vec<Window>, DbError> {
    let held: Vec<Sums> = on_db!(db, pool => QueryBuilder::new(HELD).push_bind(now).push(BY_WINDOW).build_query_as().fetch_all(pool).await)?;
    let mut windows = windows(db, now).await?;
    for window in &mut windows {
        let mut held = held.iter();
        if let Some(held) =
            held.find(|held| held.is_of(&window.budget, &window.subject, window.span.start))
        {
            window.standing.held = held.amounts();
            window.standing.in_flight = held.count;
        }
    }
    Ok(windows)
}

fn spent(row: Sums) -> Window {
    Window {
        span: Span {
            start: row.start_ms,
            end: row.end_ms,
        },
        standing: Standing {
            spent: row.amounts(),
            ..Standing::default()
        },
        budget: row.budget.into(),
        subject: row.subject,
    }
}

/// Judges a request by its windows, which stay locked until the reservation is there.
pub async fn reserve(
    db: &Db,
    new: Reservation,
    claims: Vec<Claim>,
    need: Need,
    now: Millis,
) -> Result<Judgement, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            make_windows(&mut tx, &claims).await?;
            let spent = sums(
                &mut tx,
                WINDOWS,
                None,
                &claims,
                " order by budget, subject, start_ms for update",
            )
            .await?;
            let held = sums(&mut tx, HELD, Some(now), &claims, BY_WINDOW).await?;
            let find = |rows: &[Sums], claim: &Claim| {
                let row = rows
                    .iter()
                    .find(|row| row.is_of(&claim.budget.id, &claim.subject, claim.span.start));
                row.map(|row| (row.amounts(), row.count))
                    .unwrap_or_default()
            };
            let standing = |claim: &Claim| {
                let ((spent, _), (held, in_flight)) = (find(&spent, claim), find(&held, claim));
                Standing {
                    spent,
                    held,
                    in_flight,
                }
            };
            let standings: Vec<Standing> = claims.iter().map(standing).collect();
            let judgement = judge(&claims, &standings, &need, now);
            if matches!(judgement, Judgement::Admit(_)) {
                insert(&mut tx, &new, &claims).await?;
            }
            Ok(judgement)
        })
    })
    .await
}

async fn make_windows(tx: &mut Tx<'_>, claims: &[Claim]) -> Result<(), DbError> {
    on_tx!(*tx, c => {
        let mut sql = QueryBuilder::new("insert into llm_budget_window (budget, subject, start_ms, end_ms) ");
        sql.push_values(claims, |mut row, claim| {
            row.push_bind(claim.budget.id.to_string()).push_bind(claim.subject.clone())
                .push_bind(claim.span.start).push_bind(claim.span.end);
        });
        sql.push(" on conflict do nothing");
        sql.build().execute(&mut **c).await.map(|_| ())
    })?;
    Ok(())
}

/// The rows of `select`, its open condition closed with `bound`, that are of the windows of `claims`.
async fn sums(
    tx: &mut Tx<'_>,
    select: &str,
    bound: Option<Millis>,
    claims: &[Claim],
    end: &str,
) -> Result<Vec<Sums>, DbError> {
    Ok(on_tx!(*tx, c => {
        let mut sql = QueryBuilder::new(select);
        if let Some(bound) = bound {
            sql.push_bind(bound).push(" and ");
        }
        sql.push("(budget, subject, start_ms) in ");
        sql.push_tuples(claims, |mut row, claim| {
            row.push_bind(claim.budget.id.to_string()).push_bind(claim.subject.clone()).push_bind(claim.span.start);
        });
        sql.push(end);
        sql.build_query_as().fetch_all(&mut **c).await
    })?)
}

async fn insert(tx: &mut Tx<'_>, new: &Reservation, claims: &[Claim]) -> Result<(), DbError> {
    on_tx!(*tx, c => {
        let mut sql = QueryBuilder::new(
            "insert into llm_reservation (id, owner, budget, subject, start_ms, nano_usd, tokens, requests, expires_ms) ");
        sql.push_values(claims, |mut row, claim| {
            row.push_bind(new.id.clone()).push_bind(new.owner.clone()).push_bind(claim.budget.id.to_string())
                .push_bind(claim.subject.clone()).push_bind(claim.span.start).push_bind(new.hold.nano_usd)
                .push_bind(new.hold.tokens).push_bind(new.hold.requests).push_bind(new.expires_ms);
        });
        sql.build().execute(&mut **c).await.map(|_| ())
    })?;
    Ok(())
}

/// Ends a reservation.
pub async fn release(db: &Db, id: &str) -> Result<(), DbError> {
    let id = id.to_owned();
    db.write(move |mut tx| {
        Box::pin(async move {
            on_tx!(tx, c => sqlx::query("delete from llm_reservation where id = $1").bind(id)
                .execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// Lets the reservations `ids` live until `expires_ms`, and removes those that are expired; answers with those that are there.
/// What another transaction is about to end is passed over: nobody waits for each other in a circle.
pub async fn renew(
    db: &Db,
    ids: Vec<String>,
    now: Millis,
    expires_ms: Millis,
) -> Result<HashSet<String>, DbError> {
    const KEY: &str = "(id, budget, subject, start_ms) in (select id, budget, subject, start_ms from llm_reservation where ";
    const PASS: &str = " for update skip locked)";
    db.write(move |mut tx| {
        Box::pin(async move {
            let mut there = HashSet::new();
            for ids in ids.chunks(1000) {
                let rows: Vec<(String,)> = on_tx!(tx, c => {
                    let mut sql = QueryBuilder::new("update llm_reservation set expires_ms = ");
                    sql.push_bind(expires_ms).push(" where ").push(KEY).push("id in ");
                    sql.push_tuples(ids, |mut row, id| { row.push_bind(id.clone()); });
                    sql.push(PASS).build().execute(&mut **c).await?;
                    let mut sql = QueryBuilder::new("select distinct id from llm_reservation where id in ");
                    sql.push_tuples(ids, |mut row, id| { row.push_bind(id.clone()); });
                    sql.build_query_as().fetch_all(&mut **c).await
                })?;
                there.extend(rows.into_iter().map(|(id,)| id));
            }
            on_tx!(tx, c => {
                let mut sql = QueryBuilder::new("delete from llm_reservation where ");
                sql.push(KEY).push("expires_ms <= ").push_bind(now).push(PASS);
                sql.build().execute(&mut **c).await.map(|_| ())
            })?;
            Ok(there)
        })
    })
    .await
}

/// The budgets that projects have set. One that cannot be read any more is left out, and said so.
pub async fn budgets(db: &Db) -> Result<Vec<Budget>, DbError> {
    let sql = "select id, config from llm_budget order by id";
    let rows: Vec<(String, String)> =
        on_db!(db, pool => sqlx::query_as(sql).fetch_all(pool).await)?;
    let read = |(id, config): (String, String)| {
        let config = serde_json::from_str(&config).map_err(|error| error.to_string());
        let budget = config.and_then(|config| {
            Budget::new(&id, config).map_err(|(field, why)| format!("{field}: {why}"))
        });
        budget
            .inspect_err(|error| tracing::error!(id, error, "a stored budget does not hold"))
            .ok()
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Stores a project's budget. One of the same name keeps its id, and with it what is spent.
pub async fn put_budget(
    db: &Db,
    project: &ProjectId,
    budget: Budget,
    now: Millis,
) -> Result<(), DbError> {
    let (project, config) = (
        project.to_string(),
        serde_json::to_string(&budget.config).unwrap_or_default(),
    );
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "insert into llm_budget (id, project_id, name, config, updated_ms) values ($1, $2, $3, $4, $5) \
                       on conflict (project_id, name) do update set config = excluded.config, updated_ms = excluded.updated_ms";
            on_tx!(tx, c => sqlx::query(sql).bind(budget.id.to_string()).bind(project).bind(budget.config.name).bind(config)
                .bind(now).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// Removes a project's budget; false if there is none of the name.
pub async fn delete_budget(db: &Db, project: &ProjectId, name: &str) -> Result<bool, DbError> {
    let (project, name) = (project.to_string(), name.to_owned());
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "delete from llm_budget where project_id = $1 and name = $2";
            let rows = on_tx!(tx, c => sqlx::query(sql).bind(project).bind(name)
                .execute(&mut **c).await.map(|done| done.rows_affected()))?;
            Ok(rows == 1)
        })
    })
    .await
}
