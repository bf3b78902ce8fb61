//! `update_issue`: change fields of an issue.

use super::{agents, labels, text};
use crate::{
    servers::issues::{
        Issues,
        model::{Kind, Patch, State},
        store::Update,
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct UpdateIssue;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schemars(extend("anyOf" = [{"required": ["set"]}, {"required": ["add"]}, {"required": ["remove"]}]))]
pub struct Args {
    /// Issue number within the project, as in `#12`.
    #[garde(range(min = 1))]
    pub number: i64,
    /// The version that you read: if the issue has changed since, nothing is written and the error carries its current
    /// fields. Left out, the change is made whatever happened meanwhile.
    #[garde(range(min = 1))]
    pub expected_version: Option<i64>,
    /// From claim_issue: refuse the change if that claim has ended.
    #[garde(length(chars, min = 1, max = 128))]
    pub claim_token: Option<String>,
    /// Fields to set; those left out stay.
    #[garde(dive)]
    pub set: Option<Set>,
    /// Labels and assignees to add.
    #[garde(dive)]
    pub add: Option<Lists>,
    /// Labels and assignees to take off.
    #[garde(dive)]
    pub remove: Option<Lists>,
}

/// Fields to set.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct Set {
    /// What is to be done, in one line.
    #[garde(length(chars, min = 1, max = 200))]
    pub title: Option<String>,
    /// Details in Markdown, at most 65,536 characters.
    #[garde(length(chars, max = 65_536))]
    pub body: Option<String>,
    /// What sort of work it is.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// 0 is most urgent, 4 least.
    #[garde(range(max = 4))]
    pub priority: Option<u8>,
    /// Where it stands. Leaving in_progress ends a live claim.
    pub state: Option<State>,
}

/// Labels and assignees.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct Lists {
    /// Labels, each a line of at most 50 characters.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 50)))]
    pub labels: Vec<String>,
    /// Agents; `@me` is the calling agent.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 64)))]
    pub assignees: Vec<String>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The issue.
    pub number: i64,
    /// Its version now, for `expected_version`.
    pub version: i64,
    /// Names of the fields that changed; absent when all was so already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<&'static str>,
    /// Where it stands now.
    pub state: State,
}

impl Tool for UpdateIssue {
    type Server = Issues;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "update_issue";
    const ABOUT: &'static str = "Change an issue: set title, body, type, priority or state; add or remove labels and \
        assignees. Send expected_version to change only what you have read. Use add_issue_comment to say something, \
        claim_issue to begin work. Returns the new version and which fields changed.";
    const ACCESS: Access = Access::Write;

    async fn run(server: &Issues, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        if args.set.is_none() && args.add.is_none() && args.remove.is_none() {
            return Err(ToolError::invalid(
                "/set",
                "there is nothing to change: send set, add or remove",
            ));
        }
        let set = args.set.unwrap_or_default();
        let add = args.add.unwrap_or_default();
        let remove = args.remove.unwrap_or_default();
        text([("/set/body", set.body.as_deref())])?;
        let title = set.title.map(|title| title.trim().to_owned());
        if title
            .as_ref()
            .is_some_and(|title| title.is_empty() || title.contains(char::is_control))
        {
            return Err(ToolError::invalid(
                "/set/title",
                "must be one line with something on it",
            ));
        }
        let patch = Patch {
            title,
            body: set.body,
            kind: set.kind,
            priority: set.priority,
            state: set.state,
            add_labels: labels(add.labels, "/add/labels")?,
            remove_labels: labels(remove.labels, "/remove/labels")?,
            add_assignees: agents(add.assignees, ctx, "/add/assignees")?,
            remove_assignees: agents(remove.assignees, ctx, "/remove/assignees")?,
        };
        let update = Update {
            number: args.number,
            expected_version: args.expected_version,
            claim_token: args.claim_token,
            patch,
        };
        let done = server.store.update(ctx.scope(), update, ctx.now()).await?;
        ctx.changed(format!("issues/{}", args.number));
        Ok(Output {
            number: args.number,
            version: done.version,
            changed: done.changed,
            state: done.fields.state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{issue, refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn a_stale_version_changes_nothing_and_shows_the_current_fields() {
        let team = team().await;
        issue(&team, "old").await;
        let sent = json!({"number": 1, "expected_version": 1, "set": {"title": "new"}, "add": {"labels": ["x"]}});
        let done = team.call_json("update_issue", sent.clone()).await.unwrap();
        assert_eq!(
            done,
            json!({"number": 1, "version": 2, "changed": ["title", "labels"], "state": "open"})
        );
        let error = team.call_json("update_issue", sent).await.unwrap_err();
        assert_eq!(error.code.as_str(), "precondition_failed");
        let current = &error.details.unwrap()["current"];
        assert_eq!(
            (&current["title"], &current["version"]),
            (&json!("new"), &json!(2))
        );
    }

    #[tokio::test]
    async fn what_is_so_already_is_no_change() {
        let team = team().await;
        issue(&team, "t").await;
        let sent = json!({"number": 1, "set": {"state": "open"}, "remove": {"labels": ["none"]}});
        let done = team.call_json("update_issue", sent).await.unwrap();
        assert_eq!(done, json!({"number": 1, "version": 1, "state": "open"}));
        let empty = team.call_json("update_issue", json!({"number": 1})).await;
        assert_eq!(refused(empty).0, "invalid_argument");
    }

    #[tokio::test]
    async fn closing_ends_the_claim_and_fences_its_token_off() {
        let team = team().await;
        issue(&team, "t").await;
        let claim = team
            .call_json("claim_issue", json!({"number": 1}))
            .await
            .unwrap();
        let bea = team.at("demo", "bea");
        bea.call_json(
            "update_issue",
            json!({"number": 1, "set": {"state": "open"}}),
        )
        .await
        .unwrap();
        let late =
            json!({"number": 1, "claim_token": claim["claim_token"], "set": {"state": "done"}});
        let (code, message) = refused(team.call_json("update_issue", late).await);
        assert_eq!(code, "conflict", "{message}");
        bea.call_json("claim_issue", json!({"number": 1}))
            .await
            .unwrap();
    }
}
