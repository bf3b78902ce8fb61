//! `get_knowledge_job`: how far a job is; end it, or start it again.

use super::job::{JobView, Show, binding};
use crate::{servers::knowledge_base::KnowledgeBase, tool::prelude::*};

/// Marker of the tool.
pub struct GetKnowledgeJob;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// The job: `job_id` of add_document, add_documents, sync_source or knowledge_stats.
    #[garde(length(chars, min = 1, max = 64))]
    pub id: String,
    /// What to do with it; `status` if left out.
    pub action: Option<Action>,
    /// Which of its documents to show; `failed` if left out.
    pub show: Option<Show>,
    /// Go on after an earlier page: its `next_cursor`, with all other arguments the same.
    #[garde(length(max = 2048))]
    pub cursor: Option<String>,
    /// Most documents to show; 50 if left out.
    #[garde(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

/// What to do with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// Say how far it is.
    Status,
    /// End it. What was added stays.
    Cancel,
    /// Start it again, when it has ended: with what failed and what was left.
    Retry,
}

const LIMIT: u32 = 50;
/// How long a job that was cancelled is waited for.
const CANCELLING: Duration = Duration::from_secs(2);

impl Tool for GetKnowledgeJob {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = JobView;

    const NAME: &'static str = "get_knowledge_job";
    const ABOUT: &'static str = "Say how far a job of the knowledge base is, which of its documents failed and why; or cancel \
        it; or retry what failed. Returns its state (queued, running, done, failed or cancelled), its numbers, and the \
        documents that could not be read, page by page.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        open_world: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<JobView, ToolError> {
        let show = args.show.unwrap_or(Show::Failed);
        let after = args
            .cursor
            .map(|cursor| paging::decode::<i64>(&binding(ctx, &args.id, show), &cursor))
            .transpose()?;
        let mut job = server.job(ctx, &args.id).await?;
        match args.action.unwrap_or(Action::Status) {
            Action::Status => {}
            Action::Cancel => {
                if !server.store.cancel_job(&args.id, ctx.now()).await? {
                    return Err(ToolError::conflict(format!(
                        "the job is over: it is {}",
                        job.state
                    )));
                }
                server.ingest.cancel(&args.id);
                server.embedding.cancel(&args.id).await?;
                job = server.waited(ctx, &args.id, CANCELLING).await?;
            }
            Action::Retry => {
                if !server.store.retry_job(&args.id, ctx.now()).await? {
                    let hint = if job.is_over() {
                        "it made vectors for the hub: those are begun again with the hub's settings alone"
                    } else {
                        "wait until it has ended, or cancel it first"
                    };
                    return Err(ToolError::conflict(format!("the job is {}", job.state)).hint(hint));
                }
                server.ingest.wake();
                job = server.job(ctx, &args.id).await?;
            }
        }
        let limit = args.limit.unwrap_or(LIMIT);
        server
            .view(ctx, job, show, after.unwrap_or(-1), limit)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, team};
    use serde_json::{Value, json};

    use crate::test::Team;

    async fn batch(team: &Team, count: usize) -> Value {
        let documents: Vec<Value> = (0..count)
            .map(|n| json!({"source": {"path": format!("late-{n}.md")}}))
            .collect();
        let sent = json!({"documents": documents, "wait_ms": 20_000});
        team.call_json("add_documents", sent).await.unwrap()
    }

    #[tokio::test]
    async fn failures_come_in_pages_and_are_tried_again() {
        let team = team().await;
        let job = batch(&team, 5).await;
        let id = &job["job_id"];
        assert_eq!((&job["state"], &job["failed"]), (&json!("done"), &json!(5)));
        let page = |cursor: Value| {
            let mut sent = json!({"id": id, "limit": 2});
            if !cursor.is_null() {
                sent["cursor"] = cursor;
            }
            team.call_json("get_knowledge_job", sent)
        };
        let mut names = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let found = page(cursor).await.unwrap();
            names.extend(
                found["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["index"].as_i64().unwrap()),
            );
            cursor = found["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(names, [0, 1, 2, 3, 4]);
        let tree = crate::project::workspace::TreeId::new(&team.scope, None).unwrap();
        team.host.workspaces.files(&tree).unwrap();
        let dir = team.host.data.join("projects/demo/workspaces/ann/main");
        std::fs::write(dir.join("late-3.md"), "# Late\n\ntext").unwrap();
        team.call_json("get_knowledge_job", json!({"id": id, "action": "retry"}))
            .await
            .unwrap();
        let mut status = json!({});
        while status["state"] != "done" {
            status = team
                .call_json("get_knowledge_job", json!({"id": id, "show": "all"}))
                .await
                .unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(
            (&status["done"], &status["failed"], &status["attempt"]),
            (&json!(1), &json!(4), &json!(2))
        );
        assert_eq!(status["items"][3]["outcome"], "created");
        let over = team
            .call_json("get_knowledge_job", json!({"id": id, "action": "cancel"}))
            .await;
        assert_eq!(refused(over).0, "conflict");
    }

    #[tokio::test]
    async fn a_job_of_another_project_is_none() {
        let team = team().await;
        let job = batch(&team, 1).await;
        let sent = json!({"id": job["job_id"]});
        let foreign = team
            .at("elsewhere", "eve")
            .call_json("get_knowledge_job", sent)
            .await;
        assert_eq!(refused(foreign).0, "not_found");
    }
}
