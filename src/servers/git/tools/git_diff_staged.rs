//! `git_diff_staged`: `git_diff` by its official name for one of its modes.

use super::git_diff::{self, Mode, Output};
use crate::{servers::git::Git, tool::prelude::*};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitDiffStaged;

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

impl Tool for GitDiffStaged {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_diff_staged";
    const ABOUT: &'static str = "Show what is staged for the next commit, as git_diff(mode: \"staged\") does: the index against HEAD. \
                                 Use git_diff for other formats and for commits. Returns a patch for each file, in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let asked = git_diff::Args {
            repo: args.repo,
            mode: Mode::Staged,
            paths: args.paths,
            context_lines: args.context_lines,
            cursor: args.cursor,
            ..git_diff::Args::default()
        };
        git_diff::answer(server, ctx, asked).await
    }
}
