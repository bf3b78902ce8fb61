//! Changes of what is known of a document, its text left as it is.

use super::{
    DocumentRow, KnowledgeStore,
    write::{announce, lock},
};
use crate::{
    base::clock::Millis, db::Tx, on_tx, servers::knowledge_base::model::Realm, tool::ToolError,
};

/// What to change; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    /// What to call it.
    pub title: Option<String>,
    /// The collection it lies in; `Some(None)` takes it out.
    pub collection: Option<Option<String>>,
    /// What the caller keeps with it, a JSON object, and the words to filter by that are in it.
    pub metadata: Option<(String, Vec<String>)>,
    /// Where it is visible.
    pub realm: Option<Realm>,
}

/// What came of it.
#[derive(Debug)]
pub enum Patched {
    /// It is so now.
    Done(DocumentRow),
    /// It was so already.
    Unchanged(DocumentRow),
    /// There is no such document.
    Missing,
    /// Where it should go there is a document of its name: this one.
    Taken(String),
}

impl KnowledgeStore {
    /// Changes a document that is visible in `realm`.
    pub async fn update(
        &self,
        realm: &Realm,
        id: &str,
        patch: Patch,
        now: Millis,
    ) -> Result<Patched, ToolError> {
        let (scope, id) = (realm.to_string(), id.to_owned());
        self.db
            .write(move |mut tx| {
                Box::pin(async move { update(&mut tx, &scope, &id, &patch, now).await })
            })
            .await
    }
}

async fn update(
    tx: &mut Tx<'_>,
    scope: &str,
    id: &str,
    patch: &Patch,
    now: Millis,
) -> Result<Patched, ToolError> {
    lock(tx).await?;
    let find = "select * from kb_document where id = $1 and scope = $2 and deleted_ms is null";
    let row: Option<DocumentRow> = on_tx!(*tx, c => sqlx::query_as(find).bind(id).bind(scope)
        .fetch_optional(&mut **c).await)?;
    let Some(old) = row else {
        return Ok(Patched::Missing);
    };
    let new = patched(&old, patch)?;
    if new == old {
        return Ok(Patched::Unchanged(old));
    }
    if new.scope != old.scope {
        let find = "select o.id from kb_document o join kb_document d on d.identity = o.identity \
                    where d.id = $1 and o.scope = $2 and o.deleted_ms is null";
        let taken: Option<String> = on_tx!(*tx, c => sqlx::query_scalar(find).bind(id).bind(&new.scope)
            .fetch_optional(&mut **c).await)?;
        if let Some(taken) = taken {
            return Ok(Patched::Taken(taken));
        }
        relocate(tx, id, &new.scope, patch.realm.as_ref()).await?;
    }
    let seq = announce(tx, &new.scope, id, "put", now).await?;
    let set = "update kb_document set title = $2, collection = $3, metadata = $4, tags = $5, seq = $6, updated_ms = $7 \
               where id = $1 returning *";
    let row = on_tx!(*tx, c => sqlx::query_as(set).bind(id).bind(&new.title).bind(new.collection.as_deref())
        .bind(&new.metadata).bind(&new.tags).bind(seq).bind(now).fetch_one(&mut **c).await)?;
    Ok(Patched::Done(row))
}

fn patched(old: &DocumentRow, patch: &Patch) -> Result<DocumentRow, ToolError> {
    let mut new = old.clone();
    if let Some(title) = &patch.title {
        new.title.clone_from(title);
    }
    if let Some(collection) = &patch.collection {
        new.collection.clone_from(collection);
    }
    if let Some((metadata, tags)) = &patch.metadata {
        new.metadata.clone_from(metadata);
        new.tags = serde_json::to_string(tags).map_err(ToolError::internal)?;
    }
    if let Some(realm) = &patch.realm {
        new.scope = realm.to_string();
    }
    Ok(new)
}

/// Every row of a document says where it is visible.
async fn relocate(
    tx: &mut Tx<'_>,
    id: &str,
    scope: &str,
    realm: Option<&Realm>,
) -> Result<(), ToolError> {
    let project = realm.and_then(Realm::project);
    for sql in [
        "update kb_document set scope = $2, project_id = $3 where id = $1",
        "update kb_memory set scope = $2, project_id = $3 where document_id = $1",
    ] {
        on_tx!(*tx, c => sqlx::query(sql).bind(id).bind(scope).bind(project).execute(&mut **c).await.map(|_| ()))?;
    }
    for sql in [
        "update kb_version set scope = $2 where document_id = $1",
        "update kb_chunk set scope = $2 where document_id = $1",
    ] {
        on_tx!(*tx, c => sqlx::query(sql).bind(id).bind(scope).execute(&mut **c).await.map(|_| ()))?;
    }
    Ok(())
}
