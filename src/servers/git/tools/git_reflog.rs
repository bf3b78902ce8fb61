//! `git_reflog`: where HEAD or a branch was before.

use crate::{
    base::clock::rfc3339,
    servers::git::{
        Git,
        engine::{self, name, reflog},
    },
    tool::prelude::*,
};

/// Longest shown message, in bytes.
const MAX_MESSAGE: usize = 200;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitReflog;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The branch; your own HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub branch: Option<String>,
    /// Most moves on a page.
    #[serde(default = "twenty")]
    #[garde(range(min = 1, max = 100))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn twenty() -> u32 {
    20
}

/// One move.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The commit it moved from; none when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The commit it moved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Who moved it, as `Name <address>`.
    pub who: String,
    /// When (RFC 3339, UTC).
    pub at: String,
    /// What moved it.
    pub message: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The moves, newest first.
    pub items: Vec<Item>,
    /// Pass as `cursor` for older ones, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for GitReflog {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_reflog";
    const ABOUT: &'static str = "List where your HEAD, or a branch, was before, newest first. It finds commits that are on no branch any more, \
                                 after a git_reset or git_rebase for instance: git_create_branch(from: id) brings them back. Returns pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let binding = (ctx.scope().clone(), args.repo.clone(), args.branch.clone());
        // Counted from the oldest, so that pages join although moves are added.
        let before: Option<usize> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        let limit = args.limit as usize;
        server
            .look(ctx, args.repo, move |session, _| {
                let repository = &session.repository;
                let reference = match &args.branch {
                    Some(branch) if name::branch(repository, branch)?.is_some() => {
                        format!("refs/heads/{branch}")
                    }
                    Some(branch) => return Err(engine::Error::NoBranch(branch.clone())),
                    None => "HEAD".to_owned(),
                };
                let (_, total) = reflog::reflog(repository, &reference, 0, 0)?;
                let before = before.unwrap_or(total).min(total);
                let (moves, _) = reflog::reflog(repository, &reference, total - before, limit)?;
                let left = before - moves.len();
                Ok(Output {
                    items: moves.into_iter().map(Item::from).collect(),
                    next_cursor: (left > 0).then(|| paging::encode(&binding, &left)),
                })
            })
            .await
    }
}

impl From<reflog::Move> for Item {
    fn from(found: reflog::Move) -> Self {
        let mut message = found.message;
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        Self {
            from: found.from.map(|id| id.to_string()),
            to: found.to.map(|id| id.to_string()),
            who: found.who,
            at: rfc3339(found.time * 1000),
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn moves_are_remembered_and_page() {
        let team = team().await;
        assert_eq!(ok(&team, "git_reflog", json!({})).await["items"], json!([]));
        let first = save(&team, "a", "1").await;
        let second = save(&team, "a", "2").await;
        let page = ok(&team, "git_reflog", json!({"limit": 1})).await;
        assert_eq!(
            (&page["items"][0]["from"], &page["items"][0]["to"]),
            (&json!(first), &json!(second))
        );
        save(&team, "a", "3").await;
        let rest = ok(
            &team,
            "git_reflog",
            json!({"limit": 9, "cursor": page["next_cursor"]}),
        )
        .await;
        assert_eq!(
            (
                &rest["items"][0]["to"],
                rest["items"][0].get("from"),
                rest.get("next_cursor")
            ),
            (&json!(first), None, None)
        );
        ok(&team, "git_reset", json!({"revision": first})).await;
        let moved = ok(&team, "git_reflog", json!({"limit": 2})).await;
        for item in moved["items"].as_array().unwrap() {
            assert_eq!(item["who"], "ann <ann@demo.syndarix.local>", "{item}");
        }
        ok(&team, "git_reset", json!({"revision": second})).await;
        let branch = ok(&team, "git_reflog", json!({"branch": "agent/ann/work"})).await;
        assert_eq!(branch["items"].as_array().unwrap().len(), 5);
        assert_eq!(
            refused(&team, "git_reflog", json!({"branch": "nope"}))
                .await
                .code,
            Code::NotFound
        );
        assert_eq!(
            refused(&team, "git_reflog", json!({"branch": "-n"}))
                .await
                .code,
            Code::InvalidArgument
        );
    }
}
