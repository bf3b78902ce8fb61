//! `export_knowledge`: documents with all their versions, to be kept or taken elsewhere.

use serde_json::Value;

use super::Owner;
use crate::{
    base::clock::rfc3339,
    servers::knowledge_base::{KnowledgeBase, model::Format, store::ExportRow},
    tool::prelude::*,
};

/// Marker of the tool.
pub struct ExportKnowledge;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Documents of the project, if left out, or the global ones.
    pub scope: Option<Owner>,
    /// Go on after an earlier page: its `next_cursor`, with the same scope.
    #[garde(length(max = 2048))]
    pub cursor: Option<String>,
    /// Most bytes of texts in one page; 40000 if left out. A longer text comes alone.
    #[garde(range(min = 1_000, max = 4_000_000))]
    pub max_bytes: Option<usize>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Versions of documents, each document's in their order: the last is the current one.
    pub items: Vec<Item>,
    /// For `cursor`, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One version of a document, with what is known of the document now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The document.
    pub document_id: String,
    /// The name it was added under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// What it is called.
    pub title: String,
    /// Where it can be found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The collection it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// How its text is read.
    pub format: Format,
    /// What was kept with it.
    pub metadata: Value,
    /// The version.
    pub version: i64,
    /// The version's text.
    pub text: String,
    /// Who made the version.
    pub created_by: String,
    /// When (RFC 3339, UTC).
    pub created_at: String,
    /// What makes it a memory, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
}

/// What makes a document a memory.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Memory {
    /// `fact`, `decision`, `preference`, `procedure` or `episode`.
    pub r#type: String,
    /// Where it is known from.
    pub provenance: Value,
    /// From when on it was true (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// Whether it is pinned.
    pub pinned: bool,
}

const MAX_BYTES: usize = 40_000;
/// Bytes of an item beside its text, at the least.
const ITEM: usize = 400;

impl Tool for ExportKnowledge {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "export_knowledge";
    const ABOUT: &'static str = "Read out all documents of the project, or the global ones, with every version's text, what is \
        kept with them, and what makes memories memories. For administrators: `syndarix knowledge export` writes them as \
        lines of JSON. To read one document use read_knowledge. Returns versions, and next_cursor when there are more.";
    const ACCESS: Access = Access::Admin;
    const HINTS: Hints = Hints::of(Access::Read);

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let realm = args.scope.unwrap_or(Owner::Project).realm(ctx);
        let binding = ("export_knowledge", realm.to_string());
        let decode = |cursor: String| paging::decode::<(String, i64)>(&binding, &cursor);
        let mut at = args.cursor.map(decode).transpose()?.unwrap_or_default();
        let mut room = args.max_bytes.unwrap_or(MAX_BYTES);
        let mut items = Vec::new();
        while let Some(row) = server.store.export_after(&realm, (&at.0, at.1)).await? {
            let size = ITEM + row.text.len() + row.metadata.len();
            if size > room && !items.is_empty() {
                let next_cursor = Some(paging::encode(&binding, &at));
                return Ok(Output { items, next_cursor });
            }
            room = room.saturating_sub(size);
            at = (row.id.clone(), row.version);
            items.push(item(row)?);
        }
        Ok(Output {
            items,
            next_cursor: None,
        })
    }
}

fn item(row: ExportRow) -> Result<Item, ToolError> {
    let json = |text: &str| serde_json::from_str::<Value>(text).map_err(ToolError::internal);
    let provenance = json(row.provenance.as_deref().unwrap_or("{}"))?;
    let (valid_from, valid_until) = (
        row.valid_from_ms.map(rfc3339),
        row.valid_until_ms.map(rfc3339),
    );
    let pinned = row.pinned == Some(1);
    Ok(Item {
        document_id: row.id,
        external_id: row.external_id,
        title: row.title,
        uri: row.uri,
        collection: row.collection,
        format: Format::from_word(&row.form),
        metadata: json(&row.metadata)?,
        version: row.version,
        text: row.text,
        created_by: row.created_by,
        created_at: rfc3339(row.created_ms),
        memory: row.memory_type.map(|r#type| Memory {
            r#type,
            provenance,
            valid_from,
            valid_until,
            pinned,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, team};
    use serde_json::json;

    #[tokio::test]
    async fn every_version_comes_out_page_by_page_of_its_own_scope() {
        let team = team().await;
        add(&team.at("elsewhere", "eve"), "not ours", json!({})).await;
        let named = |n: usize| json!({"external_id": format!("doc {n}"), "metadata": {"n": n}});
        for n in 0..3 {
            add(&team, &format!("first {n}"), named(n)).await;
            add(&team, &format!("second {n}"), named(n)).await;
        }
        let (mut seen, mut sent) = (Vec::new(), json!({"max_bytes": 1_000}));
        loop {
            let page = team
                .call_json("export_knowledge", sent.clone())
                .await
                .unwrap();
            for item in page["items"].as_array().unwrap() {
                let version = item["version"].as_i64().unwrap();
                seen.push((
                    item["external_id"].to_string(),
                    version,
                    item["text"].to_string(),
                ));
            }
            let Some(next) = page.get("next_cursor") else {
                break;
            };
            sent["cursor"] = next.clone();
        }
        let expected = |n: usize, version: i64, word: &str| {
            (format!("\"doc {n}\""), version, format!("\"{word} {n}\""))
        };
        let both = |n| [expected(n, 1, "first"), expected(n, 2, "second")];
        assert_eq!(seen, (0..3).flat_map(both).collect::<Vec<_>>());
    }
}
