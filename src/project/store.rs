//! The SQL of projects, agents and members.

use super::{Named, Scope};
use crate::{
    base::{clock::Millis, ids::ProjectId},
    db::{Db, DbError},
    on_db, on_tx,
};

/// Projects and agents are rows of one shape in two tables.
#[derive(Clone, Copy)]
pub enum Table {
    Project,
    Agent,
}

pub async fn create(
    db: &Db,
    table: Table,
    id: &str,
    name: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let (id, name) = (id.to_owned(), name.to_owned());
    let sql = match table {
        Table::Project => {
            "insert into project (id, name, created_ms) values ($1, $2, $3) on conflict (id) do nothing"
        }
        Table::Agent => {
            "insert into agent (id, name, created_ms) values ($1, $2, $3) on conflict (id) do nothing"
        }
    };
    db.write(move |mut tx| {
        Box::pin(async move {
            let made = on_tx!(tx, c => sqlx::query(sql).bind(id).bind(name).bind(now)
                .execute(&mut **c).await.map(|done| done.rows_affected()))?;
            Ok(made == 1)
        })
    })
    .await
}

pub async fn list(
    db: &Db,
    table: Table,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Named>, DbError> {
    let sql = match table {
        Table::Project => {
            "select id, name, created_ms from project where id > $1 order by id limit $2"
        }
        Table::Agent => "select id, name, created_ms from agent where id > $1 order by id limit $2",
    };
    Ok(
        on_db!(db, pool => sqlx::query_as(sql).bind(after.unwrap_or_default()).bind(i64::from(limit))
        .fetch_all(pool).await)?,
    )
}

pub async fn project(db: &Db, id: &ProjectId) -> Result<Option<Named>, DbError> {
    let sql = "select id, name, created_ms from project where id = $1";
    Ok(on_db!(db, pool => sqlx::query_as(sql).bind(id.as_str()).fetch_optional(pool).await)?)
}

pub async fn members(
    db: &Db,
    project: &ProjectId,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Named>, DbError> {
    let sql = "select a.id, a.name, m.created_ms from member m join agent a on a.id = m.agent_id \
               where m.project_id = $1 and a.id > $2 order by a.id limit $3";
    Ok(
        on_db!(db, pool => sqlx::query_as(sql).bind(project.as_str()).bind(after.unwrap_or_default())
        .bind(i64::from(limit)).fetch_all(pool).await)?,
    )
}

pub async fn is_member(db: &Db, scope: &Scope) -> Result<bool, DbError> {
    let sql = "select 1 from member where project_id = $1 and agent_id = $2";
    Ok(
        on_db!(db, pool => sqlx::query(sql).bind(scope.project.as_str()).bind(scope.agent.as_str())
        .fetch_optional(pool).await.map(|row| row.is_some()))?,
    )
}

pub async fn add_member(db: &Db, scope: &Scope, now: Millis) -> Result<bool, DbError> {
    let scope = scope.clone();
    db.write(move |mut tx| {
        Box::pin(async move {
            // Adding twice is no error, so the rows are made to count in both cases.
            let sql = "insert into member (project_id, agent_id, created_ms) \
                       select p.id, a.id, $3 from project p, agent a where p.id = $1 and a.id = $2 \
                       on conflict (project_id, agent_id) do update set created_ms = member.created_ms";
            let rows = on_tx!(tx, c => sqlx::query(sql).bind(scope.project.as_str()).bind(scope.agent.as_str())
                .bind(now).execute(&mut **c).await.map(|done| done.rows_affected()))?;
            Ok(rows == 1)
        })
    })
    .await
}

pub async fn remove_member(db: &Db, scope: &Scope) -> Result<bool, DbError> {
    let scope = scope.clone();
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "delete from member where project_id = $1 and agent_id = $2";
            let rows = on_tx!(tx, c => sqlx::query(sql).bind(scope.project.as_str()).bind(scope.agent.as_str())
                .execute(&mut **c).await.map(|done| done.rows_affected()))?;
            Ok(rows == 1)
        })
    })
    .await
}
