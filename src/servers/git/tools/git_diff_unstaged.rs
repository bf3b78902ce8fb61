//! `git_diff_unstaged`: `git_diff` by its official name for one of its modes.

use super::git_diff::{self, Mode, Output};
use crate::{servers::git::Git, tool::prelude::*};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitDiffUnstaged;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Only files at or below these paths.
    #[serde(default)]
    #[garde(length(max = 100))]
    pub paths: Vec<String>,
    /// Unchanged lines around each change.
    #[serde(default = "git_diff::three")]
    #[garde(range(max = 50))]
    pub context_lines: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 8192))]
    pub cursor: Option<String>,
}

impl Tool for GitDiffUnstaged {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_diff_unstaged";
    const ABOUT: &'static str = "Show how your files differ from what is staged, as git_diff(mode: \"unstaged\") does; untracked files are \
                                 left out. Use git_diff for other formats and for commits. Returns a patch for each file, in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let asked = git_diff::Args {
            repo: args.repo,
            mode: Mode::Unstaged,
            paths: args.paths,
            context_lines: args.context_lines,
            cursor: args.cursor,
            ..git_diff::Args::default()
        };
        git_diff::answer(server, ctx, asked).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn both_official_names_answer_as_git_diff_does() {
        let team = team().await;
        save(&team, "a", "1\n").await;
        write(&team, "a", "2\n");
        ok(&team, "git_add", json!({"paths": ["a"]})).await;
        write(&team, "a", "3\n");
        for (tool, mode) in [
            ("git_diff_unstaged", "unstaged"),
            ("git_diff_staged", "staged"),
        ] {
            let answer = ok(&team, tool, json!({"paths": ["a"], "context_lines": 0})).await;
            let like = ok(
                &team,
                "git_diff",
                json!({"mode": mode, "paths": ["a"], "context_lines": 0}),
            )
            .await;
            assert_eq!(answer, like);
            assert_eq!(answer["files_changed"], 1);
            let bad = refused(&team, tool, json!({"paths": ["-x"]})).await;
            assert_eq!(bad.code, Code::InvalidArgument);
        }
    }
}
