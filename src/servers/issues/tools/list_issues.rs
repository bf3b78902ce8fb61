//! `list_issues`: find issues by what they are.

use super::{agent, labels, text};
use crate::{
    base::clock::rfc3339,
    servers::issues::{
        Issues,
        model::{Filter, Kind, Sort, State},
        store::{After, ItemRow},
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct ListIssues;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Only issues in this state; `active` is open or in_progress, `closed` is done or cancelled. Any if left out.
    pub state: Option<Wanted>,
    /// Only issues with all of these labels.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 50)))]
    pub labels: Vec<String>,
    /// Only issues assigned to this agent; `@me` is the calling agent.
    #[garde(length(chars, min = 1, max = 64))]
    pub assignee: Option<String>,
    /// Only issues of this type.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Only issues of this priority: 0 is most urgent, 4 least.
    #[garde(range(max = 4))]
    pub priority: Option<u8>,
    /// Only issues with this text in title or body, in any case.
    #[garde(length(chars, min = 1, max = 200))]
    pub text: Option<String>,
    /// The order; `updated` if left out.
    pub sort: Option<Sort>,
    /// Go on after an earlier page: its `next_cursor`, with all other arguments the same.
    #[garde(length(max = 2048))]
    pub cursor: Option<String>,
    /// Most issues to return; 20 if left out.
    #[garde(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

/// States to list.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Wanted {
    /// Nobody works on it.
    Open,
    /// Somebody works on it.
    InProgress,
    /// Finished.
    Done,
    /// Will not be done.
    Cancelled,
    /// Open or in progress.
    Active,
    /// Done or cancelled.
    Closed,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The issues.
    pub items: Vec<Item>,
    /// For `cursor`, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// An issue in short.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Number within the project.
    pub number: i64,
    /// What it is about.
    pub title: String,
    /// What sort of work it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// 0 is most urgent, 4 least.
    pub priority: i64,
    /// Where it stands.
    pub state: State,
    /// Its labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Agents it is assigned to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignees: Vec<String>,
    /// Agent that holds a live claim of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<String>,
    /// How many comments it has, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<i64>,
    /// When it last changed (RFC 3339, UTC).
    pub updated_at: String,
}

const LIMIT: u32 = 20;
/// Bytes of items in one answer: a page of long titles ends before its limit.
const MAX_BYTES: usize = 40_000;

impl Tool for ListIssues {
    type Server = Issues;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "list_issues";
    const ABOUT: &'static str = "List this project's issues, filtered by state, labels, assignee, type, priority and \
        text, newest change first unless sorted otherwise. Use get_issue for one issue's body and comments, and \
        claim_issue without a number to get work to do. Returns items in short and next_cursor when there are more.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Issues, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([("/text", args.text.as_deref())])?;
        let filter = Filter {
            states: args.state.map_or_else(Vec::new, Wanted::states),
            labels: labels(args.labels, "/labels")?,
            assignee: args
                .assignee
                .map(|name| agent(&name, ctx, "/assignee"))
                .transpose()?,
            kind: args.kind,
            priority: args.priority,
            text: args.text,
        };
        let sort = args.sort.unwrap_or(Sort::Updated);
        let binding = ("list_issues", ctx.scope(), &filter, sort);
        let after = args
            .cursor
            .map(|cursor| paging::decode::<After>(&binding, &cursor))
            .transpose()?;
        let limit = args.limit.unwrap_or(LIMIT);
        let page = (sort, after, limit + 1);
        let mut rows = server
            .store
            .list(ctx.project().as_str(), &filter, page, ctx.now())
            .await?;
        let mut more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let fit = fitting(&rows);
        more |= fit < rows.len();
        rows.truncate(fit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|last| paging::encode(&binding, &last.place(sort)));
        let items = rows
            .into_iter()
            .map(Item::from_row)
            .collect::<Result<_, _>>()?;
        Ok(Output { items, next_cursor })
    }
}

/// How many of the first `rows` fit into an answer; at least one.
fn fitting(rows: &[ItemRow]) -> usize {
    let mut room = MAX_BYTES;
    let fit = rows.iter().take_while(|row| {
        let size = row.size();
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    });
    fit.count().max(1)
}

impl Wanted {
    fn states(self) -> Vec<State> {
        match self {
            Self::Open => vec![State::Open],
            Self::InProgress => vec![State::InProgress],
            Self::Done => vec![State::Done],
            Self::Cancelled => vec![State::Cancelled],
            Self::Active => vec![State::Open, State::InProgress],
            Self::Closed => vec![State::Done, State::Cancelled],
        }
    }
}

impl Item {
    fn from_row(row: ItemRow) -> Result<Self, ToolError> {
        Ok(Self {
            number: row.number,
            kind: row.kind()?,
            priority: row.priority,
            state: row.state()?,
            labels: row.labels()?,
            assignees: row.assignees()?,
            comments: (row.comments > 0).then_some(row.comments),
            updated_at: rfc3339(row.updated_ms),
            title: row.title,
            claimed_by: row.claimed_by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{issue, refused, team};
    use crate::test::Team;
    use serde_json::{Value, json};

    async fn list(team: &Team, sent: Value) -> Vec<i64> {
        let page = team.call_json("list_issues", sent).await.unwrap();
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["number"].as_i64().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn filters_narrow_and_only_this_project_shows() {
        let team = team().await;
        issue(&team.at("elsewhere", "eve"), "alpha").await;
        for (title, more) in [
            (
                "Alpha 100%",
                json!({"labels": ["bug", "ui"], "assignees": ["@me"], "priority": 0}),
            ),
            (
                "Beta",
                json!({"labels": ["bug"], "type": "bug", "body": "see alpha_1"}),
            ),
            ("Gamma", json!({"assignees": ["bea"]})),
        ] {
            let mut sent = more;
            sent["title"] = title.into();
            team.call_json("create_issue", sent).await.unwrap();
        }
        team.call_json(
            "update_issue",
            json!({"number": 3, "set": {"state": "done"}}),
        )
        .await
        .unwrap();
        for (sent, expected) in [
            (json!({"sort": "created"}), vec![3, 2, 1]),
            (json!({"sort": "priority"}), vec![1, 2, 3]),
            (json!({"labels": ["bug"], "sort": "created"}), vec![2, 1]),
            (json!({"labels": ["bug", "ui"]}), vec![1]),
            (json!({"assignee": "@me"}), vec![1]),
            (json!({"assignee": "bea"}), vec![3]),
            (json!({"type": "bug"}), vec![2]),
            (json!({"priority": 0}), vec![1]),
            (json!({"text": "ALPHA", "sort": "created"}), vec![2, 1]),
            (json!({"text": "0%"}), vec![1]),
            (json!({"text": "a_1"}), vec![2]),
            (json!({"state": "active", "sort": "created"}), vec![2, 1]),
            (json!({"state": "closed"}), vec![3]),
        ] {
            assert_eq!(list(&team, sent.clone()).await, expected, "{sent}");
        }
    }

    #[tokio::test]
    async fn pages_join_without_gaps_in_every_order() {
        let team = team().await;
        for n in 0..7 {
            issue(&team, &format!("t{n}")).await;
        }
        for sort in ["updated", "created", "priority"] {
            let mut seen = Vec::new();
            let mut sent = json!({"sort": sort, "limit": 3});
            loop {
                let page = team.call_json("list_issues", sent.clone()).await.unwrap();
                seen.extend(
                    page["items"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|i| i["number"].as_i64().unwrap()),
                );
                let Some(cursor) = page.get("next_cursor") else {
                    break;
                };
                sent["cursor"] = cursor.clone();
            }
            assert_eq!(seen.len(), 7, "{sort} {seen:?}");
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 7, "{sort}");
        }
    }

    #[tokio::test]
    async fn a_page_of_long_titles_ends_early_and_goes_on() {
        let team = team().await;
        let labels: Vec<String> = (0..20).map(|n| format!("{n:-<50}")).collect();
        for _ in 0..40 {
            let sent = json!({"title": "界".repeat(200), "labels": labels});
            team.call_json("create_issue", sent).await.unwrap();
        }
        let page = team
            .call_json("list_issues", json!({"limit": 200}))
            .await
            .unwrap();
        assert!(page.to_string().len() < 48_000);
        let sent = json!({"limit": 200, "cursor": page["next_cursor"]});
        let rest = team.call_json("list_issues", sent).await.unwrap();
        let count = |page: &Value| page["items"].as_array().unwrap().len();
        assert_eq!(count(&page) + count(&rest), 40);
    }

    #[tokio::test]
    async fn a_cursor_serves_its_own_question_only() {
        let team = team().await;
        issue(&team, "a").await;
        issue(&team, "b").await;
        let page = team
            .call_json("list_issues", json!({"limit": 1}))
            .await
            .unwrap();
        let sent = json!({"limit": 1, "state": "open", "cursor": page["next_cursor"]});
        assert_eq!(
            refused(team.call_json("list_issues", sent).await).0,
            "invalid_argument"
        );
    }
}
