//! `add_document`: put a text into the knowledge base.

use serde_json::{Map, Value};

use super::{Owner, kept};
use crate::{
    servers::knowledge_base::{
        KnowledgeBase,
        engine::{
            chunk::{self, Limits},
            digest::digest,
        },
        model::{Format, NewDocument, Outcome},
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct AddDocument;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Where the text comes from.
    #[garde(dive)]
    pub source: Source,
    /// How the text is read; told by the ending of uri or external_id, or by the text, if left out.
    pub format: Option<Format>,
    /// Your own name for the document, e.g. its path. Adding it again under this name makes a new version instead of a
    /// second document. Left out, the text itself is the name.
    #[garde(length(chars, min = 1, max = 512))]
    pub external_id: Option<String>,
    /// What to call it; the first heading or line if left out.
    #[garde(length(chars, min = 1, max = 200))]
    pub title: Option<String>,
    /// Where the document can be found, shown with every hit.
    #[garde(length(chars, min = 1, max = 2_000))]
    pub uri: Option<String>,
    /// A group of documents to search in, e.g. "decisions".
    #[garde(length(chars, min = 1, max = 100))]
    pub collection: Option<String>,
    /// Who it is for; `project` if left out.
    pub scope: Option<Owner>,
    /// Anything to keep with it: a JSON object of at most 8,000 bytes. Its `tags`, a list of words, are what searches
    /// filter by.
    pub metadata: Option<Map<String, Value>>,
    /// Milliseconds to wait until it can be found; 1000 if left out, 0 to return at once.
    #[garde(range(max = 10_000))]
    pub wait_ms: Option<u32>,
}

/// Where a text comes from.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
pub enum Source {
    /// The text itself.
    Text(#[garde(length(min = 1))] String),
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The document.
    pub document_id: String,
    /// Its version now.
    pub version: i64,
    /// What was done.
    pub outcome: Outcome,
    /// Send it as `min_seq` to search_knowledge to be sure that the search sees this document.
    pub seq: i64,
    /// How many chunks it was cut into.
    pub chunks: i64,
    /// Whether it can be found already.
    pub searchable: bool,
}

/// More chunks mean data, not prose.
const MAX_CHUNKS: usize = 10_000;
const WAIT_MS: u32 = 1_000;

impl Tool for AddDocument {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "add_document";
    const ABOUT: &'static str = "Add a text to the knowledge base, for this project or (scope global) for all. It is cut \
        into chunks along its headings and can then be found with search_knowledge. Adding the same external_id again \
        makes a new version; the same content changes nothing. Returns the document's id, version, outcome (created, \
        updated or unchanged) and seq.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["source.text", "title", "metadata"];
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        open_world: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let owner = args.scope.unwrap_or(Owner::Project);
        owner.may_write(ctx)?;
        let Source::Text(text) = args.source;
        let most = server.config.max_document_bytes;
        if text.len() > most {
            return Err(ToolError::too_large(format!(
                "the text has {} bytes, more than {most}",
                text.len()
            ))
            .hint("add it in parts, each with its own external_id"));
        }
        super::text([
            ("/source/text", Some(text.as_str())),
            ("/external_id", args.external_id.as_deref()),
            ("/title", args.title.as_deref()),
            ("/uri", args.uri.as_deref()),
            ("/collection", args.collection.as_deref()),
        ])?;
        let (metadata, tags) = kept(args.metadata)?;
        let named = args.uri.as_deref().or(args.external_id.as_deref());
        let format = args.format.unwrap_or_else(|| Format::guess(named, &text));
        let new = NewDocument {
            realm: owner.realm(ctx),
            title: args.title.unwrap_or_default(),
            external_id: args.external_id,
            uri: args.uri,
            collection: args.collection,
            format,
            language: None,
            path: None,
            tags,
            source_id: None,
            content_hash: None,
            metadata,
            text,
            text_hash: String::new(),
            chunks: Vec::new(),
        };
        let new = ctx.blocking(move |_| Ok(read(new))).await?;
        if new.chunks.is_empty() {
            return Err(ToolError::invalid(
                "/source/text",
                "has nothing but white space",
            ));
        }
        if new.chunks.len() > MAX_CHUNKS {
            return Err(ToolError::too_large(format!(
                "the text has more than {MAX_CHUNKS} sections"
            ))
            .hint("add it in parts, or with format text"));
        }
        let added = server
            .store
            .add(new, ctx.agent().as_str(), ctx.now())
            .await?;
        ctx.changed(format!("knowledge/{}", added.document_id));
        server.indexer.wake();
        let wait = Duration::from_millis(u64::from(args.wait_ms.unwrap_or(WAIT_MS)));
        let searchable = server.indexer.reach(added.seq, wait).await;
        Ok(Output {
            document_id: added.document_id,
            version: added.version,
            outcome: added.outcome,
            seq: added.seq,
            chunks: added.chunks,
            searchable,
        })
    }
}

/// Hashes and cuts the text, and finds a title if there is none.
fn read(mut new: NewDocument) -> NewDocument {
    new.text_hash = digest(&new.text);
    let form = new.format.form();
    let chunks = chunk::chunk(&new.text, form, Limits::default());
    let hashed = chunks.into_iter().map(|chunk| {
        let hash = digest(chunk.text(&new.text));
        (chunk, hash)
    });
    new.chunks = hashed.collect();
    if new.title.trim().is_empty() {
        new.title = chunk::title_of(&new.text, form).unwrap_or_else(|| "Untitled".into());
    }
    new
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, refused, team, titles};
    use serde_json::json;

    #[tokio::test]
    async fn the_same_content_is_unchanged_and_other_content_a_new_version() {
        let team = team().await;
        let named = json!({"external_id": "docs/a.md"});
        let first = add(&team, "# Leases\n\nA lease expires.", named.clone()).await;
        assert_eq!(
            (&first["outcome"], &first["searchable"]),
            (&json!("created"), &json!(true))
        );
        let again = add(&team, "# Leases\n\nA lease expires.", named.clone()).await;
        assert_eq!(again["outcome"], "unchanged");
        assert_eq!(
            (&again["seq"], &again["version"]),
            (&first["seq"], &json!(1))
        );
        let next = add(&team, "# Claims\n\nA claim holds.", named).await;
        assert_eq!(
            (&next["outcome"], &next["version"]),
            (&json!("updated"), &json!(2))
        );
        assert_eq!(next["document_id"], first["document_id"]);
        assert_eq!(titles(&team, json!({"query": "lease"})).await, [""; 0]);
        assert_eq!(titles(&team, json!({"query": "claim"})).await, ["Claims"]);
        let unnamed = add(&team, "# Claims\n\nA claim holds.", json!({})).await;
        assert_eq!(unnamed["outcome"], "created");
        assert_eq!(
            add(&team, "# Claims\n\nA claim holds.", json!({})).await["outcome"],
            "unchanged"
        );
    }

    #[tokio::test]
    async fn global_is_written_with_admin_only_and_read_by_all() {
        let team = team().await;
        let writer = team.token(&["*"], &["*"], &["knowledge_base:write"]).await;
        let sent = json!({"source": {"text": "shared truth"}, "scope": "global"});
        let refusal = team.by(writer).call_json("add_document", sent).await;
        assert_eq!(refused(refusal).0, "forbidden");
        add(&team, "shared truth", json!({"scope": "global"})).await;
        let eve = team.at("elsewhere", "eve");
        assert_eq!(
            titles(&eve, json!({"query": "truth"})).await,
            ["shared truth"]
        );
        assert_eq!(
            titles(&eve, json!({"query": "truth", "scope": "project"})).await,
            [""; 0]
        );
        let own = add(&eve, "shared truth", json!({})).await;
        assert_eq!(
            own["outcome"], "created",
            "another scope's document says nothing"
        );
    }

    #[tokio::test]
    async fn what_is_no_text_is_refused() {
        let team = team().await;
        for (sent, code) in [
            (json!({"source": {"text": " \n"}}), "invalid_argument"),
            (json!({"source": {"text": "a\u{0}b"}}), "invalid_argument"),
            (
                json!({"source": {"text": "x".repeat((2 << 20) + 1)}}),
                "too_large",
            ),
            (
                json!({"source": {"text": "# a\n".repeat(10_001)}}),
                "too_large",
            ),
            (json!({"source": {}}), "invalid_argument"),
            (
                json!({"source": {"text": "a"}, "metadata": {"k": "v".repeat(9_000)}}),
                "invalid_argument",
            ),
        ] {
            assert_eq!(refused(team.call_json("add_document", sent).await).0, code);
        }
    }
}
