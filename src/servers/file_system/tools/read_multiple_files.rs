//! `read_multiple_files`: look at several files at once.

use crate::{
    servers::file_system::{
        FileSystem,
        engine::window::Wanted,
        fault, file_path_at,
        reading::{self, Reading, TextFile},
        tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ReadMultipleFiles;

/// Less than this of a file is not worth showing: what is left over goes to the next call.
const LEAST: usize = 1024;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Files, relative to the workspace, in the order in which they are to be shown.
    #[garde(length(min = 1, max = 50))]
    pub paths: Vec<String>,
    /// Read only the first so many lines of each.
    #[garde(range(min = 1))]
    pub head: Option<u64>,
    /// Put its number and a tab before every line. Leave them out of edit_file's `oldText`.
    #[serde(default)]
    pub line_numbers: bool,
}

/// Why a file could not be shown.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Failed {
    /// The path as it was given.
    pub path: String,
    /// The kind of failure, e.g. `not_found`.
    pub code: &'static str,
    /// What is wrong and what to do next.
    pub message: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The files that could be read, as read_text_file shows them. Where one is cut, `next_offset` says how to read on with
    /// read_text_file.
    pub files: Vec<TextFile>,
    /// The files that could not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Failed>,
    /// Paths that had no room in this reply: call again with these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_read: Vec<String>,
}

impl Tool for ReadMultipleFiles {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "read_multiple_files";
    const ABOUT: &'static str = "Read several text files of your workspace in one call. A file that cannot be read does not spoil the others: it \
                                 is listed with the reason. Use read_text_file for ranges of one file. Returns each file's text with etag, size \
                                 and lines, within the length of one reply.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo)?;
        let (workspaces, most) = (server.workspaces.clone(), server.config.max_file_bytes);
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let mut out = Output {
                files: Vec::new(),
                errors: Vec::new(),
                not_read: Vec::new(),
            };
            let mut room = reading::BUDGET;
            for (index, text) in args.paths.iter().enumerate() {
                stop.check()?;
                if room < LEAST {
                    out.not_read.push(text.clone());
                    continue;
                }
                let reading = Reading {
                    wanted: Wanted::From {
                        first: 1,
                        count: args.head,
                    },
                    encoding: None,
                    line_numbers: args.line_numbers,
                    budget: room,
                    most,
                };
                let read = file_path_at(&format!("/paths/{index}"), text)
                    .and_then(|path| reading.read(&files, &path, stop));
                match read {
                    Ok(file) => {
                        let shown = file.content.len() + file.content.matches('\n').count() + 300;
                        room = room.saturating_sub(shown);
                        out.files.push(file);
                    }
                    Err(error) => {
                        room = room.saturating_sub(error.message.len() + 100);
                        out.errors.push(Failed {
                            path: text.chars().take(300).collect(),
                            code: error.code.as_str(),
                            message: error.message,
                        });
                    }
                }
            }
            Ok(out)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, root, team};

    #[tokio::test]
    async fn one_bad_file_does_not_spoil_the_others() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("a"), "a\nb\n").unwrap();
        std::fs::write(at.join("b"), "\0").unwrap();
        std::fs::write(at.join("c"), "c").unwrap();
        let args = json!({"paths": ["a", "b", "no", "../x", "c"], "head": 1});
        let read = ok(&team, "read_multiple_files", args).await;
        assert_eq!(
            (&read["files"][0]["content"], &read["files"][1]["content"]),
            (&json!("a\n"), &json!("c"))
        );
        assert_eq!(read["files"][0]["next_offset"], 2);
        let codes: Vec<&str> = read["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes, ["invalid_argument", "not_found", "invalid_argument"]);
    }

    #[tokio::test]
    async fn the_reply_stays_short_and_says_what_is_missing() {
        let team = team().await;
        let paths: Vec<String> = (0..50).map(|n| format!("f{n}")).collect();
        for path in &paths {
            std::fs::write(root(&team).join(path), "some line\n".repeat(300)).unwrap();
        }
        let read = ok(&team, "read_multiple_files", json!({"paths": paths})).await;
        assert!(read.to_string().len() <= 48 * 1024);
        let (shown, left) = (
            read["files"].as_array().unwrap().len(),
            read["not_read"].as_array().unwrap().len(),
        );
        assert_eq!(shown + left, 50);
        assert!(shown >= 10, "{shown}");
    }
}
