//! `git_show`: one commit and what it changed.

use crate::{
    base::clock::rfc3339,
    servers::git::{
        Git,
        engine::{
            Backend,
            diff::{self, After, Sides},
            name,
            sign::{self, Checked},
        },
        fault,
        tools::git_diff::{Format, Item, three},
    },
    tool::prelude::*,
};

/// Longest shown message, in bytes.
const MAX_MESSAGE: usize = 8000;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitShow;

/// The arguments, all but cursor and limit of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Branch, tag, commit or expression such as `HEAD~3`; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// Only files at or below these paths.
    #[serde(default)]
    #[garde(length(max = 100))]
    pub paths: Vec<String>,
    /// How each file's difference is shown: `patch`, `stat`, `name_status` or `word`.
    #[serde(default)]
    pub format: Format,
    /// Unchanged lines around each change.
    #[serde(default = "three")]
    #[garde(range(max = 50))]
    pub context_lines: u32,
    /// Most files on a page.
    #[serde(default = "fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 8192))]
    pub cursor: Option<String>,
}

fn fifty() -> u32 {
    50
}

/// Who, and when.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Person {
    /// `Name <address>`.
    pub who: String,
    /// When (RFC 3339, UTC).
    pub at: String,
}

impl Person {
    fn of(signature: &git2::Signature<'_>) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self {
            who: format!(
                "{} <{}>",
                text(signature.name_bytes()),
                text(signature.email_bytes())
            ),
            at: rfc3339(signature.when().seconds() * 1000),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit's id.
    pub commit: String,
    /// Id of the tree it holds.
    pub tree: String,
    /// Ids of its parents; none for a first commit, two or more for a merge.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author: Person,
    /// Who committed it.
    pub committer: Person,
    /// The whole message, cut when very long.
    pub message: String,
    /// Who signed it, if anybody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Checked>,
    /// Files that differ from its first parent, in all.
    pub files_changed: usize,
    /// Lines added in all, unless there are too many files to sum up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insertions: Option<usize>,
    /// Lines removed in all, unless there are too many files to sum up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions: Option<usize>,
    /// The files, by path.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Who compared: the `git` program or `libgit2`.
    pub backend: Backend,
}

impl Tool for GitShow {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_show";
    const ABOUT: &'static str = "Show one commit: who made it, its whole message, and what it changed against its first parent (all of its \
                                 files for a first commit). Use git_log to find commits, and git_read_file for a file as it was. Returns the \
                                 files' patches in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let paths = name::paths(&args.paths).map_err(fault::of)?;
        let format = args.format.of_engine();
        let question = Args {
            cursor: None,
            limit: 0,
            ..args.clone()
        };
        let scope = ctx.scope().clone();
        let (mut shown, signed) = server
            .look(ctx, args.repo, move |session, stop| {
                let stop = || stop.is_set();
                let commit = name::commit(
                    &session.repository,
                    args.revision.as_deref().unwrap_or("HEAD"),
                )?;
                let sides = Sides::Range {
                    from: None,
                    to: Some(commit.id().to_string()),
                    merge_base: false,
                };
                let (found, _) = diff::compare(
                    &session.repository,
                    session.comparer(),
                    &sides,
                    &paths,
                    args.context_lines,
                    None,
                    &stop,
                )?;
                let binding = (scope, question, commit.id().to_string());
                let after: Option<After> = args
                    .cursor
                    .map(|cursor| paging::decode(&binding, &cursor))
                    .transpose()?;
                let page = found.page(format, after.as_ref(), args.limit as usize, &stop)?;
                let totals = found.totals(format != diff::Format::NameStatus)?;
                let mut message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
                if message.len() > MAX_MESSAGE {
                    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
                    message.push('…');
                }
                let signed = sign::signed(&session.repository, commit.id())?;
                let shown = Output {
                    commit: commit.id().to_string(),
                    tree: commit.tree_id().to_string(),
                    parents: commit.parent_ids().map(|id| id.to_string()).collect(),
                    author: Person::of(&commit.author()),
                    committer: Person::of(&commit.committer()),
                    message,
                    signature: None,
                    files_changed: totals.files,
                    insertions: totals.lines.map(|(insertions, _)| insertions),
                    deletions: totals.lines.map(|(_, deletions)| deletions),
                    items: page.items.into_iter().map(Item::from).collect(),
                    next_cursor: page.next.map(|next| paging::encode(&binding, &next)),
                    backend: found.backend(),
                };
                Ok((shown, signed))
            })
            .await?;
        if let Some(signed) = signed {
            shown.signature = Some(server.checked(ctx, &signed).await?);
        }
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn a_first_commit_and_a_later_one() {
        let team = team().await;
        assert_eq!(
            refused(&team, "git_show", json!({})).await.code,
            Code::Conflict
        );
        let first = save(&team, "a", "1\n").await;
        write(&team, "b", "1\n");
        let second = save(&team, "a", "2\n").await;
        let root = ok(&team, "git_show", json!({"revision": first})).await;
        assert_eq!(
            (&root["files_changed"], root.get("parents")),
            (&json!(1), None)
        );
        assert_eq!(root["author"]["who"], "ann <ann@demo.syndarix.local>");
        let page = ok(&team, "git_show", json!({"limit": 1})).await;
        assert_eq!(
            (&page["commit"], &page["message"]),
            (&json!(second), &json!("change a\n"))
        );
        assert_eq!(page["items"][0]["path"], "a");
        let next = json!({"limit": 1, "cursor": page["next_cursor"]});
        assert_eq!(ok(&team, "git_show", next).await["items"][0]["path"], "b");
        for bad in ["-p", "--output=x", "HEAD:a"] {
            let error = refused(&team, "git_show", json!({"revision": bad})).await;
            assert_eq!(error.code, Code::InvalidArgument, "{bad}");
        }
    }
}
