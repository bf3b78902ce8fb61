//! `list_documents`: what there is to find.

use super::{Owner, readable, text};
use crate::{
    base::clock::rfc3339,
    servers::knowledge_base::{KnowledgeBase, model::Format, store::DocumentsFilter},
    tool::prelude::*,
};

/// Marker of the tool.
pub struct ListDocuments;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Only documents of the project, or only the global ones; both if left out.
    pub scope: Option<Owner>,
    /// Only documents of this collection.
    #[garde(length(chars, min = 1, max = 100))]
    pub collection: Option<String>,
    /// Only documents with this text in title, external id or uri, in any case.
    #[garde(length(chars, min = 1, max = 200))]
    pub text: Option<String>,
    /// Go on after an earlier page: its `next_cursor`, with all other arguments the same.
    #[garde(length(max = 2048))]
    pub cursor: Option<String>,
    /// Most documents to return; 50 if left out.
    #[garde(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The documents, newest first.
    pub items: Vec<Item>,
    /// For `cursor`, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A document in short.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The document.
    pub document_id: String,
    /// What it is called.
    pub title: String,
    /// Its current version.
    pub version: i64,
    /// Who it is for.
    pub scope: Owner,
    /// How its text is read.
    pub format: Format,
    /// The name it was added under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Where it can be found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The collection it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Bytes of its text.
    pub bytes: i64,
    /// When it last changed (RFC 3339, UTC).
    pub updated_at: String,
}

const LIMIT: u32 = 50;
/// Bytes of items in one answer: a page of long names ends before its limit.
const MAX_BYTES: usize = 40_000;
/// Bytes of an item beside its texts.
const ITEM: usize = 240;

impl Tool for ListDocuments {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "list_documents";
    const ABOUT: &'static str = "List the documents of the knowledge base that this project can read, newest first, filtered \
        by scope, collection and name. Use search_knowledge to find what documents say, and read_knowledge to read one. \
        Returns documents without their text, and next_cursor when there are more.";
    const ACCESS: Access = Access::Read;
    const CONTENT: &'static [&'static str] = &["text"];

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([
            ("/collection", args.collection.as_deref()),
            ("/text", args.text.as_deref()),
        ])?;
        let filter = DocumentsFilter {
            collection: args.collection,
            text: args.text,
        };
        let binding = ("list_documents", ctx.project(), args.scope, &filter);
        let before = args
            .cursor
            .map(|cursor| paging::decode::<String>(&binding, &cursor))
            .transpose()?;
        let realms = match args.scope {
            None => readable(ctx),
            Some(owner) => [owner.realm(ctx), owner.realm(ctx)],
        };
        let limit = args.limit.unwrap_or(LIMIT);
        let mut rows = server
            .store
            .documents(&realms, &filter, before.as_deref(), limit + 1)
            .await?;
        let mut more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let mut room = MAX_BYTES;
        let fit = rows.iter().take_while(|row| {
            let names = [&row.external_id, &row.uri, &row.collection].into_iter();
            let size = ITEM + row.title.len() + names.flatten().map(String::len).sum::<usize>();
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        });
        let fit = fit.count().max(1);
        more |= fit < rows.len();
        rows.truncate(fit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|last| paging::encode(&binding, &last.id));
        let items = rows.into_iter().map(|row| Item {
            scope: Owner::of(&row),
            format: Format::from_word(&row.form),
            document_id: row.id,
            title: row.title,
            version: row.version,
            external_id: row.external_id,
            uri: row.uri,
            collection: row.collection,
            bytes: row.bytes,
            updated_at: rfc3339(row.updated_ms),
        });
        Ok(Output {
            items: items.collect(),
            next_cursor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn a_project_lists_its_own_and_the_global_documents() {
        let team = team().await;
        for (title, more) in [
            ("Alpha", json!({"collection": "notes"})),
            ("Beta 100%", json!({"external_id": "docs/beta.md"})),
            ("Gamma", json!({"scope": "global"})),
        ] {
            let mut sent = more;
            sent["title"] = title.into();
            add(&team, &format!("about {title}"), sent).await;
        }
        let titles = async |team: &crate::test::Team, sent| -> Vec<String> {
            let page = team.call_json("list_documents", sent).await.unwrap();
            let items = page["items"].as_array().unwrap();
            items
                .iter()
                .map(|i| i["title"].as_str().unwrap().to_owned())
                .collect()
        };
        let all = ["Gamma", "Beta 100%", "Alpha"];
        assert_eq!(titles(&team, json!({})).await, all);
        assert_eq!(
            titles(&team, json!({"collection": "notes"})).await,
            ["Alpha"]
        );
        assert_eq!(titles(&team, json!({"text": "DOCS/"})).await, ["Beta 100%"]);
        assert_eq!(titles(&team, json!({"text": "0%"})).await, ["Beta 100%"]);
        assert_eq!(titles(&team, json!({"scope": "global"})).await, ["Gamma"]);
        let eve = team.at("elsewhere", "eve");
        assert_eq!(titles(&eve, json!({})).await, ["Gamma"]);
        let page = team
            .call_json("list_documents", json!({"limit": 2}))
            .await
            .unwrap();
        let next = json!({"limit": 2, "cursor": page["next_cursor"]});
        assert_eq!(titles(&team, next.clone()).await, ["Alpha"]);
        assert_eq!(
            refused(eve.call_json("list_documents", next).await).0,
            "invalid_argument"
        );
    }
}
