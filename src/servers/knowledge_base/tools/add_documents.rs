//! `add_documents`: put several documents into the knowledge base.

use super::{
    Owner,
    document::Document,
    job::{JobView, Show},
};
use crate::{
    servers::knowledge_base::{
        KnowledgeBase,
        ingest::{
            batch::{Items, ready},
            request::Request,
            runner::INGEST,
        },
        store::NewJob,
    },
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
/// Bytes of texts that are cut and written in their call, which takes a second or two.
const MOST_NOW: usize = 2 << 20;

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
        let requests: Vec<Request> = args
            .documents
            .into_iter()
            .map(|one| one.request(ctx, owner))
            .collect();
        let wait = args.wait_ms.unwrap_or(WAIT);
        let size: usize = requests.iter().map(Request::size).sum();
        let id = if wait > 0 && size <= MOST_NOW && requests.iter().all(Request::is_quick) {
            add_now(server, ctx, owner, requests).await?
        } else {
            submit(server, ctx, owner, requests).await?
        };
        let job = server
            .waited(ctx, &id, Duration::from_millis(u64::from(wait)))
            .await?;
        server.view(ctx, job, Show::All, -1, SHOWN).await
    }
}

/// Adds texts in this call; the job that tells what came of them.
async fn add_now(
    server: &KnowledgeBase,
    ctx: &Ctx,
    owner: Owner,
    requests: Vec<Request>,
) -> Result<String, ToolError> {
    let most = server.config.max_document_bytes;
    let (items, step) = ctx
        .blocking(move |stop| ready(requests, most, stop))
        .await?;
    let job = job(ctx, owner, items);
    let project = job.realm.project().map(|_| ctx.project());
    let (id, added) = server.store.done_job(job, step, ctx.now()).await?;
    let documents = added.into_iter().map(|one| one.document_id);
    server.ingest.changed(project, documents);
    Ok(id)
}

/// Has documents added by a job.
async fn submit(
    server: &KnowledgeBase,
    ctx: &Ctx,
    owner: Owner,
    requests: Vec<Request>,
) -> Result<String, ToolError> {
    let items = requests.iter().map(|request| {
        let left = serde_json::to_string(request).map_err(ToolError::internal)?;
        Ok((request.name(), Some(left)))
    });
    let items = items.collect::<Result<_, ToolError>>()?;
    server.ingest.submit(job(ctx, owner, items)).await
}

fn job(ctx: &Ctx, owner: Owner, items: Items) -> NewJob {
    NewJob {
        realm: owner.realm(ctx),
        kind: INGEST,
        request: "{}".to_owned(),
        items,
        agent: ctx.agent().as_str().to_owned(),
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

    #[tokio::test]
    async fn a_document_that_comes_twice_becomes_a_version_of_itself() {
        let team = team().await;
        let text = |text: &str| json!({"source": {"text": text}, "external_id": "a.md"});
        let mut documents: Vec<_> = (0..130)
            .map(|n| json!({"source": {"text": format!("text {n}")}}))
            .collect();
        documents.extend([text("first"), text("second"), text("second")]);
        let sent = json!({"documents": documents, "wait_ms": 20_000});
        let job = team.call_json("add_documents", sent.clone()).await.unwrap();
        let numbers =
            json!({"created": 131, "updated": 1, "unchanged": 1, "deleted": 0, "skipped": 0});
        assert_eq!((&job["state"], &job["report"]), (&json!("done"), &numbers));
        let last = |at: usize| (&job["items"][at]["outcome"], &job["items"][at]["version"]);
        assert_eq!(last(130), (&json!("created"), &json!(1)));
        assert_eq!(last(131), (&json!("updated"), &json!(2)));
        assert_eq!(last(132), (&json!("unchanged"), &json!(2)));
        let query = json!({"query": "second", "min_seq": job["seq"]});
        assert_eq!(titles(&team, query).await, ["second"]);
        let query = json!({"query": "first", "min_seq": job["seq"]});
        assert_eq!(titles(&team, query).await, [""; 0]);
    }
}
