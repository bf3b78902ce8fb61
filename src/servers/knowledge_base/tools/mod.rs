//! The tools, and what several of them share.

pub mod add_document;
pub mod add_documents;
pub mod delete_document;
mod document;
pub mod export_knowledge;
mod filters;
pub mod forget_memory;
pub mod get_context;
pub mod get_document;
pub mod get_knowledge_job;
mod job;
pub mod knowledge_stats;
pub mod list_documents;
mod memory;
pub mod read_knowledge;
pub mod recall_memory;
pub mod reindex_knowledge;
pub mod save_memory;
pub mod search_knowledge;
pub mod sync_source;
pub mod update_document;
pub mod verify_knowledge;

use crate::{
    access::grant::Allow,
    servers::knowledge_base::{model::Realm, store::DocumentRow},
    tool::prelude::*,
};

/// Who a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Owner {
    /// This project alone.
    Project,
    /// Every project. Writing it needs the scope knowledge_base:admin.
    Global,
}

impl Owner {
    fn of(document: &DocumentRow) -> Self {
        if document.scope == Realm::Global.to_string() {
            Self::Global
        } else {
            Self::Project
        }
    }

    fn realm(self, ctx: &Ctx) -> Realm {
        match self {
            Self::Global => Realm::Global,
            Self::Project => Realm::Project(ctx.project().clone()),
        }
    }

    /// Refuses to write what is everybody's without the access for it.
    fn may_write(self, ctx: &Ctx) -> Result<(), ToolError> {
        if self == Self::Project || ctx.may(ServerId::KnowledgeBase, Access::Admin) {
            return Ok(());
        }
        Err(
            ToolError::forbidden("global documents belong to every project")
                .hint("use scope project, or ask for a token with knowledge_base:admin"),
        )
    }
}

/// Refuses whoever may not see every project: what is asked of all of them at once tells of each.
fn everywhere(ctx: &Ctx) -> Result<(), ToolError> {
    if ctx.principal().grant.projects == Allow::All {
        return Ok(());
    }
    Err(ToolError::forbidden(
        "this looks at all projects: ask for a token that covers all projects",
    ))
}

/// Refuses a NUL character: PostgreSQL stores none, and no text needs one.
fn text<'a>(fields: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Result<(), ToolError> {
    for (pointer, value) in fields {
        if value.is_some_and(|value| value.contains('\0')) {
            return Err(ToolError::invalid(
                pointer,
                "must be text: it holds a NUL character",
            ));
        }
    }
    Ok(())
}

/// Everything that the caller may read.
fn readable(ctx: &Ctx) -> [Realm; 2] {
    [Owner::Project.realm(ctx), Owner::Global.realm(ctx)]
}

fn no_document(id: &str) -> ToolError {
    ToolError::not_found("document", id)
        .hint("search_knowledge finds documents of this project and global ones")
}

#[cfg(test)]
pub mod tests {
    use serde_json::{Value, json};

    use crate::{
        base::clock::Clock,
        servers::knowledge_base::{Config, KnowledgeBase},
        test::Team,
        tool::ToolError,
    };

    /// A team with a knowledge base.
    pub async fn team() -> Team {
        team_at(Clock::default()).await
    }

    /// The same, where it is the time of `clock`.
    pub async fn team_at(clock: Clock) -> Team {
        crate::test::team_at(clock, async |builder, host| {
            builder.mount(KnowledgeBase::open(Config::default(), host).await.unwrap())
        })
        .await
    }

    /// Adds a text and answers what the tool did.
    pub async fn add(team: &Team, text: &str, more: Value) -> Value {
        let mut sent = json!({"source": {"text": text}, "wait_ms": 5000});
        for (key, value) in more.as_object().unwrap() {
            sent[key] = value.clone();
        }
        team.call_json("add_document", sent).await.unwrap()
    }

    /// Titles of what a search finds: by words, unless it says otherwise. By meaning everything is like everything a little.
    pub async fn titles(team: &Team, mut sent: Value) -> Vec<String> {
        if sent.get("mode").is_none() {
            sent["mode"] = "lexical".into();
        }
        let found = team.call_json("search_knowledge", sent).await.unwrap();
        let hits = found["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["title"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The error of a call that was refused: its code and message.
    pub fn refused(result: Result<Value, ToolError>) -> (&'static str, String) {
        let error = result.unwrap_err();
        (error.code.as_str(), error.message)
    }
}
