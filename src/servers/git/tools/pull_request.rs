//! What the tools of pull requests have in common.

use crate::{
    base::clock::rfc3339,
    servers::git::{
        model::{Method, PullState},
        store::PullRow,
    },
    tool::prelude::*,
};

/// A line of text, trimmed.
pub fn line(text: &str, field: &'static str) -> Result<String, ToolError> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err(ToolError::invalid(
            field,
            "must be one line with something on it",
        ));
    }
    Ok(text.to_owned())
}

/// A pull request in short.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Summary {
    /// Its number in the repository.
    pub number: i64,
    /// What it does, in one line.
    pub title: String,
    /// Where it stands.
    pub state: PullState,
    /// Whether it is not ready for its merge.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// The branch with the changes.
    pub source: String,
    /// The branch to merge them into.
    pub target: String,
    /// The agent who opened it.
    pub author: String,
    /// The commit that its merge put on the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge_commit: Option<String>,
    /// How it was merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge_method: Option<Method>,
    /// The agent who merged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_by: Option<String>,
    /// Its version, for `expected_version`.
    pub version: i64,
    /// When it was opened (RFC 3339, UTC).
    pub created_at: String,
    /// When it last changed (RFC 3339, UTC).
    pub updated_at: String,
}

impl Summary {
    /// Of a row.
    pub fn of(row: &PullRow) -> Result<Self, ToolError> {
        let state = row.state()?;
        let merged = state == PullState::Merged;
        Ok(Self {
            number: row.number,
            title: row.title.clone(),
            state,
            draft: row.draft,
            source: row.source.clone(),
            target: row.target.clone(),
            author: row.author.clone(),
            merge_commit: row.merge_commit.clone(),
            merge_method: row.method()?.filter(|_| merged),
            merged_by: row.merged_by.clone().filter(|_| merged),
            version: row.version,
            created_at: rfc3339(row.created_ms),
            updated_at: rfc3339(row.updated_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{ok, refused, save, team};
    use crate::{test::Team, tool::Code};

    /// A team whose main branch has a commit, and another agent's tree.
    async fn started() -> (Team, Team) {
        let ann = team().await;
        save(&ann, "a.txt", "one\ntwo\nthree\n").await;
        let bea = ann.at("demo", "bea");
        (ann, bea)
    }

    async fn open(team: &Team, title: &str) -> Value {
        ok(
            team,
            "create_pull_request",
            json!({"title": title, "body": "why"}),
        )
        .await
    }

    #[tokio::test]
    async fn a_protected_branch_takes_what_another_agent_approved_and_checks_passed() {
        let (ann, bea) = started().await;
        let rule = json!({"pattern": "main", "approvals": 1, "checks": ["build"]});
        ok(&ann, "protect_branch", rule).await;
        let head = save(&ann, "b.txt", "new\n").await;
        let opened = open(&ann, "Add b").await;
        assert_eq!(
            (&opened["number"], &opened["head"]),
            (&json!(1), &json!(head))
        );
        assert_eq!(
            opened["merge"]["missing"].as_array().unwrap().len(),
            2,
            "{opened}"
        );
        assert_eq!(
            refused(&ann, "create_pull_request", json!({"title": "again"}))
                .await
                .code,
            Code::Conflict
        );
        let own = json!({"number": 1, "verdict": "approve"});
        assert_eq!(
            refused(&ann, "review_pull_request", own.clone()).await.code,
            Code::Forbidden
        );
        assert_eq!(
            refused(&ann, "merge_pull_request", json!({"number": 1}))
                .await
                .code,
            Code::Conflict
        );
        let remark = json!({"number": 1, "verdict": "request_changes", "comments": [{"path": "b.txt", "line": 1, "body": "why new?"}]});
        ok(&bea, "review_pull_request", remark).await;
        let seen = ok(
            &bea,
            "get_pull_request",
            json!({"number": 1, "include": ["diff", "files", "commits", "comments", "checks"]}),
        )
        .await;
        assert_eq!(
            seen["files"],
            json!({"total": 1, "items": [{"path": "b.txt", "change": "added", "insertions": 1, "deletions": 0}]})
        );
        assert!(seen["diff"].as_str().unwrap().contains("+new"), "{seen}");
        assert_eq!(seen["commits"][0]["commit"], json!(head));
        assert_eq!(seen["reviews"][0]["comments"][0]["line"], 1);
        ok(&bea, "review_pull_request", own).await;
        // An approval is for the commit that was seen.
        let head = save(&ann, "b.txt", "newer\n").await;
        let stale = json!({"number": 1, "verdict": "approve", "expected_head": seen["head"]});
        assert_eq!(
            refused(&bea, "review_pull_request", stale).await.code,
            Code::PreconditionFailed
        );
        let status = json!({"commit": head, "context": "build", "state": "success"});
        ok(&ann, "set_commit_status", status).await;
        let missing = refused(&ann, "merge_pull_request", json!({"number": 1})).await;
        assert!(
            missing.message.contains("0 of 1 approvals"),
            "{}",
            missing.message
        );
        ok(
            &bea,
            "review_pull_request",
            json!({"number": 1, "verdict": "approve", "expected_head": head}),
        )
        .await;
        let merged = ok(
            &ann,
            "merge_pull_request",
            json!({"number": 1, "expected_head": head}),
        )
        .await;
        let log = ok(&bea, "git_log", json!({"revision": "main"})).await;
        assert_eq!(log["items"][0]["commit"], merged["merge_commit"]);
        let after = ok(&ann, "get_pull_request", json!({"number": 1})).await;
        assert_eq!(
            (
                &after["pull_request"]["state"],
                &after["pull_request"]["merged_by"],
                &after["files"]["total"]
            ),
            (&json!("merged"), &json!("ann"), &json!(1))
        );
        assert_eq!(
            refused(&ann, "merge_pull_request", json!({"number": 1}))
                .await
                .code,
            Code::Conflict
        );
    }

    #[tokio::test]
    async fn a_protected_branch_is_not_committed_to() {
        let (ann, _) = started().await;
        ok(
            &ann,
            "git_create_branch",
            json!({"name": "release/1", "checkout": true}),
        )
        .await;
        ok(&ann, "protect_branch", json!({"pattern": "release/*"})).await;
        super::super::testing::write(&ann, "c.txt", "c");
        ok(&ann, "git_add", json!({"paths": ["."]})).await;
        let error = refused(&ann, "git_commit", json!({"message": "c"})).await;
        assert_eq!(error.code, Code::Forbidden);
        ok(
            &ann,
            "protect_branch",
            json!({"pattern": "release/*", "remove": true}),
        )
        .await;
        ok(&ann, "git_commit", json!({"message": "c"})).await;
        assert_eq!(
            refused(&ann, "protect_branch", json!({"pattern": "a["}))
                .await
                .code,
            Code::InvalidArgument
        );
    }

    #[tokio::test]
    async fn a_conflict_is_told_and_nothing_moves() {
        let (ann, bea) = started().await;
        save(&bea, "a.txt", "bea's\n").await;
        open(&bea, "Bea's").await;
        save(&ann, "a.txt", "ann's\n").await;
        open(&ann, "Ann's").await;
        ok(
            &ann,
            "merge_pull_request",
            json!({"number": 2, "method": "squash"}),
        )
        .await;
        let before = ok(&ann, "git_log", json!({"revision": "main"})).await;
        let error = refused(&bea, "merge_pull_request", json!({"number": 1})).await;
        assert_eq!(error.details.unwrap()["conflicts"], json!(["a.txt"]));
        assert_eq!(
            ok(&ann, "git_log", json!({"revision": "main"})).await,
            before
        );
        // The list has the last change first; a closed one can be opened again.
        ok(
            &bea,
            "update_pull_request",
            json!({"number": 1, "state": "closed"}),
        )
        .await;
        let list = ok(&ann, "list_pull_requests", json!({"limit": 1})).await;
        assert_eq!(list["items"][0]["number"], 1);
        let rest = ok(
            &ann,
            "list_pull_requests",
            json!({"limit": 1, "cursor": list["next_cursor"]}),
        )
        .await;
        assert_eq!(
            (&rest["items"][0]["number"], &rest["next_cursor"]),
            (&json!(2), &Value::Null)
        );
        let again = ok(
            &bea,
            "update_pull_request",
            json!({"number": 1, "state": "open", "title": "Mine"}),
        )
        .await;
        assert_eq!(again["pull_request"]["title"], "Mine");
        assert_eq!(
            ok(&ann, "list_pull_requests", json!({"state": "open"})).await["items"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }

    #[tokio::test]
    async fn a_rebase_keeps_each_commit_and_its_author() {
        let (ann, bea) = started().await;
        save(&bea, "x.txt", "x").await;
        save(&bea, "y.txt", "y").await;
        open(&bea, "Two").await;
        save(&ann, "z.txt", "z").await;
        open(&ann, "One").await;
        ok(&ann, "merge_pull_request", json!({"number": 2})).await;
        ok(
            &ann,
            "merge_pull_request",
            json!({"number": 1, "method": "rebase"}),
        )
        .await;
        let log = ok(&ann, "git_log", json!({"revision": "main"})).await;
        let subjects: Vec<&str> = log["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["subject"].as_str().unwrap())
            .collect();
        assert_eq!(subjects[..2], ["change y.txt", "change x.txt"]);
        assert_eq!(log["items"][0]["author"], "bea <bea@demo.syndarix.local>");
    }

    #[tokio::test]
    async fn a_merge_that_was_cut_in_two_is_ended_as_the_branch_says() {
        use crate::servers::git::{
            model::Method,
            store::{Close, GitStore, RepoKey},
        };
        let (ann, bea) = started().await;
        let store = GitStore::new(ann.host.db.clone());
        let key = RepoKey {
            project: ann.scope.project.clone(),
            repo: crate::base::ids::RepoName::new("main").unwrap(),
        };
        save(&bea, "x.txt", "x").await;
        let number = open(&bea, "X").await["number"].as_i64().unwrap();
        let merged = async |commit: &str| {
            let row = store.pull(&key, number).await.unwrap().unwrap();
            let close = Close {
                merge_commit: commit.into(),
                merged_by: "bea".into(),
                method: Method::Merge,
                head: commit.into(),
                base: commit.into(),
            };
            assert!(
                store
                    .begin_landing(&key, (number, row.version), close)
                    .await
                    .unwrap()
            );
            ok(&ann, "get_pull_request", json!({"number": number})).await["pull_request"]["state"]
                .clone()
        };
        // The branch had not moved: nothing was merged.
        assert_eq!(
            merged("0123456789012345678901234567890123456789").await,
            "open"
        );
        let tip =
            ok(&ann, "git_log", json!({"revision": "main"})).await["items"][0]["commit"].clone();
        assert_eq!(merged(tip.as_str().unwrap()).await, "merged");
    }

    #[tokio::test]
    async fn a_branch_that_somebody_is_on_is_not_moved_under_them() {
        let (ann, bea) = started().await;
        save(&ann, "x.txt", "x").await;
        open(&ann, "X").await;
        ok(&bea, "git_checkout", json!({"target": "main"})).await;
        let error = refused(&ann, "merge_pull_request", json!({"number": 1})).await;
        assert_eq!(
            (error.code, error.details.unwrap()["agent"].clone()),
            (Code::Conflict, json!("bea"))
        );
    }

    #[tokio::test]
    async fn another_project_has_no_such_pull_request() {
        let (ann, _) = started().await;
        save(&ann, "x.txt", "x").await;
        open(&ann, "X").await;
        let eve = ann.at("elsewhere", "eve");
        ok(&eve, "git_init", json!({})).await;
        for tool in [
            "get_pull_request",
            "merge_pull_request",
            "update_pull_request",
        ] {
            assert_eq!(
                refused(&eve, tool, json!({"number": 1})).await.code,
                Code::NotFound,
                "{tool}"
            );
        }
        assert_eq!(
            ok(&eve, "list_pull_requests", json!({})).await["items"],
            json!([])
        );
    }
}
