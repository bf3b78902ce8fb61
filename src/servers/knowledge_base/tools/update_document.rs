//! `update_document`: change what is known of a document, not its text.

use serde_json::{Map, Value};

use super::{Owner, no_document, readable, text};
use crate::{
    base::clock::rfc3339,
    servers::knowledge_base::{
        KnowledgeBase,
        ingest::request::kept,
        store::{Patch, Patched},
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct UpdateDocument;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// The document, from add_document, list_documents or a hit of search_knowledge.
    #[garde(length(chars, min = 1, max = 64))]
    pub document_id: String,
    /// What to call it.
    #[garde(length(chars, min = 1, max = 200))]
    pub title: Option<String>,
    /// The collection to put it in; an empty text takes it out of its collection.
    #[garde(length(chars, max = 100))]
    pub collection: Option<String>,
    /// What to keep with it instead of what was kept: a JSON object of at most 8,000 bytes. Its `tags`, a list of words,
    /// are what searches filter by.
    pub metadata: Option<Map<String, Value>>,
    /// Who it is for from now on. To global, and from it, needs the scope knowledge_base:admin.
    pub scope: Option<Owner>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The document.
    pub document_id: String,
    /// Its version: the text did not change.
    pub version: i64,
    /// What it is called.
    pub title: String,
    /// Who it is for.
    pub scope: Owner,
    /// The collection it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Whether anything is other than before.
    pub changed: bool,
    /// Send it as `min_seq` to search_knowledge to be sure that the search sees the change.
    pub seq: i64,
    /// When the document last changed (RFC 3339, UTC).
    pub updated_at: String,
}

impl Tool for UpdateDocument {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "update_document";
    const ABOUT: &'static str = "Change the title, collection, metadata or scope of a document of the knowledge base; fields \
        left out stay. For a new text use add_document with the document's external_id. Returns the document as it is now \
        and seq.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["title", "metadata"];
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([
            ("/document_id", Some(args.document_id.as_str())),
            ("/title", args.title.as_deref()),
            ("/collection", args.collection.as_deref()),
        ])?;
        let id = args.document_id;
        let found = server.store.document(&readable(ctx), &id).await?;
        let owner = Owner::of(&found.ok_or_else(|| no_document(&id))?);
        owner.may_write(ctx)?;
        if let Some(to) = args.scope {
            to.may_write(ctx)?;
        }
        let patch = Patch {
            title: args.title,
            collection: args
                .collection
                .map(|name| Some(name).filter(|name| !name.is_empty())),
            metadata: args
                .metadata
                .map(|metadata| kept(Some(metadata)))
                .transpose()?,
            realm: args.scope.map(|scope| scope.realm(ctx)),
        };
        let store = &server.store;
        let done = store
            .update(&owner.realm(ctx), &id, patch, ctx.now())
            .await?;
        let (row, changed) = match done {
            Patched::Done(row) => (row, true),
            Patched::Unchanged(row) => (row, false),
            Patched::Missing => return Err(no_document(&id)),
            Patched::Taken(other) => {
                return Err(ToolError::conflict(
                    "there is a document of this name or text in that scope already",
                )
                .hint(format!("delete one of the two: the other is {other}")));
            }
        };
        if changed {
            ctx.changed(format!("knowledge/{id}"));
            server.indexer.wake();
        }
        Ok(Output {
            document_id: id,
            version: row.version,
            scope: Owner::of(&row),
            title: row.title,
            collection: row.collection,
            changed,
            seq: row.seq,
            updated_at: rfc3339(row.updated_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, refused, team, titles};
    use serde_json::json;

    #[tokio::test]
    async fn what_is_known_changes_and_the_text_does_not() {
        let team = team().await;
        let added = add(&team, "leases expire", json!({"collection": "old"})).await;
        let id = &added["document_id"];
        let sent = json!({"document_id": id, "title": "Leases", "collection": "guides",
            "metadata": {"tags": ["queue", "ops"], "k": 1}});
        let done = team
            .call_json("update_document", sent.clone())
            .await
            .unwrap();
        assert_eq!(
            (&done["changed"], &done["version"], &done["collection"]),
            (&json!(true), &json!(1), &json!("guides"))
        );
        let search =
            json!({"query": "leases", "min_seq": done["seq"], "filters": {"collection": "guides"}});
        assert_eq!(titles(&team, search).await, ["Leases"]);
        let again = team.call_json("update_document", sent).await.unwrap();
        assert_eq!(
            (&again["changed"], &again["seq"]),
            (&json!(false), &done["seq"])
        );
        let out = json!({"document_id": id, "collection": ""});
        let done = team.call_json("update_document", out).await.unwrap();
        assert!(done.get("collection").is_none());
        let got = team
            .call_json("get_document", json!({"document_id": id}))
            .await
            .unwrap();
        assert_eq!(got["tags"], json!(["queue", "ops"]));
    }

    #[tokio::test]
    async fn a_scope_is_changed_with_admin_only_and_not_onto_another() {
        let team = team().await;
        let added = add(&team, "shared truth", json!({})).await;
        let to_global = json!({"document_id": added["document_id"], "scope": "global"});
        let writer = team.token(&["*"], &["*"], &["knowledge_base:write"]).await;
        let refusal = team
            .by(writer)
            .call_json("update_document", to_global.clone())
            .await;
        assert_eq!(refused(refusal).0, "forbidden");
        let done = team.call_json("update_document", to_global).await.unwrap();
        let eve = team.at("elsewhere", "eve");
        let search = json!({"query": "truth", "min_seq": done["seq"]});
        assert_eq!(titles(&eve, search).await, ["shared truth"]);
        add(&team, "shared truth", json!({})).await;
        let back = json!({"document_id": added["document_id"], "scope": "project"});
        let refusal = team.call_json("update_document", back).await;
        assert_eq!(refused(refusal).0, "conflict");
    }

    #[tokio::test]
    async fn foreign_documents_answer_like_none_and_bad_tags_are_named() {
        let team = team().await;
        let theirs = add(&team.at("elsewhere", "eve"), "theirs", json!({})).await;
        let id = theirs["document_id"].as_str().unwrap();
        let foreign = team
            .call_json("update_document", json!({"document_id": id, "title": "x"}))
            .await;
        let none = json!({"document_id": "doc_none", "title": "x"});
        let none = refused(team.call_json("update_document", none).await);
        assert_eq!(refused(foreign).1.replace(id, "doc_none"), none.1);
        let added = add(&team, "ours", json!({})).await;
        for tags in [json!("one"), json!([1]), json!([""])] {
            let sent = json!({"document_id": added["document_id"], "metadata": {"tags": tags}});
            let (code, message) = refused(team.call_json("update_document", sent).await);
            assert_eq!(code, "invalid_argument", "{message}");
        }
    }
}
