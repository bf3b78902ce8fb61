//! `git_blame`: who last changed each line.

use std::collections::BTreeMap;

use crate::{
    base::clock::rfc3339,
    servers::git::{
        Git,
        engine::{self, Backend, blame, name},
        fault,
    },
    tool::prelude::*,
};

/// Longest line that is shown, in bytes.
const MAX_LINE: usize = 300;
/// Text of all lines on a page, in bytes.
const PAGE_BYTES: usize = 28 * 1024;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitBlame;

/// The arguments, all but cursor and limit of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The file, relative to the top of the tree.
    #[garde(length(bytes, min = 1, max = 4096))]
    pub path: String,
    /// Branch, tag or commit to look back from; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// First line, from 1.
    #[serde(default = "one")]
    #[garde(range(min = 1))]
    pub start_line: u32,
    /// Last line; the end of the file when left out.
    #[garde(range(min = 1))]
    pub end_line: Option<u32>,
    /// Most lines on a page.
    #[serde(default = "two_hundred")]
    #[garde(range(min = 1, max = 1000))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn one() -> u32 {
    1
}

fn two_hundred() -> u32 {
    200
}

/// Lines in a row that one commit brought.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The first line's number, from 1.
    pub line: usize,
    /// The commit that brought them, a key of `commits`.
    pub commit: String,
    /// The first line's number in that commit, where it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_line: Option<usize>,
    /// The file's path in that commit, where it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_path: Option<String>,
    /// The lines, very long ones cut.
    pub lines: Vec<String>,
}

/// A commit that brought some of them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Brought {
    /// Who wrote it, as `Name <address>`.
    pub author: String,
    /// When it was written (RFC 3339, UTC).
    pub at: String,
    /// First line of its message.
    pub subject: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit that was looked back from.
    pub revision: String,
    /// Lines of the whole file.
    pub total_lines: usize,
    /// The lines, grouped by the commit that brought them.
    pub items: Vec<Item>,
    /// These commits, by id.
    pub commits: BTreeMap<String, Brought>,
    /// Pass as `cursor` for the next lines, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Who looked: the `git` program or `libgit2`.
    pub backend: Backend,
}

impl Tool for GitBlame {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_blame";
    const ABOUT: &'static str = "Show which commit last changed each line of a file, and who wrote it. Pass start_line and end_line for the \
                                 lines that matter; git_show then tells the whole change. Returns the lines grouped by commit, in pages.";
    const ACCESS: Access = Access::Read;
    const DEADLINE: Duration = Duration::from_secs(60);

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let path = name::path(&args.path).map_err(fault::of)?;
        let question = (
            ctx.scope().clone(),
            Args {
                cursor: None,
                limit: 0,
                ..args.clone()
            },
        );
        server
            .look(ctx, args.repo, move |session, stop| {
                let repository = &session.repository;
                let commit = name::commit(repository, args.revision.as_deref().unwrap_or("HEAD"))?;
                let text = blame::lines(repository, &commit, &path)?;
                let binding = (question, commit.id().to_string());
                let after: Option<usize> = args
                    .cursor
                    .map(|cursor| paging::decode(&binding, &cursor))
                    .transpose()?;
                let first = after.map_or(args.start_line as usize, |after| after + 1);
                let end = args
                    .end_line
                    .map_or(text.len(), |end| (end as usize).min(text.len()));
                if first > text.len() && !(text.is_empty() && first == 1) || first > end.max(1) {
                    return Err(engine::Error::NoLine(text.len()));
                }
                let last = fitting(&text, first, end, args.limit as usize);
                let (hunks, backend) = if text.is_empty() {
                    (Vec::new(), Backend::Libgit2)
                } else {
                    let stop = || stop.is_set();
                    blame::blame(
                        repository,
                        session.git.as_ref(),
                        &commit,
                        &path,
                        (first, last),
                        &stop,
                    )?
                };
                let mut commits = BTreeMap::new();
                let mut items = Vec::with_capacity(hunks.len());
                for hunk in hunks {
                    let id = hunk.commit.to_string();
                    if !commits.contains_key(&id) {
                        commits.insert(id.clone(), brought(&repository.find_commit(hunk.commit)?));
                    }
                    let lines = text
                        .iter()
                        .skip(hunk.start.saturating_sub(1))
                        .take(hunk.lines);
                    items.push(Item {
                        line: hunk.start,
                        commit: id,
                        original_line: Some(hunk.original_start).filter(|line| *line != hunk.start),
                        original_path: hunk.original_path,
                        lines: lines.map(|line| cut(line)).collect(),
                    });
                }
                Ok(Output {
                    revision: commit.id().to_string(),
                    total_lines: text.len(),
                    items,
                    commits,
                    next_cursor: (last < end).then(|| paging::encode(&binding, &last)),
                    backend,
                })
            })
            .await
    }
}

/// The last line of a page that begins with `first`.
fn fitting(text: &[String], first: usize, end: usize, limit: usize) -> usize {
    let mut room = PAGE_BYTES;
    let lines = text
        .iter()
        .skip(first.saturating_sub(1))
        .take(end.saturating_sub(first) + 1)
        .take(limit);
    // Each line may be its own group, with a commit of its own.
    let fit = lines.take_while(|line| {
        let size = line.len().min(MAX_LINE) + 100;
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    });
    first + fit.count().saturating_sub(1)
}

fn cut(line: &str) -> String {
    let end = line.floor_char_boundary(MAX_LINE);
    match line.get(..end) {
        Some(start) if end < line.len() => format!("{start}…"),
        _ => line.to_owned(),
    }
}

fn brought(commit: &git2::Commit<'_>) -> Brought {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let author = commit.author();
    Brought {
        author: format!(
            "{} <{}>",
            text(author.name_bytes()),
            text(author.email_bytes())
        ),
        at: rfc3339(author.when().seconds() * 1000),
        subject: commit
            .summary_bytes()
            .map(text)
            .map(|subject| cut(&subject))
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, root, save, team, team_without_program};
    use crate::{test::Team, tool::Code};

    async fn lines_of(team: &Team) {
        let first = save(team, "a", "1\n2\n3\n").await;
        let second = save(team, "a", "1\ntwo\n3\n").await;
        std::fs::rename(root(team).join("a"), root(team).join("b c")).unwrap();
        let third = save(team, "b c", "0\n1\ntwo\n3\n").await;
        let all = ok(team, "git_blame", json!({"path": "b c"})).await;
        let seen: Vec<_> = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                (
                    item["line"].clone(),
                    item["commit"].clone(),
                    item["lines"].clone(),
                )
            })
            .collect();
        let like = [
            (json!(1), json!(third), json!(["0"])),
            (json!(2), json!(first), json!(["1"])),
            (json!(3), json!(second), json!(["two"])),
            (json!(4), json!(first), json!(["3"])),
        ];
        assert_eq!(seen, like);
        assert_eq!(
            (
                &all["total_lines"],
                &all["items"][1]["original_path"],
                &all["items"][1]["original_line"]
            ),
            (&json!(4), &json!("a"), &json!(1))
        );
        assert_eq!(all["commits"][&third]["subject"], "change b c");
        let part = ok(
            team,
            "git_blame",
            json!({"path": "b c", "start_line": 3, "end_line": 3}),
        )
        .await;
        assert_eq!(
            (
                part["items"].as_array().unwrap().len(),
                &part["items"][0]["commit"]
            ),
            (1, &json!(second))
        );
        let page = ok(team, "git_blame", json!({"path": "b c", "limit": 3})).await;
        let next = ok(
            team,
            "git_blame",
            json!({"path": "b c", "limit": 3, "cursor": page["next_cursor"]}),
        )
        .await;
        assert_eq!(
            (&next["items"][0]["line"], next.get("next_cursor")),
            (&json!(4), None)
        );
        for (args, code) in [
            (
                json!({"path": "b c", "start_line": 5}),
                Code::InvalidArgument,
            ),
            (
                json!({"path": "b c", "start_line": 3, "end_line": 2}),
                Code::InvalidArgument,
            ),
            (json!({"path": "a"}), Code::NotFound),
            (json!({"path": "-L"}), Code::InvalidArgument),
            (
                json!({"path": "b c", "revision": "--contents=/etc/passwd"}),
                Code::InvalidArgument,
            ),
        ] {
            assert_eq!(
                refused(team, "git_blame", args.clone()).await.code,
                code,
                "{args}"
            );
        }
        save(team, "empty", "").await;
        assert_eq!(
            ok(team, "git_blame", json!({"path": "empty"})).await["total_lines"],
            0
        );
    }

    #[tokio::test]
    async fn lines_lead_to_commits() {
        lines_of(&team().await).await;
    }

    #[tokio::test]
    async fn lines_lead_to_commits_without_the_program_too() {
        lines_of(&team_without_program().await).await;
    }
}
