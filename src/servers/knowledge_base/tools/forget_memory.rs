//! `forget_memory`: make a memory disappear.

use super::{Owner, readable, text};
use crate::{
    servers::knowledge_base::{KnowledgeBase, model::Format},
    tool::prelude::*,
};

/// Marker of the tool.
pub struct ForgetMemory;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// The memory, from recall_memory or save_memory.
    #[garde(length(chars, min = 1, max = 64))]
    pub memory_id: String,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The memory that is gone.
    pub memory_id: String,
    /// The change's place in the index's order. The memory is not recalled from now on.
    pub seq: i64,
}

impl Tool for ForgetMemory {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "forget_memory";
    const ABOUT: &'static str = "Forget a memory that is wrong or of no use: it is not recalled any more. If there is \
        something truer to say, use save_memory with supersedes instead, which keeps what was believed before. To erase \
        its text from the disk too, use delete_document with purge. Returns memory_id and seq.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        irreversible: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([("/memory_id", Some(args.memory_id.as_str()))])?;
        let id = args.memory_id;
        let missing = || {
            ToolError::not_found("memory", &id)
                .hint("recall_memory shows those of this project and global ones")
        };
        let found = server.store.document(&readable(ctx), &id).await?;
        let row = found
            .filter(|row| row.form == Format::Memory.as_str())
            .ok_or_else(missing)?;
        let owner = Owner::of(&row);
        owner.may_write(ctx)?;
        let realm = owner.realm(ctx);
        let done = server.store.delete(&realm, &id, ctx.now()).await?;
        let seq = done.ok_or_else(missing)?;
        ctx.changed(format!("knowledge/{id}"));
        server.indexer.wake();
        Ok(Output { memory_id: id, seq })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn a_forgotten_memory_is_not_recalled_and_no_document_is_forgotten() {
        let team = team().await;
        let sent = json!({"text": "The staging database is shared.", "type": "fact"});
        let saved = team.call_json("save_memory", sent).await.unwrap();
        let id = json!({"memory_id": saved["memory_id"]});
        team.call_json("forget_memory", id.clone()).await.unwrap();
        let recalled = team
            .call_json("recall_memory", json!({"query": "staging"}))
            .await
            .unwrap();
        assert_eq!(recalled["memories"], json!([]));
        assert_eq!(
            refused(team.call_json("forget_memory", id).await).0,
            "not_found"
        );
        let document = add(&team, "a document", json!({})).await;
        let id = json!({"memory_id": document["document_id"]});
        assert_eq!(
            refused(team.call_json("forget_memory", id).await).0,
            "not_found"
        );
    }
}
