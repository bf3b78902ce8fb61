//! `add_issue_comment`: say something on an issue.

use serde_json::json;

use super::{once, text};
use crate::{
    servers::issues::{Issues, store::NewComment},
    tool::prelude::*,
};

/// Marker of the tool.
pub struct AddIssueComment;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Issue number within the project, as in `#12`.
    #[garde(range(min = 1))]
    pub number: i64,
    /// Markdown, at most 65,536 characters.
    #[garde(length(chars, min = 1, max = 65_536))]
    pub body: String,
    /// Comment to answer, from get_issue with include comments.
    #[garde(length(chars, min = 1, max = 64))]
    pub reply_to: Option<String>,
    /// From claim_issue: refuse the comment if that claim has ended.
    #[garde(length(chars, min = 1, max = 128))]
    pub claim_token: Option<String>,
    /// Repeat a call with the same key and it is answered again, not done again.
    #[garde(length(chars, min = 1, max = 128))]
    pub idempotency_key: Option<String>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The new comment.
    pub comment_id: String,
    /// The issue's version with it, for `expected_version` of update_issue.
    pub version: i64,
}

impl Tool for AddIssueComment {
    type Server = Issues;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "add_issue_comment";
    const ABOUT: &'static str = "Add a Markdown comment to an issue. Use update_issue to change its fields or state. \
        Returns the comment's id and the issue's new version.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        open_world: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Issues, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([
            ("/body", Some(args.body.as_str())),
            ("/reply_to", args.reply_to.as_deref()),
        ])?;
        if args.body.trim().is_empty() {
            return Err(ToolError::invalid("/body", "must say something"));
        }
        let sent = json!({ "number": args.number, "body": args.body, "reply_to": args.reply_to });
        let new = NewComment {
            number: args.number,
            body: args.body,
            reply_to: args.reply_to,
            claim_token: args.claim_token,
            once: once(args.idempotency_key, &sent),
        };
        let added = server.store.comment(ctx.scope(), new, ctx.now()).await?;
        ctx.changed(format!("issues/{}", args.number));
        Ok(Output {
            comment_id: added.comment_id,
            version: added.version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{issue, refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn the_same_key_answers_again_and_comments_once() {
        let team = team().await;
        issue(&team, "t").await;
        let sent = json!({"number": 1, "body": "again", "idempotency_key": "k1"});
        let once = team
            .call_json("add_issue_comment", sent.clone())
            .await
            .unwrap();
        let again = team
            .call_json("add_issue_comment", sent.clone())
            .await
            .unwrap();
        assert_eq!(once, again);
        let seen = team
            .call_json("get_issue", json!({"number": 1, "include": ["comments"]}))
            .await
            .unwrap();
        assert_eq!(
            (&seen["comment_count"], &seen["version"]),
            (&json!(1), &json!(2))
        );
        // A key belongs to its agent: another's same key is another key.
        team.at("demo", "bea")
            .call_json("add_issue_comment", sent)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn an_answer_stays_on_its_issue() {
        let team = team().await;
        issue(&team, "a").await;
        issue(&team, "b").await;
        let said = team
            .call_json("add_issue_comment", json!({"number": 1, "body": "x"}))
            .await
            .unwrap();
        let reply =
            |number: i64| json!({"number": number, "body": "y", "reply_to": said["comment_id"]});
        team.call_json("add_issue_comment", reply(1)).await.unwrap();
        assert_eq!(
            refused(team.call_json("add_issue_comment", reply(2)).await).0,
            "not_found"
        );
        let seen = team
            .call_json("get_issue", json!({"number": 2}))
            .await
            .unwrap();
        assert_eq!(seen["version"], 1, "a refused comment leaves no trace");
    }

    #[tokio::test]
    async fn another_projects_issue_answers_like_none() {
        let team = team().await;
        issue(&team.at("elsewhere", "eve"), "secret").await;
        let sent = json!({"number": 1, "body": "hello"});
        assert_eq!(
            refused(team.call_json("add_issue_comment", sent).await).0,
            "not_found"
        );
    }
}
