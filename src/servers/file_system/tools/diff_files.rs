//! `diff_files`: what differs between two files.

use crate::{
    base::beneath::{Beneath, Error, RelPath},
    servers::file_system::{
        FileSystem, content_at,
        engine::{
            diff,
            text::{self, Text},
        },
        fault, file_path_at, tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct DiffFiles;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// The old file, relative to the workspace.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub from: String,
    /// The new file, relative to the workspace.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub to: String,
    /// Lines of context around each change.
    #[serde(default = "three")]
    #[garde(range(max = 100))]
    pub context: u32,
}

fn three() -> u32 {
    3
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// True when both files have the same bytes.
    pub identical: bool,
    /// The differences as a unified diff from `from` to `to`; empty when there are none, or when only encoding or byte order mark
    /// differ.
    pub diff: String,
    /// True when the diff was too long and was cut: read both files instead.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Tool for DiffFiles {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "diff_files";
    const ABOUT: &'static str = "Compare two text files of your workspace. Use git_diff to compare a file with an earlier version of itself, and \
                                 diff_snapshot to compare the workspace with a snapshot. Returns a unified diff.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo)?;
        let from = file_path_at("/from", &args.from)?;
        let to = file_path_at("/to", &args.to)?;
        let (workspaces, most) = (server.workspaces.clone(), server.config.max_file_bytes);
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let old = bytes(&files, "/from", &from, most)?;
            let new = bytes(&files, "/to", &to, most)?;
            stop.check()?;
            if old == new {
                return Ok(Output {
                    identical: true,
                    diff: String::new(),
                    truncated: false,
                });
            }
            let (old, new) = (shown("/from", &from, &old)?, shown("/to", &to, &new)?);
            let names = (from.as_str(), to.as_str());
            let (diff, truncated) = diff::between(names, &old, &new, args.context as usize);
            Ok(Output {
                identical: false,
                diff,
                truncated,
            })
        })
        .await
    }
}

fn bytes(files: &Beneath, pointer: &str, path: &RelPath, most: u64) -> Result<Vec<u8>, ToolError> {
    let missing = || fault::at(pointer, files, path, Error::NotFound);
    content_at(pointer, files, path, most)?.ok_or_else(missing)
}

fn shown(pointer: &str, path: &RelPath, bytes: &[u8]) -> Result<String, ToolError> {
    let text = Text::decode(bytes, None).map_err(|error| fault::of_text(pointer, path, &error))?;
    Ok(if text.invalid.is_some() {
        text::shown(&text.body)
    } else {
        text.body
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};

    #[tokio::test]
    async fn a_diff_shows_what_differs() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("a"), "1\n2\n3\n").unwrap();
        std::fs::write(at.join("b"), "1\ntwo\n3\n").unwrap();
        std::fs::write(at.join("bin"), "\0").unwrap();
        let diff = ok(
            &team,
            "diff_files",
            json!({"from": "a", "to": "b", "context": 0}),
        )
        .await;
        assert_eq!(
            diff,
            json!({"identical": false, "diff": "--- a/a\n+++ b/b\n@@ -2 +2 @@\n-2\n+two\n"})
        );
        let same = ok(&team, "diff_files", json!({"from": "a", "to": "a"})).await;
        assert_eq!(same, json!({"identical": true, "diff": ""}));
        let error = refused(&team, "diff_files", json!({"from": "a", "to": "bin"})).await;
        assert_eq!(error.fields[0].pointer, "/to");
        std::os::unix::fs::symlink("a", at.join("link")).unwrap();
        let error = refused(&team, "diff_files", json!({"from": "link", "to": "a"})).await;
        assert_eq!(error.fields[0].pointer, "/from");
        let error = refused(&team, "diff_files", json!({"from": "no", "to": "a"})).await;
        assert!(error.message.contains("no"), "{}", error.message);
    }
}
