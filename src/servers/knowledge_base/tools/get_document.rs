//! `get_document`: what a document is, its versions and its outline.

use serde_json::Value;

use super::{Owner, no_document, readable, text};
use crate::{
    base::clock::rfc3339,
    servers::knowledge_base::{
        KnowledgeBase,
        model::Format,
        store::{ChunkRow, VersionRow},
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct GetDocument;

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
    /// The document.
    pub document_id: String,
    /// Its current version.
    pub version: i64,
    /// What it is called.
    pub title: String,
    /// Who it is for.
    pub scope: Owner,
    /// How its text is read.
    pub format: Format,
    /// The programming language of a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The name it was added under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Where it can be found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Where it stands in its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The source that sync_source brought it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The collection it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Words to filter by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What was kept with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Agent that added it.
    pub created_by: String,
    /// When it was added (RFC 3339, UTC).
    pub created_at: String,
    /// When it last changed (RFC 3339, UTC).
    pub updated_at: String,
    /// Bytes of its current text: read them with read_knowledge.
    pub bytes: i64,
    /// Chunks of its current version.
    pub chunks: i64,
    /// Its versions, newest first, at most 20.
    pub versions: Vec<Version>,
    /// The sections of the current version in their order, at most 100: where each starts.
    pub outline: Vec<Section>,
}

/// A version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Version {
    /// Its number, for read_knowledge.
    pub version: i64,
    /// Agent that wrote it.
    pub written_by: String,
    /// When it was written (RFC 3339, UTC).
    pub written_at: String,
}

/// A section.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Section {
    /// Its headings, outermost first, or the item of a program.
    pub heading_path: Vec<String>,
    /// Its first byte, for `range` of read_knowledge.
    pub from: i64,
}

const VERSIONS: i64 = 20;
const SECTIONS: usize = 100;
/// Chunks that are looked at for the outline.
const CHUNKS: i64 = 1_000;

impl Tool for GetDocument {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "get_document";
    const ABOUT: &'static str = "Show what is known of a document of the knowledge base: title, origin, collection, metadata, \
        its versions and its outline (where each section starts). Read its text with read_knowledge; find documents with \
        search_knowledge or list_documents.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([("/document_id", Some(args.document_id.as_str()))])?;
        let id = &args.document_id;
        let row = server.store.document(&readable(ctx), id).await?;
        let row = row.ok_or_else(|| no_document(id))?;
        let versions = server.store.versions(id, VERSIONS).await?;
        let chunks = server.store.chunks(id, row.version, 0, CHUNKS).await?;
        let metadata: Value = serde_json::from_str(&row.metadata).map_err(ToolError::internal)?;
        let tags = serde_json::from_str(&row.tags).map_err(ToolError::internal)?;
        Ok(Output {
            document_id: args.document_id,
            version: row.version,
            scope: Owner::of(&row),
            format: Format::from_word(&row.form),
            title: row.title,
            language: row.language,
            external_id: row.external_id,
            uri: row.uri,
            path: row.path,
            source_id: row.source_id,
            collection: row.collection,
            tags,
            metadata: Some(metadata).filter(|m| m.as_object().is_some_and(|m| !m.is_empty())),
            created_by: row.created_by,
            created_at: rfc3339(row.created_ms),
            updated_at: rfc3339(row.updated_ms),
            bytes: row.bytes,
            chunks: row.chunks,
            versions: versions.into_iter().map(Version::of).collect(),
            outline: outline(chunks)?,
        })
    }
}

impl Version {
    fn of(row: VersionRow) -> Self {
        Self {
            version: row.version,
            written_by: row.created_by,
            written_at: rfc3339(row.created_ms),
        }
    }
}

/// Where each heading path first stands.
fn outline(chunks: Vec<ChunkRow>) -> Result<Vec<Section>, ToolError> {
    let mut sections: Vec<Section> = Vec::new();
    for chunk in chunks {
        let mut heading_path: Vec<String> =
            serde_json::from_str(&chunk.heading_path).map_err(ToolError::internal)?;
        heading_path.extend(chunk.symbol);
        let known = sections
            .last()
            .is_some_and(|last| last.heading_path == heading_path);
        if heading_path.is_empty() || known {
            continue;
        }
        if sections.len() == SECTIONS {
            break;
        }
        sections.push(Section {
            heading_path,
            from: chunk.byte_start,
        });
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn it_tells_what_a_document_is_and_where_its_sections_start() {
        let team = team().await;
        let named = json!({"external_id": "a.md", "collection": "guides", "metadata": {"k": 1}});
        add(&team, "# Old", named.clone()).await;
        let text = "# Guide\n\nintro\n\n## Install\n\nsteps\n";
        let added = add(&team, text, named).await;
        let sent = json!({"document_id": added["document_id"]});
        let got = team.call_json("get_document", sent).await.unwrap();
        assert_eq!(
            (
                &got["title"],
                &got["version"],
                &got["collection"],
                &got["metadata"]
            ),
            (
                &json!("Guide"),
                &json!(2),
                &json!("guides"),
                &json!({"k": 1})
            )
        );
        let versions: Vec<_> = got["versions"].as_array().unwrap().iter().collect();
        assert_eq!(versions.len(), 2);
        assert_eq!(
            (&versions[0]["version"], &versions[1]["written_by"]),
            (&json!(2), &json!("ann"))
        );
        assert_eq!(
            got["outline"],
            json!([{"heading_path": ["Guide"], "from": 0},
                {"heading_path": ["Guide", "Install"], "from": text.find("##").unwrap()}])
        );
        let none = team
            .call_json("get_document", json!({"document_id": "doc_none"}))
            .await;
        assert_eq!(refused(none).0, "not_found");
    }
}
