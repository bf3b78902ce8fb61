//! `git_grep`: search the files of a commit.

use crate::{
    servers::git::{
        Git,
        engine::{
            grep::{self, After, Wanted},
            name,
        },
        fault,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitGrep;

/// The arguments, all but cursor and limit of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// A regular expression, in the syntax of ripgrep.
    #[garde(length(bytes, min = 1, max = 1000))]
    pub pattern: String,
    /// Branch, tag or commit to search; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// Only files at or below these paths.
    #[serde(default)]
    #[garde(length(max = 100))]
    pub paths: Vec<String>,
    /// Search for the pattern as it is, not as an expression.
    #[serde(default)]
    pub literal: bool,
    /// Upper and lower case are the same.
    #[serde(default)]
    pub ignore_case: bool,
    /// Most lines on a page.
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

/// A line that matches.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The file.
    pub path: String,
    /// The line's number, from 1.
    pub line: u64,
    /// Where the match begins in the line, in bytes, from 1.
    pub column: usize,
    /// The line, cut when very long.
    pub text: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit that was searched.
    pub commit: String,
    /// The lines, by path and number.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next lines, when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for GitGrep {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_grep";
    const ABOUT: &'static str = "Search the files of a commit or branch for a regular expression, without checking it out. Use search_content \
                                 for your own worktree, and git_log(pickaxe) to find when a text came or went. Binary files and files over 8 \
                                 MiB are passed over. Returns the matching lines in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let question = (
            ctx.scope().clone(),
            Args {
                cursor: None,
                limit: 0,
                ..args.clone()
            },
        );
        let wanted = Wanted {
            pattern: args.pattern,
            literal: args.literal,
            ignore_case: args.ignore_case,
            paths: name::paths(&args.paths).map_err(fault::of)?,
        };
        let limit = args.limit as usize;
        server
            .look(ctx, args.repo, move |session, stop| {
                let repository = &session.repository;
                let commit = name::commit(repository, args.revision.as_deref().unwrap_or("HEAD"))?;
                let binding = (question, commit.id().to_string());
                let after: Option<After> = args
                    .cursor
                    .map(|cursor| paging::decode(&binding, &cursor))
                    .transpose()?;
                let stop = || stop.is_set();
                let mut found =
                    grep::grep(repository, &commit, &wanted, after.as_ref(), limit, &stop)?;
                let more = found.len() > limit;
                found.truncate(limit);
                let last = found.last().filter(|_| more);
                let last = last.map(|last| After {
                    path: last.path.clone(),
                    line: last.line,
                });
                let items = found.into_iter().map(|found| Item {
                    path: found.path,
                    line: found.line,
                    column: found.column,
                    text: found.text,
                });
                Ok(Output {
                    commit: commit.id().to_string(),
                    items: items.collect(),
                    next_cursor: last.map(|last| paging::encode(&binding, &last)),
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{ok, refused, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn lines_of_a_commit_are_found_and_paged() {
        let team = team().await;
        write(&team, "a.b", "needle\n");
        write(&team, "a/x", "one\nNeedle two\nneedle.needle\r\n");
        write(&team, "bin", "needle\0");
        let commit = save(&team, "z", "needle").await;
        save(&team, "a/x", "gone").await;
        let find = async |mut args: Value| {
            args["revision"] = json!(commit);
            let answer = ok(&team, "git_grep", args).await;
            let items = answer["items"].as_array().unwrap();
            let lines = items.iter().map(|item| {
                format!(
                    "{}:{}:{}:{}",
                    item["path"].as_str().unwrap(),
                    item["line"],
                    item["column"],
                    item["text"].as_str().unwrap()
                )
            });
            (lines.collect::<Vec<_>>(), answer["next_cursor"].clone())
        };
        let all = ["a.b:1:1:needle", "a/x:3:1:needle.needle", "z:1:1:needle"];
        assert_eq!(find(json!({"pattern": "needle"})).await.0, all);
        assert_eq!(
            find(json!({"pattern": "e.n", "literal": true})).await.0,
            ["a/x:3:6:needle.needle"]
        );
        assert_eq!(
            find(json!({"pattern": "needle t", "ignore_case": true, "paths": ["a"]}))
                .await
                .0,
            ["a/x:2:1:Needle two"]
        );
        let (mut joined, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let mut args = json!({"pattern": "needle", "limit": 1});
            if cursor.is_string() {
                args["cursor"] = cursor;
            }
            let (lines, next) = find(args).await;
            joined.extend(lines);
            cursor = next;
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(joined, all);
        assert_eq!(
            ok(&team, "git_grep", json!({"pattern": "two"})).await["items"],
            json!([])
        );
        for bad in [
            json!({"pattern": "("}),
            json!({"pattern": "x", "revision": "-O"}),
            json!({"pattern": "x", "paths": ["../x"]}),
        ] {
            assert_eq!(
                refused(&team, "git_grep", bad.clone()).await.code,
                Code::InvalidArgument,
                "{bad}"
            );
        }
    }
}
