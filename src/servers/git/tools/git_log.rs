//! `git_log`: history.

use git2::Commit;

use crate::{
    base::clock::rfc3339,
    servers::git::{
        Git,
        engine::{
            Backend,
            log::{self, After, Filter},
            name, when,
        },
        fault,
    },
    tool::prelude::*,
};

/// Longest shown body of a message, in bytes.
const MAX_BODY: usize = 2000;
/// Text of all commits on a page, in bytes.
const PAGE_BYTES: usize = 36 * 1024;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitLog;

/// The arguments, all but cursor and count of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Branch, tag, commit, expression such as `HEAD~3`, or range `from..to`; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 512))]
    pub revision: Option<String>,
    /// Only commits that changed something at or below these paths.
    #[serde(default)]
    #[garde(length(max = 100))]
    pub paths: Vec<String>,
    /// Only commits whose author's name or address holds this, in any case.
    #[garde(length(bytes, min = 1, max = 200))]
    pub author: Option<String>,
    /// Only commits whose message holds this, in any case.
    #[garde(length(bytes, min = 1, max = 200))]
    pub grep: Option<String>,
    /// Only commits not older than this, e.g. `2026-01-31` or `2026-01-31T12:00:00Z`.
    #[garde(length(bytes, max = 40))]
    pub since: Option<String>,
    /// Only commits not newer than this.
    #[garde(length(bytes, max = 40))]
    pub until: Option<String>,
    /// Only commits that change how often this text occurs in the files. Slow on long histories: pass paths too.
    #[garde(length(bytes, min = 1, max = 1000))]
    pub pickaxe: Option<String>,
    /// Follow only the first parent of merges.
    #[serde(default)]
    pub first_parent: bool,
    /// Most commits to return.
    #[serde(default = "twenty", alias = "limit")]
    #[garde(range(min = 1, max = 200))]
    pub max_count: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn twenty() -> u32 {
    20
}

/// One commit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its id.
    pub commit: String,
    /// Ids of its parents; none for a first commit, two or more for a merge.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// Who wrote it, as `Name <address>`.
    pub author: String,
    /// When it was committed (RFC 3339, UTC).
    pub committed_at: String,
    /// First line of the message.
    pub subject: String,
    /// The rest of the message, cut when long.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commits, newest first.
    pub items: Vec<Item>,
    /// Pass as `cursor` for older ones, when there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Who looked: the `git` program or `libgit2`.
    pub backend: Backend,
}

impl Tool for GitLog {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_log";
    const ABOUT: &'static str = "List commits of a branch or range, newest first, narrowed by path, author, message, date or changed text. Use \
                                 git_diff(mode: \"range\", to: commit) to see what one changes. Returns id, parents, author, time and message, in \
                                 pages that join even when the branch moves.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let binding = (
            ctx.scope().clone(),
            Args {
                cursor: None,
                max_count: 0,
                ..args.clone()
            },
        );
        let after: Option<After> = args
            .cursor
            .as_ref()
            .map(|cursor| paging::decode(&binding, cursor))
            .transpose()?;
        let date = |text: &Option<String>| {
            text.as_deref()
                .map(when::parse)
                .transpose()
                .map_err(fault::of)
        };
        let filter = Filter {
            paths: name::paths(&args.paths).map_err(fault::of)?,
            author: args.author,
            grep: args.grep,
            since: date(&args.since)?,
            until: date(&args.until)?,
            pickaxe: args.pickaxe,
            first_parent: args.first_parent,
        };
        let limit = args.max_count as usize;
        server
            .look(ctx, args.repo, move |session, stop| {
                let stop = || stop.is_set();
                let revision = args.revision.as_deref();
                let mut page = log::log(
                    &session.repository,
                    session.git.as_ref(),
                    revision,
                    &filter,
                    after.as_ref(),
                    limit,
                    &stop,
                )?;
                let mut items: Vec<Item> = page.commits.iter().map(item).collect();
                let mut room = PAGE_BYTES;
                let fit = items
                    .iter()
                    .take_while(|item| {
                        let size = item.subject.len() + item.body.len() + item.author.len() + 200;
                        let fits = size <= room;
                        room = room.saturating_sub(size);
                        fits
                    })
                    .count();
                if fit < items.len() {
                    items.truncate(fit.max(1));
                    page.next = page.end_after(fit.max(1));
                }
                Ok(Output {
                    items,
                    next_cursor: page.next.map(|next| paging::encode(&binding, &next)),
                    backend: page.backend,
                })
            })
            .await
    }
}

pub(super) fn item(commit: &Commit<'_>) -> Item {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let author = commit.author();
    let mut body = commit.body_bytes().map(text).unwrap_or_default();
    if body.len() > MAX_BODY {
        body.truncate(body.floor_char_boundary(MAX_BODY));
        body.push('…');
    }
    let mut subject = commit.summary_bytes().map(text).unwrap_or_default();
    if subject.len() > MAX_BODY {
        subject.truncate(subject.floor_char_boundary(MAX_BODY));
        subject.push('…');
    }
    Item {
        commit: commit.id().to_string(),
        parents: commit.parent_ids().map(|id| id.to_string()).collect(),
        author: format!(
            "{} <{}>",
            text(author.name_bytes()),
            text(author.email_bytes())
        ),
        committed_at: rfc3339(commit.time().seconds() * 1000),
        subject,
        body,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn pages_join_although_the_branch_moves() {
        let team = team().await;
        assert_eq!(
            refused(&team, "git_log", json!({})).await.code,
            Code::Conflict
        );
        let first = save(&team, "a", "1").await;
        let second = save(&team, "b", "1").await;
        let page = ok(&team, "git_log", json!({"max_count": 1})).await;
        assert_eq!(
            (&page["items"][0]["commit"], &page["items"][0]["parents"]),
            (&json!(second), &json!([first]))
        );
        save(&team, "c", "1").await;
        let rest = ok(
            &team,
            "git_log",
            json!({"max_count": 9, "cursor": page["next_cursor"]}),
        )
        .await;
        assert_eq!(rest["items"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&rest["items"][0]["commit"], &rest["items"][0]["subject"]),
            (&json!(first), &json!("change a"))
        );
        assert_eq!(rest.get("next_cursor"), None);
        let by_path = ok(
            &team,
            "git_log",
            json!({"paths": ["a"], "since": "2020-01-01"}),
        )
        .await;
        assert_eq!(by_path["items"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_looks_like_an_option_is_refused() {
        let team = team().await;
        save(&team, "a", "1").await;
        for args in [
            json!({"revision": "--output=/tmp/x"}),
            json!({"revision": "HEAD..-x"}),
            json!({"revision": "a...b"}),
            json!({"since": "--x"}),
            json!({"paths": ["../x"]}),
            json!({"paths": ["-x"]}),
            json!({"cursor": "nonsense"}),
        ] {
            assert_eq!(
                refused(&team, "git_log", args.clone()).await.code,
                Code::InvalidArgument,
                "{args}"
            );
        }
        assert_eq!(
            refused(&team, "git_log", json!({"revision": "nope"}))
                .await
                .code,
            Code::NotFound
        );
    }
}
