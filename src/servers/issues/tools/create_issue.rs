//! `create_issue`: put something to do on record.

use serde_json::json;

use super::{agents, labels, once, text};
use crate::{
    servers::issues::{
        Issues,
        model::{DEFAULT_PRIORITY, Fields, Kind, State},
        store::NewIssue,
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct CreateIssue;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// What is to be done, in one line.
    #[garde(length(chars, min = 1, max = 200))]
    pub title: String,
    /// Details in Markdown, at most 65,536 characters.
    #[serde(default)]
    #[garde(length(chars, max = 65_536))]
    pub body: String,
    /// What sort of work it is; `task` if left out.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// 0 is most urgent, 4 least; 2 if left out.
    #[garde(range(max = 4))]
    pub priority: Option<u8>,
    /// Labels, each a line of at most 50 characters.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 50)))]
    pub labels: Vec<String>,
    /// Agents to assign; `@me` is the calling agent. An assigned issue is offered by claim_issue to its assignees only.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 64)))]
    pub assignees: Vec<String>,
    /// Repeat a call with the same key and it is answered again, not done again.
    #[garde(length(chars, min = 1, max = 128))]
    pub idempotency_key: Option<String>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The new issue's number within the project, as in `#12`.
    pub number: i64,
    /// Its version, for `expected_version` of update_issue.
    pub version: i64,
}

impl Tool for CreateIssue {
    type Server = Issues;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "create_issue";
    const ABOUT: &'static str = "Create an issue: something to do, to fix or to build. It starts in state open. Use \
        list_issues with text first when it may exist already, and add_issue_comment to say more on one that does. \
        Returns its number and version.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        open_world: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Issues, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([("/body", Some(args.body.as_str()))])?;
        let title = args.title.trim();
        if title.is_empty() || title.contains(char::is_control) {
            return Err(ToolError::invalid(
                "/title",
                "must be one line with something on it",
            ));
        }
        let fields = Fields {
            title: title.to_owned(),
            body: args.body,
            kind: args.kind.unwrap_or(Kind::Task),
            priority: args.priority.unwrap_or(DEFAULT_PRIORITY),
            state: State::Open,
            labels: labels(args.labels, "/labels")?,
            assignees: agents(args.assignees, ctx, "/assignees")?,
        };
        let once = once(args.idempotency_key, &json!(fields));
        let new = NewIssue { fields, once };
        let number = server.store.create(ctx.scope(), new, ctx.now()).await?;
        ctx.changed(format!("issues/{number}"));
        Ok(Output { number, version: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{issue, refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn numbers_count_up_in_each_project() {
        let team = team().await;
        let eve = team.at("elsewhere", "eve");
        assert_eq!(issue(&team, "a").await, 1);
        assert_eq!(issue(&eve, "x").await, 1);
        assert_eq!(issue(&team, "b").await, 2);
    }

    #[tokio::test]
    async fn the_same_key_creates_once_and_another_body_is_refused() {
        let team = team().await;
        let sent = json!({"title": "a", "idempotency_key": "k"});
        let once = team.call_json("create_issue", sent.clone()).await.unwrap();
        let again = team.call_json("create_issue", sent).await.unwrap();
        assert_eq!(once, again);
        let other = json!({"title": "b", "idempotency_key": "k"});
        assert_eq!(
            refused(team.call_json("create_issue", other).await).0,
            "invalid_argument"
        );
        assert_eq!(
            issue(&team, "next").await,
            2,
            "neither repetition nor refusal took a number"
        );
    }

    #[tokio::test]
    async fn wrong_arguments_are_named_by_pointer() {
        let team = team().await;
        for (sent, pointer) in [
            (json!({"title": " \n"}), "/title"),
            (json!({"title": "a", "body": "x\u{0}"}), "/body"),
            (json!({"title": "a", "priority": 5}), "/priority"),
            (json!({"title": "a", "labels": ["x", " "]}), "/labels/1"),
            (json!({"title": "a", "assignees": ["@you"]}), "/assignees/0"),
            (json!({"title": "a", "type": "story"}), "/type"),
        ] {
            let error = team.call_json("create_issue", sent).await.unwrap_err();
            assert_eq!(error.fields[0].pointer, pointer, "{error}");
        }
    }
}
