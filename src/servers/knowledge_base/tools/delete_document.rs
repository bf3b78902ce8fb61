//! `delete_document`: make a document disappear.

use super::{Owner, no_document, readable, text};
use crate::{servers::knowledge_base::KnowledgeBase, tool::prelude::*};

/// Marker of the tool.
pub struct DeleteDocument;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// The document, from add_document or a hit of search_knowledge.
    #[garde(length(chars, min = 1, max = 64))]
    pub document_id: String,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The document that is gone.
    pub document_id: String,
    /// The change's place in the index's order. No search shows the document from now on, whatever `min_seq` it sends.
    pub seq: i64,
}

impl Tool for DeleteDocument {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "delete_document";
    const ABOUT: &'static str = "Delete a document from the knowledge base: neither read_knowledge nor search_knowledge \
        shows it any more. To correct a document use add_document with its external_id instead. Returns its id and seq.";
    const HINTS: Hints = Hints {
        irreversible: true,
        ..Hints::of(Access::Write)
    };
    const ACCESS: Access = Access::Write;

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([("/document_id", Some(args.document_id.as_str()))])?;
        let id = args.document_id;
        let found = server.store.document(&readable(ctx), &id).await?;
        let owner = Owner::of(&found.ok_or_else(|| no_document(&id))?);
        owner.may_write(ctx)?;
        let seq = server
            .store
            .delete(&owner.realm(ctx), &id, ctx.now())
            .await?
            .ok_or_else(|| no_document(&id))?;
        ctx.changed(format!("knowledge/{id}"));
        server.indexer.wake();
        Ok(Output {
            document_id: id,
            seq,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, refused, team, titles};
    use serde_json::json;

    #[tokio::test]
    async fn a_deleted_document_shows_nowhere_at_once_and_can_come_back_new() {
        let team = team().await;
        let named = json!({"external_id": "a"});
        let added = add(&team, "gone tomorrow", named.clone()).await;
        let sent = json!({"document_id": added["document_id"]});
        team.call_json("delete_document", sent.clone())
            .await
            .unwrap();
        assert_eq!(titles(&team, json!({"query": "tomorrow"})).await, [""; 0]);
        assert_eq!(
            refused(team.call_json("get_document", sent.clone()).await).0,
            "not_found"
        );
        assert_eq!(
            refused(team.call_json("delete_document", sent).await).0,
            "not_found"
        );
        let back = add(&team, "gone tomorrow", named).await;
        assert_eq!(back["outcome"], "created");
        assert_ne!(back["document_id"], added["document_id"]);
        assert_eq!(titles(&team, json!({"query": "tomorrow"})).await.len(), 1);
    }

    #[tokio::test]
    async fn foreign_documents_answer_like_none_and_global_ones_need_admin() {
        let team = team().await;
        let theirs = add(&team.at("elsewhere", "eve"), "theirs", json!({})).await;
        let sent = json!({"document_id": theirs["document_id"]});
        let id = theirs["document_id"].as_str().unwrap();
        let foreign = refused(team.call_json("delete_document", sent).await);
        let none = refused(
            team.call_json("delete_document", json!({"document_id": "doc_none"}))
                .await,
        );
        assert_eq!(foreign.1.replace(id, "doc_none"), none.1);
        let shared = add(&team, "shared", json!({"scope": "global"})).await;
        let writer = team.token(&["*"], &["*"], &["knowledge_base:write"]).await;
        let sent = json!({"document_id": shared["document_id"]});
        assert_eq!(
            refused(
                team.by(writer)
                    .call_json("delete_document", sent.clone())
                    .await
            )
            .0,
            "forbidden"
        );
        team.call_json("delete_document", sent).await.unwrap();
    }
}
