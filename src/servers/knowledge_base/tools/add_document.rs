//! `add_document`: put a document into the knowledge base.

use serde_json::{Map, Value};

use super::{Owner, document::Document, readable};
use crate::{
    servers::knowledge_base::{
        KnowledgeBase,
        ingest::{
            fault, prepare_text,
            request::{Request, Source},
            runner::INGEST,
        },
        model::{Added, Format, Outcome},
        store::NewJob,
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
    /// Where it comes from: one of `text`, `path`, `url` and `repo`.
    #[garde(dive)]
    pub source: Source,
    /// How it is read; told by its ending, its sender or its content, if left out.
    pub format: Option<Format>,
    /// Your own name for the document. Adding it again under this name makes a new version instead of a second document. Left
    /// out, its place is the name, or the text itself.
    #[garde(length(chars, min = 1, max = 512))]
    pub external_id: Option<String>,
    /// What to call it; what it calls itself, if left out.
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
    /// Milliseconds to wait until it is added and can be found; if left out 1000 for a text and 10000 for anything else, 0 to
    /// return at once.
    #[garde(range(max = 10_000))]
    pub wait_ms: Option<u32>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// Its version now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// What was done.
    pub outcome: Fate,
    /// The job that adds it, when the outcome is queued: get_knowledge_job says how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Send it as `min_seq` to search_knowledge to be sure that the search sees this document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// How many chunks it was cut into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunks: Option<i64>,
    /// Whether it can be found already.
    pub searchable: bool,
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Fate {
    /// There was none of this identity.
    Created,
    /// There was one and it has a new version now.
    Updated,
    /// It was there, just so.
    Unchanged,
    /// It is still being read.
    Queued,
}

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Created => Self::Created,
            Outcome::Updated => Self::Updated,
            Outcome::Unchanged => Self::Unchanged,
        }
    }
}

/// How long a text is waited for.
const TEXT: u32 = 1_000;
/// How long anything else is waited for.
const FILE: u32 = 10_000;

impl Tool for AddDocument {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "add_document";
    const ABOUT: &'static str = "Add a document to the knowledge base, for this project or (scope global) for all: a text, a \
        file of your workspace or of the repository, or a page or file on the web; markdown, text, code, HTML, PDF or DOCX. \
        It is cut into chunks along its headings or its syntax and can then be found with search_knowledge. Adding the same \
        external_id again makes a new version; the same content changes nothing. Returns the document's id, version, outcome \
        (created, updated or unchanged) and seq; or, when reading it takes longer, queued and a job_id. Use add_documents \
        for several, sync_source for a folder or repository.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["source.text", "title", "metadata"];
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        open_world: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let owner = args.scope.unwrap_or(Owner::Project);
        owner.may_write(ctx)?;
        let wait = |default| Duration::from_millis(u64::from(args.wait_ms.unwrap_or(default)));
        let document = Document {
            source: args.source,
            format: args.format,
            external_id: args.external_id,
            title: args.title,
            uri: args.uri,
            collection: args.collection,
            metadata: args.metadata,
        };
        let request = document.request(ctx, owner);
        request.check()?;
        if request.is_quick() {
            let added = add_text(server, ctx, request).await?;
            return Ok(found(server, added, wait(TEXT)).await);
        }
        queue(server, ctx, owner, request, wait(FILE)).await
    }
}

/// Adds a text now.
async fn add_text(server: &KnowledgeBase, ctx: &Ctx, request: Request) -> Result<Added, ToolError> {
    let Request { about, source } = request;
    let Source::Text(text) = source else {
        return Err(ToolError::internal("only a text is quick"));
    };
    let most = server.config.max_document_bytes;
    let new = ctx
        .blocking(move |_| prepare_text(about, text, most))
        .await?;
    let added = server
        .store
        .add(new, ctx.agent().as_str(), ctx.now())
        .await?;
    ctx.changed(format!("knowledge/{}", added.document_id));
    server.indexer.wake();
    Ok(added)
}

/// Has a document read by a job, and waits for it a while.
async fn queue(
    server: &KnowledgeBase,
    ctx: &Ctx,
    owner: Owner,
    request: Request,
    wait: Duration,
) -> Result<Output, ToolError> {
    let until = tokio::time::Instant::now() + wait;
    let item = serde_json::to_string(&request).map_err(ToolError::internal)?;
    let job = NewJob {
        realm: owner.realm(ctx),
        kind: INGEST,
        request: "{}".to_owned(),
        items: vec![(request.name(), Some(item))],
        agent: ctx.agent().as_str().to_owned(),
    };
    let id = server.ingest.submit(job).await?;
    let job = server.waited(ctx, &id, wait).await?;
    let items = server.store.job_items(&id, false, -1, 1).await?;
    let item = items.into_iter().next().filter(|_| job.is_over());
    let Some(item) = item.filter(|item| item.state != "queued") else {
        return Ok(Output {
            document_id: None,
            version: None,
            outcome: Fate::Queued,
            job_id: Some(id),
            seq: None,
            chunks: None,
            searchable: false,
        });
    };
    if let Some(code) = item.code {
        return Err(fault::of_word(&code, &item.message.unwrap_or_default()));
    }
    let id = item.document_id.unwrap_or_default();
    let row = server.store.document(&readable(ctx), &id).await?;
    let row = row.ok_or_else(|| super::no_document(&id))?;
    let outcome = item.outcome.as_deref().and_then(Outcome::from_word);
    let added = Added {
        document_id: id,
        version: item.version.unwrap_or(row.version),
        outcome: outcome.unwrap_or(Outcome::Unchanged),
        seq: row.seq,
        chunks: row.chunks,
    };
    let left = until.saturating_duration_since(tokio::time::Instant::now());
    Ok(found(server, added, left).await)
}

/// The answer for a document that was added, once it can be found or `wait` is over.
async fn found(server: &KnowledgeBase, added: Added, wait: Duration) -> Output {
    let searchable = server.indexer.reach(added.seq, wait).await;
    Output {
        document_id: Some(added.document_id),
        version: Some(added.version),
        outcome: added.outcome.into(),
        job_id: None,
        seq: Some(added.seq),
        chunks: Some(added.chunks),
        searchable,
    }
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
                json!({"source": {"text": "x".repeat((8 << 20) + 1)}}),
                "too_large",
            ),
            (
                json!({"source": {"text": "# a\n".repeat(20_001)}}),
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
