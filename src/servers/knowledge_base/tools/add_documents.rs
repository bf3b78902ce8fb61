//! `add_documents`: put several documents into the knowledge base.

use super::{
    Owner,
    document::Document,
    job::{JobView, Show},
};
use crate::{
    servers::knowledge_base::{KnowledgeBase, ingest::runner::INGEST, store::NewJob},
    tool::prelude::*,
};

/// Marker of the tool.
pub struct AddDocuments;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// The documents.
    #[garde(length(min = 1, max = 500), dive)]
    pub documents: Vec<Document>,
    /// Who they are for; `project` if left out.
    pub scope: Option<Owner>,
    /// Milliseconds to wait until all are added; 2000 if left out, 0 to return at once.
    #[garde(range(max = 20_000))]
    pub wait_ms: Option<u32>,
}

const WAIT: u32 = 2_000;
/// Documents that are told of in one answer.
const SHOWN: u32 = 500;

impl Tool for AddDocuments {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = JobView;

    const NAME: &'static str = "add_documents";
    const ABOUT: &'static str = "Add up to 500 documents to the knowledge base at once, each as add_document would. One that \
        cannot be read does not keep the others from being added. Returns a job: its state, its numbers and what came of each \
        document (created, updated, unchanged or failed, with the reason). While its state is queued or running, \
        get_knowledge_job says how far it is.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &[
        "documents.source.text",
        "documents.title",
        "documents.metadata",
    ];
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        open_world: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<JobView, ToolError> {
        let owner = args.scope.unwrap_or(Owner::Project);
        owner.may_write(ctx)?;
        let requests = args
            .documents
            .into_iter()
            .map(|one| one.request(ctx, owner));
        let items = requests.map(|request| {
            let item = serde_json::to_string(&request).map_err(ToolError::internal)?;
            Ok((request.name(), item))
        });
        let job = NewJob {
            realm: owner.realm(ctx),
            kind: INGEST,
            request: "{}".to_owned(),
            items: items.collect::<Result<_, ToolError>>()?,
            agent: ctx.agent().as_str().to_owned(),
        };
        let id = server.ingest.submit(job).await?;
        let wait = Duration::from_millis(u64::from(args.wait_ms.unwrap_or(WAIT)));
        let job = server.waited(ctx, &id, wait).await?;
        server.view(ctx, job, Show::All, -1, SHOWN).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, team, titles};
    use serde_json::json;

    #[tokio::test]
    async fn one_bad_document_does_not_fail_the_rest() {
        let team = team().await;
        let sent = json!({"wait_ms": 20_000, "documents": [
            {"source": {"text": "# Leases\n\nA lease expires."}, "external_id": "a.md", "metadata": {"tags": ["locks"]}},
            {"source": {"text": "a\u{0}b"}},
            {"source": {"path": "no/such.md"}},
            {"source": {"text": "fn claim() {}"}, "external_id": "src/claim.rs"},
            {"source": {"text": "x"}, "format": "pdf"},
        ]});
        let job = team.call_json("add_documents", sent.clone()).await.unwrap();
        assert_eq!(
            (&job["state"], &job["done"], &job["failed"]),
            (&json!("done"), &json!(2), &json!(3)),
            "{job}"
        );
        let outcomes: Vec<_> = job["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["outcome"].clone())
            .collect();
        assert_eq!(
            outcomes,
            ["created", "failed", "failed", "created", "failed"]
        );
        assert_eq!(job["items"][2]["code"], "not_found");
        let query = json!({"query": "lease", "min_seq": job["seq"]});
        assert_eq!(titles(&team, query).await, ["Leases"]);
        let again = team.call_json("add_documents", sent).await.unwrap();
        assert_eq!(again["report"]["unchanged"], 2);
    }

    #[tokio::test]
    async fn what_is_no_batch_is_refused() {
        let team = team().await;
        for sent in [
            json!({"documents": []}),
            json!({"documents": [{"source": {}}]}),
            json!({"documents": [{"source": {"text": "a", "url": "http://x"}}]}),
        ] {
            assert_eq!(
                refused(team.call_json("add_documents", sent).await).0,
                "invalid_argument"
            );
        }
    }
}
