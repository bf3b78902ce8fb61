//! Changes of documents: rows and outbox in one transaction.

use std::ops::Range;

use super::put::put;
use crate::{
    base::clock::Millis,
    db::Tx,
    on_tx,
    servers::knowledge_base::{
        model::{Added, NewDocument, Realm},
        store::KnowledgeStore,
    },
    tool::ToolError,
};

impl KnowledgeStore {
    /// Adds a document, or a version of the one with its identity. The same content again changes nothing.
    pub async fn add(
        &self,
        new: NewDocument,
        agent: &str,
        now: Millis,
    ) -> Result<Added, ToolError> {
        let agent = agent.to_owned();
        self.db
            .write(move |mut tx| Box::pin(async move { add(&mut tx, new, &agent, now).await }))
            .await
    }

    /// Deletes a document that is visible in `realm`: it answers nowhere any more, at once. `None` when there is none.
    /// The outbox entry after which the index has forgotten it.
    pub async fn delete(
        &self,
        realm: &Realm,
        id: &str,
        now: Millis,
    ) -> Result<Option<i64>, ToolError> {
        self.delete_in(&realm.to_string(), id, now).await
    }

    /// The same, where the document's scope is known as it is stored.
    pub async fn delete_in(
        &self,
        scope: &str,
        id: &str,
        now: Millis,
    ) -> Result<Option<i64>, ToolError> {
        let (scope, id) = (scope.to_owned(), id.to_owned());
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    lock(&mut tx).await?;
                    delete(&mut tx, &scope, &id, now).await
                })
            })
            .await
    }
}

/// Adds one document after the other, in this transaction.
pub(super) async fn add_all(
    tx: &mut Tx<'_>,
    new: &[NewDocument],
    agent: &str,
    now: Millis,
) -> Result<Vec<Added>, ToolError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    lock(tx).await?;
    put(tx, new, agent, now).await
}

/// Adds one document, in this transaction.
pub(super) async fn add(
    tx: &mut Tx<'_>,
    new: NewDocument,
    agent: &str,
    now: Millis,
) -> Result<Added, ToolError> {
    let added = add_all(tx, &[new], agent, now).await?.pop();
    added.ok_or_else(|| ToolError::internal("nothing was added"))
}

/// Deletes a document, after [`lock`].
pub(super) async fn delete(
    tx: &mut Tx<'_>,
    scope: &str,
    id: &str,
    now: Millis,
) -> Result<Option<i64>, ToolError> {
    let sql = "update kb_document set deleted_ms = $3, updated_ms = $3 \
               where id = $1 and scope = $2 and deleted_ms is null";
    let rows = on_tx!(*tx, c => sqlx::query(sql).bind(id).bind(scope).bind(now).execute(&mut **c).await
        .map(|done| done.rows_affected()))?;
    if rows == 0 {
        return Ok(None);
    }
    announce(tx, scope, id, "delete", now).await.map(Some)
}

/// Makes writers wait for one another until they commit, so that a number's order is the commit's order and identities
/// do not race. On SQLite there is one writer anyway.
pub(super) async fn lock(tx: &mut Tx<'_>) -> Result<(), ToolError> {
    let sql = "update kb_counter set value = value where name = 'seq'";
    Ok(on_tx!(*tx, c => sqlx::query(sql).execute(&mut **c).await.map(|_| ()))?)
}

/// Writes the outbox entry of a change and answers its number.
pub(super) async fn announce(
    tx: &mut Tx<'_>,
    scope: &str,
    document: &str,
    op: &str,
    now: Millis,
) -> Result<i64, ToolError> {
    let seq = numbers(tx, 1).await?.start;
    let sql = "insert into kb_outbox (seq, scope, document_id, op, created_ms) values ($1, $2, $3, $4, $5)";
    on_tx!(*tx, c => sqlx::query(sql).bind(seq).bind(scope).bind(document).bind(op).bind(now)
        .execute(&mut **c).await.map(|_| ()))?;
    Ok(seq)
}

/// Takes the next `count` numbers of the outbox.
pub(super) async fn numbers(tx: &mut Tx<'_>, count: usize) -> Result<Range<i64>, ToolError> {
    let count = count as i64;
    let sql = "update kb_counter set value = value + $1 where name = 'seq' returning value";
    let last: i64 =
        on_tx!(*tx, c => sqlx::query_scalar(sql).bind(count).fetch_one(&mut **c).await)?;
    Ok(last - count + 1..last + 1)
}
