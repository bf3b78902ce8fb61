//! `get_issue`: one issue with what was asked for.

use super::{part, text};
use crate::{
    base::clock::rfc3339,
    servers::issues::{
        Issues,
        model::{Kind, State},
        store::{ClaimRow, CommentRow, EventRow},
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct GetIssue;

/// More to be told of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Include {
    /// The newest comments.
    Comments,
    /// The newest changes.
    History,
    /// Who holds it, if anybody does.
    Claim,
}

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Issue number within the project, as in `#12`.
    #[garde(range(min = 1))]
    pub number: i64,
    /// What to add to the issue's own fields.
    #[serde(default)]
    #[garde(length(max = 3))]
    pub include: Vec<Include>,
    /// Most characters of body, comments and history together; 12000 if left out.
    #[garde(range(min = 200, max = 40_000))]
    pub max_chars: Option<u32>,
    /// Start the body at this character, to read on in a long one.
    pub body_from: Option<u32>,
    /// Only comments before this one, to read older ones.
    #[garde(length(chars, min = 1, max = 64))]
    pub comments_before: Option<String>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Number within the project.
    pub number: i64,
    /// What it is about.
    pub title: String,
    /// Details in Markdown, from `body_from` on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// What sort of work it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// 0 is most urgent, 4 least.
    pub priority: u8,
    /// Where it stands.
    pub state: State,
    /// Its labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Agents it is assigned to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignees: Vec<String>,
    /// For `expected_version` of update_issue.
    pub version: i64,
    /// Agent that made it.
    pub created_by: String,
    /// When it was made (RFC 3339, UTC).
    pub created_at: String,
    /// When it last changed (RFC 3339, UTC).
    pub updated_at: String,
    /// When it was closed (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// How many comments it has.
    pub comment_count: i64,
    /// The newest comments, oldest of them first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
    /// The newest changes, oldest of them first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Event>,
    /// The live claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Whether something was left out for `max_chars`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// How to get what was left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
}

/// A comment.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Comment {
    /// Its id, for `reply_to` of add_issue_comment.
    pub id: String,
    /// Agent that wrote it.
    pub author: String,
    /// When (RFC 3339, UTC).
    pub at: String,
    /// Markdown.
    pub body: String,
    /// The comment it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

/// A change.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Event {
    /// Its place in the project's history.
    pub seq: i64,
    /// When (RFC 3339, UTC).
    pub at: String,
    /// Agent that made it.
    pub who: String,
    /// What changed: a field's name, `created`, `comment` or `claim`.
    pub field: String,
    /// The value before, at most 200 characters of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// The value after, at most 200 characters of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// A live claim.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Claim {
    /// Agent that holds it.
    pub claimed_by: String,
    /// Which claim of this issue it is.
    pub epoch: i64,
    /// When it was taken (RFC 3339, UTC).
    pub claimed_at: String,
    /// When it ends (RFC 3339, UTC).
    pub expires_at: String,
}

const MAX_CHARS: u32 = 12_000;
/// Comments and changes that are looked at; `max_chars` ends the answer before they do.
const NEWEST: u32 = 100;
/// Characters of an old or new value.
const VALUE: usize = 200;

impl Tool for GetIssue {
    type Server = Issues;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "get_issue";
    const ABOUT: &'static str = "Read one issue by number: its fields and body, and with include its comments, its \
        history (who changed what when) and its live claim. Use list_issues to find numbers. Long texts are cut at \
        max_chars; `truncated` and `more` say what to ask for next.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Issues, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([("/comments_before", args.comments_before.as_deref())])?;
        let (store, number) = (&server.store, args.number);
        let row = store
            .get(ctx.project().as_str(), number)
            .await?
            .ok_or_else(|| {
                ToolError::not_found("issue", number)
                    .hint("list_issues shows this project's issues")
            })?;
        let wants = |what| args.include.contains(&what);
        let mut comments = Vec::new();
        if wants(Include::Comments) {
            let before = args.comments_before.as_deref();
            comments = store.comments(&row.id, before, NEWEST).await?;
        }
        let mut history = Vec::new();
        if wants(Include::History) {
            history = store.history(&row.id, NEWEST).await?;
        }
        let mut claim = None;
        if wants(Include::Claim) {
            claim = store.live_claim(&row.id, ctx.now()).await?;
        }
        let fields = row.fields()?;
        let mut room = args.max_chars.unwrap_or(MAX_CHARS) as usize;
        let mut more = Vec::new();
        let from = args.body_from.unwrap_or(0) as usize;
        let (body, cut) = part(&fields.body, from, room);
        let taken = body.chars().count();
        room -= taken;
        if cut {
            more.push(format!("body: get_issue with body_from {}", from + taken));
        }
        let (comments, left) = newest(
            comments,
            &mut room,
            |row| row.body.chars().count() + 100,
            Comment::from,
        );
        if let (true, Some(first)) = (left, comments.first()) {
            more.push(format!(
                "older comments: get_issue with comments_before {}",
                first.id
            ));
        } else if left {
            more.push(
                "comments: get_issue with a larger max_chars, and body_from past the body".into(),
            );
        }
        let (history, left) = newest(history, &mut room, |_| 2 * VALUE, Event::from);
        if left {
            more.push(
                "older history: get_issue with a larger max_chars and only history included".into(),
            );
        }
        Ok(Output {
            number,
            title: fields.title,
            body,
            kind: fields.kind,
            priority: fields.priority,
            state: fields.state,
            labels: fields.labels,
            assignees: fields.assignees,
            version: row.version,
            created_by: row.created_by,
            created_at: rfc3339(row.created_ms),
            updated_at: rfc3339(row.updated_ms),
            closed_at: row.closed_ms.map(rfc3339),
            comment_count: row.comments,
            comments,
            history,
            claim: claim.map(Claim::from),
            truncated: !more.is_empty(),
            more,
        })
    }
}

/// As many of the last rows as fit into `room` characters, in their order, and whether some did not.
fn newest<R, T>(
    rows: Vec<R>,
    room: &mut usize,
    size: impl Fn(&R) -> usize,
    make: impl Fn(R) -> T,
) -> (Vec<T>, bool) {
    let all = rows.len();
    let mut kept = Vec::new();
    for row in rows.into_iter().rev() {
        let Some(rest) = room.checked_sub(size(&row)) else {
            break;
        };
        *room = rest;
        kept.push(make(row));
    }
    kept.reverse();
    let left = kept.len() < all || all == NEWEST as usize;
    (kept, left)
}

impl From<CommentRow> for Comment {
    fn from(row: CommentRow) -> Self {
        Self {
            id: row.id,
            author: row.author,
            at: rfc3339(row.created_ms),
            body: row.body,
            reply_to: row.reply_to,
        }
    }
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        let short = |text: String| part(&text, 0, VALUE).0;
        Self {
            seq: row.seq,
            at: rfc3339(row.at_ms),
            who: row.agent_id,
            field: row.field,
            old: row.old.map(short),
            new: row.new.map(short),
        }
    }
}

impl From<ClaimRow> for Claim {
    fn from(row: ClaimRow) -> Self {
        Self {
            claimed_by: row.agent_id,
            epoch: row.epoch,
            claimed_at: rfc3339(row.claimed_ms),
            expires_at: rfc3339(row.expires_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{issue, refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn a_plain_read_is_lean() {
        let team = team().await;
        issue(&team, "Login fails").await;
        let mut seen = team
            .call_json("get_issue", json!({"number": 1}))
            .await
            .unwrap();
        let seen = seen.as_object_mut().unwrap();
        assert!(
            seen.remove("created_at")
                .unwrap()
                .as_str()
                .unwrap()
                .ends_with('Z')
        );
        assert!(seen.remove("updated_at").is_some());
        let expected = json!({"number": 1, "title": "Login fails", "type": "task", "priority": 2, "state": "open",
            "version": 1, "created_by": "ann", "comment_count": 0});
        assert_eq!(json!(seen), expected);
    }

    #[tokio::test]
    async fn a_long_body_is_read_in_parts() {
        let team = team().await;
        let body = "é".repeat(450);
        team.call_json("create_issue", json!({"title": "t", "body": body}))
            .await
            .unwrap();
        let sent = json!({"number": 1, "max_chars": 400});
        let first = team.call_json("get_issue", sent).await.unwrap();
        assert_eq!(first["more"], json!(["body: get_issue with body_from 400"]));
        let rest = team
            .call_json("get_issue", json!({"number": 1, "body_from": 400}))
            .await
            .unwrap();
        assert_eq!(rest["body"].as_str().unwrap().chars().count(), 50);
        assert!(rest.get("truncated").is_none());
    }

    #[tokio::test]
    async fn history_and_comments_come_when_asked_for() {
        let team = team().await;
        issue(&team, "t").await;
        let said = team
            .call_json("add_issue_comment", json!({"number": 1, "body": "hello"}))
            .await
            .unwrap();
        team.call_json(
            "update_issue",
            json!({"number": 1, "set": {"state": "done"}}),
        )
        .await
        .unwrap();
        let sent = json!({"number": 1, "include": ["comments", "history", "claim"]});
        let seen = team
            .at("demo", "bea")
            .call_json("get_issue", sent)
            .await
            .unwrap();
        assert_eq!(seen["comments"][0]["id"], said["comment_id"]);
        let fields: Vec<_> = seen["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["field"].as_str().unwrap())
            .collect();
        assert_eq!(fields, ["created", "comment", "state"]);
        assert!(seen.get("claim").is_none());
        assert!(seen["closed_at"].is_string());
    }

    #[tokio::test]
    async fn another_projects_issue_answers_like_none() {
        let team = team().await;
        issue(&team.at("elsewhere", "eve"), "secret").await;
        let foreign = refused(team.call_json("get_issue", json!({"number": 1})).await);
        let none = refused(team.call_json("get_issue", json!({"number": 2})).await);
        assert_eq!(foreign.1.replace('1', "2"), none.1);
        assert_eq!(foreign.0, "not_found");
    }
}
