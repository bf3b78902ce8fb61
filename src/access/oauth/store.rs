//! The SQL of delegations: what clients got by whose token, and the codes and tokens that stand for it.

use crate::{
    base::clock::Millis,
    db::{Db, DbError, Tx},
    on_db, on_tx,
};

/// What there is to say of a code or a refresh token that nothing stands behind.
const UNKNOWN: &str =
    "it is unknown, or the service token behind it has ended: ask for consent again";

/// A delegation as stored; lists are JSON.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    pub id: String,
    pub token_id: String,
    pub client_id: String,
    pub client_name: String,
    pub place: String,
    pub projects: String,
    pub agents: String,
    pub scopes: String,
    pub created_ms: Millis,
    pub expires_ms: Millis,
    pub revoked_ms: Option<Millis>,
}

/// A code as stored.
#[derive(Clone, Debug)]
pub struct Code {
    pub hash: String,
    pub redirect_uri: String,
    pub challenge: String,
    pub expires_ms: Millis,
}

/// An access token as stored.
#[derive(Clone, Debug)]
pub struct Access {
    pub hash: String,
    pub scopes: String,
    pub expires_ms: Millis,
}

/// An access token with all that it stands on.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Found {
    #[sqlx(flatten)]
    pub delegation: Row,
    pub access_scopes: String,
    pub access_expires_ms: Millis,
    pub token_name: String,
    pub token_projects: String,
    pub token_agents: String,
    pub token_scopes: String,
    pub token_tools_allow: String,
    pub token_tools_deny: String,
    pub token_expires_ms: Option<Millis>,
    pub token_revoked_ms: Option<Millis>,
    pub token_last_used_ms: Option<Millis>,
}

/// What came of a code or a refresh token.
#[derive(Debug)]
pub enum Redeemed {
    /// Its tokens are stored.
    Issued(Row),
    /// It is none that this client may use.
    Refused(&'static str),
    /// It had been used before: nothing that came of it works any more.
    Replayed(Row),
}

/// What a delegation begins with.
#[derive(Debug)]
pub enum First {
    /// A code that its client has to fetch its tokens with.
    Code(Code),
    /// An access token.
    Access(Access),
}

pub async fn insert(db: &Db, row: Row, first: First) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let id = row.id.clone();
            let sql = "insert into oauth_delegation (id, token_id, client_id, client_name, place, projects, agents, scopes, \
                       created_ms, expires_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
            on_tx!(tx, c => sqlx::query(sql).bind(row.id).bind(row.token_id).bind(row.client_id).bind(row.client_name)
                .bind(row.place).bind(row.projects).bind(row.agents).bind(row.scopes).bind(row.created_ms).bind(row.expires_ms)
                .execute(&mut **c).await.map(|_| ()))?;
            let code = match first {
                First::Code(code) => code,
                First::Access(access) => return store_access(&mut tx, &id, access).await,
            };
            let sql = "insert into oauth_code (hash, delegation_id, redirect_uri, challenge, expires_ms) \
                       values ($1, $2, $3, $4, $5)";
            on_tx!(tx, c => sqlx::query(sql).bind(code.hash).bind(id).bind(code.redirect_uri).bind(code.challenge)
                .bind(code.expires_ms).execute(&mut **c).await.map(|_| ()))?;
            Ok(())
        })
    })
    .await
}

/// The access token `hash`, whatever became of it.
pub async fn by_access(db: &Db, hash: &str) -> Result<Option<Found>, DbError> {
    let sql = "select d.*, a.scopes as access_scopes, a.expires_ms as access_expires_ms, t.name as token_name, \
               t.projects as token_projects, t.agents as token_agents, t.scopes as token_scopes, \
               t.tools_allow as token_tools_allow, t.tools_deny as token_tools_deny, t.expires_ms as token_expires_ms, \
               t.revoked_ms as token_revoked_ms, t.last_used_ms as token_last_used_ms \
               from oauth_access a join oauth_delegation d on d.id = a.delegation_id join token t on t.id = d.token_id \
               where a.hash = $1";
    Ok(on_db!(db, pool => sqlx::query_as(sql).bind(hash).fetch_optional(pool).await)?)
}

/// Whether the delegation and the token behind it are neither ended nor gone.
pub async fn is_live(db: &Db, id: &str, now: Millis) -> Result<bool, DbError> {
    let sql = "select 1 from oauth_delegation d join token t on t.id = d.token_id where d.id = $1 and d.revoked_ms is null \
               and d.expires_ms > $2 and t.revoked_ms is null and (t.expires_ms is null or t.expires_ms > $2)";
    Ok(
        on_db!(db, pool => sqlx::query(sql).bind(id).bind(now).fetch_optional(pool).await.map(|row| row.is_some()))?,
    )
}

/// Tokens that a code or a refresh token is to be exchanged for.
#[derive(Debug)]
pub struct Exchange {
    /// What is given.
    pub hash: String,
    pub client_id: String,
    pub now: Millis,
    /// What is got.
    pub access: Access,
    pub refresh: String,
}

#[derive(sqlx::FromRow)]
struct StoredCode {
    delegation_id: String,
    redirect_uri: String,
    challenge: String,
    expires_ms: Millis,
}

/// Exchanges a code. `fits` is asked about the delegation, the redirect URI and the challenge, and names what is wrong.
pub async fn redeem(
    db: &Db,
    mut wanted: Exchange,
    fits: impl FnOnce(&Row, &str, &str) -> Option<&'static str> + Send + 'static,
) -> Result<Redeemed, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "select delegation_id, redirect_uri, challenge, expires_ms from oauth_code where hash = $1";
            let code: Option<StoredCode> = on_tx!(tx, c => sqlx::query_as(sql).bind(&wanted.hash)
                .fetch_optional(&mut **c).await)?;
            let Some(code) = code else {
                return Ok(Redeemed::Refused(UNKNOWN));
            };
            let Some(row) = delegation(&mut tx, &code.delegation_id, wanted.now).await? else {
                return Ok(Redeemed::Refused(UNKNOWN));
            };
            // A used code that comes again is a stolen one, whoever brings it.
            let sql = "select 1 from oauth_code where hash = $1 and used_ms is not null";
            if exists(&mut tx, sql, &wanted.hash).await? {
                return replayed(&mut tx, row, wanted.now).await;
            }
            if row.client_id != wanted.client_id {
                return Ok(Redeemed::Refused("the code was issued to another client"));
            }
            if let Some(problem) = fits(&row, &code.redirect_uri, &code.challenge) {
                return Ok(Redeemed::Refused(problem));
            }
            if code.expires_ms <= wanted.now || ended(&row, wanted.now) {
                return Ok(Redeemed::Refused("the code is expired"));
            }
            wanted.access.scopes.clone_from(&row.scopes);
            let sql = "update oauth_code set used_ms = $2 where hash = $1 and used_ms is null";
            if !changed(&mut tx, sql, &wanted.hash, wanted.now).await? {
                return replayed(&mut tx, row, wanted.now).await;
            }
            issue(tx, row, wanted).await
        })
    })
    .await
}

/// Exchanges a refresh token. `fits` is asked about the delegation, names what is wrong, or the scopes that the access token
/// is to have.
pub async fn refresh(
    db: &Db,
    mut wanted: Exchange,
    fits: impl FnOnce(&Row) -> Result<String, &'static str> + Send + 'static,
) -> Result<Redeemed, DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            let sql = "select delegation_id from oauth_refresh where hash = $1";
            let id: Option<String> = on_tx!(tx, c => sqlx::query_scalar(sql).bind(&wanted.hash)
                .fetch_optional(&mut **c).await)?;
            let row = match id {
                Some(id) => delegation(&mut tx, &id, wanted.now).await?,
                None => None,
            };
            let Some(row) = row else {
                return Ok(Redeemed::Refused(UNKNOWN));
            };
            let sql = "select 1 from oauth_refresh where hash = $1 and used_ms is not null";
            if exists(&mut tx, sql, &wanted.hash).await? {
                return replayed(&mut tx, row, wanted.now).await;
            }
            if row.client_id != wanted.client_id {
                return Ok(Redeemed::Refused(
                    "the refresh token was issued to another client",
                ));
            }
            if ended(&row, wanted.now) {
                return Ok(Redeemed::Refused("the consent has ended: ask for it again"));
            }
            match fits(&row) {
                Ok(scopes) => wanted.access.scopes = scopes,
                Err(problem) => return Ok(Redeemed::Refused(problem)),
            }
            let sql = "update oauth_refresh set used_ms = $2 where hash = $1 and used_ms is null";
            if !changed(&mut tx, sql, &wanted.hash, wanted.now).await? {
                return replayed(&mut tx, row, wanted.now).await;
            }
            issue(tx, row, wanted).await
        })
    })
    .await
}

/// The delegation that an access or refresh token stands for.
pub async fn by_any(db: &Db, hash: &str) -> Result<Option<Row>, DbError> {
    let sql = "select d.* from oauth_delegation d where d.id in (select delegation_id from oauth_access where hash = $1 \
               union select delegation_id from oauth_refresh where hash = $1)";
    Ok(on_db!(db, pool => sqlx::query_as(sql).bind(hash).fetch_optional(pool).await)?)
}

/// Delegations after the id `after` that have not ended, and whose service token has not.
pub async fn live(
    db: &Db,
    after: Option<&str>,
    limit: u32,
    now: Millis,
) -> Result<Vec<Row>, DbError> {
    let sql = "select d.* from oauth_delegation d join token t on t.id = d.token_id where d.id > $1 and d.revoked_ms is null \
               and d.expires_ms > $2 and t.revoked_ms is null and (t.expires_ms is null or t.expires_ms > $2) \
               order by d.id limit $3";
    Ok(
        on_db!(db, pool => sqlx::query_as(sql).bind(after.unwrap_or_default()).bind(now).bind(i64::from(limit))
            .fetch_all(pool).await)?,
    )
}

/// Ends a delegation. False when there is none that has not ended.
pub async fn revoke(db: &Db, id: String, now: Millis) -> Result<bool, DbError> {
    db.write(move |mut tx| Box::pin(async move { end(&mut tx, &id, now).await }))
        .await
}

/// Deletes what has been over for so long that nobody can be told of it any more.
pub async fn expire(db: &Db, now: Millis) -> Result<(), DbError> {
    db.write(move |mut tx| {
        Box::pin(async move {
            // A code and a refresh token stay as long as their delegation: used again, they must be known.
            for sql in [
                "delete from oauth_access where expires_ms <= $1",
                "delete from oauth_delegation where expires_ms <= $1",
            ] {
                on_tx!(tx, c => sqlx::query(sql).bind(now).execute(&mut **c).await.map(|_| ()))?;
            }
            Ok(())
        })
    })
    .await
}

fn ended(row: &Row, now: Millis) -> bool {
    row.revoked_ms.is_some() || row.expires_ms <= now
}

/// The delegation `id`, as long as the token behind it lives.
async fn delegation(tx: &mut Tx<'_>, id: &str, now: Millis) -> Result<Option<Row>, DbError> {
    let sql = "select d.* from oauth_delegation d join token t on t.id = d.token_id where d.id = $1 \
               and t.revoked_ms is null and (t.expires_ms is null or t.expires_ms > $2)";
    Ok(on_tx!(*tx, c => sqlx::query_as(sql).bind(id).bind(now).fetch_optional(&mut **c).await)?)
}

async fn exists(tx: &mut Tx<'_>, sql: &'static str, hash: &str) -> Result<bool, DbError> {
    Ok(
        on_tx!(*tx, c => sqlx::query(sql).bind(hash).fetch_optional(&mut **c).await.map(|row| row.is_some()))?,
    )
}

async fn changed(
    tx: &mut Tx<'_>,
    sql: &'static str,
    hash: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let rows = on_tx!(*tx, c => sqlx::query(sql).bind(hash).bind(now)
        .execute(&mut **c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

async fn replayed(tx: &mut Tx<'_>, row: Row, now: Millis) -> Result<Redeemed, DbError> {
    end(tx, &row.id, now).await?;
    Ok(Redeemed::Replayed(row))
}

async fn end(tx: &mut Tx<'_>, id: &str, now: Millis) -> Result<bool, DbError> {
    let sql = "update oauth_delegation set revoked_ms = $2 where id = $1 and revoked_ms is null and expires_ms > $2";
    changed(tx, sql, id, now).await
}

async fn issue(mut tx: Tx<'_>, row: Row, wanted: Exchange) -> Result<Redeemed, DbError> {
    store_access(&mut tx, &row.id, wanted.access).await?;
    let sql = "insert into oauth_refresh (hash, delegation_id) values ($1, $2)";
    on_tx!(tx, c => sqlx::query(sql).bind(wanted.refresh).bind(&row.id).execute(&mut **c).await.map(|_| ()))?;
    Ok(Redeemed::Issued(row))
}

async fn store_access(tx: &mut Tx<'_>, id: &str, access: Access) -> Result<(), DbError> {
    let sql = "insert into oauth_access (hash, delegation_id, scopes, expires_ms) values ($1, $2, $3, $4)";
    on_tx!(*tx, c => sqlx::query(sql).bind(access.hash).bind(id).bind(access.scopes).bind(access.expires_ms)
        .execute(&mut **c).await.map(|_| ()))?;
    Ok(())
}
