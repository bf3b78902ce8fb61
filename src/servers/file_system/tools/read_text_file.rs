//! `read_text_file`: look at a file, whole or in part.

use crate::{
    servers::file_system::{
        FileSystem,
        engine::{text::Encoding, window::Wanted},
        fault, file_path,
        reading::{self, Reading, TextFile},
        tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ReadTextFile;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// File, relative to the workspace, e.g. `src/main.rs`.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: String,
    /// First line to read, from 1. Not together with `head` or `tail`.
    #[garde(range(min = 1))]
    pub offset: Option<u64>,
    /// How many lines to read from `offset`; all that fit when left out.
    #[garde(range(min = 1))]
    pub limit: Option<u64>,
    /// Read only the first so many lines.
    #[garde(range(min = 1))]
    pub head: Option<u64>,
    /// Read only the last so many lines.
    #[garde(range(min = 1))]
    pub tail: Option<u64>,
    /// Put its number and a tab before every line. Leave them out of edit_file's `oldText`.
    #[serde(default)]
    pub line_numbers: bool,
    /// Read the file as this instead of what its first bytes say (UTF-8 unless it has a mark).
    pub encoding: Option<Encoding>,
}

impl Tool for ReadTextFile {
    type Server = FileSystem;
    type Args = Args;
    type Output = TextFile;

    const NAME: &'static str = "read_text_file";
    const ABOUT: &'static str = "Read a text file of your workspace, whole or a range of lines (offset and limit, head, or tail). Long files \
                                 come in pages: call again with offset = next_offset. Use search_content to find where something is, and \
                                 list_directory to see which files exist. Returns the text, an etag for safe changes, and the file's size, \
                                 lines, encoding and line endings where they are unusual.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<TextFile, ToolError> {
        let tree = tree(ctx, args.repo.clone())?;
        let path = file_path(&args.path)?;
        let wanted = wanted(&args)?;
        let workspaces = server.workspaces.clone();
        let most = server.config.max_file_bytes;
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let reading = Reading {
                wanted,
                encoding: args.encoding,
                line_numbers: args.line_numbers,
                budget: reading::BUDGET,
                most,
            };
            reading.read(&files, &path, stop)
        })
        .await
    }
}

/// Which lines the caller asks for.
fn wanted(args: &Args) -> Result<Wanted, ToolError> {
    let range = args.offset.is_some() || args.limit.is_some();
    match (range, args.head, args.tail) {
        (_, None, None) => Ok(Wanted::From {
            first: args.offset.unwrap_or(1),
            count: args.limit,
        }),
        (false, Some(count), None) => Ok(Wanted::From {
            first: 1,
            count: Some(count),
        }),
        (false, None, Some(count)) => Ok(Wanted::Tail { count }),
        (true, Some(_), _) => Err(ToolError::invalid(
            "/head",
            "goes not together with offset and limit",
        )),
        _ => Err(ToolError::invalid(
            "/tail",
            "goes not together with offset, limit or head",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn a_file_is_read_with_what_is_unusual_about_it() {
        let team = team().await;
        std::fs::write(root(&team).join("a.txt"), "one\r\ntwo").unwrap();
        let read = ok(&team, "read_text_file", json!({"path": "a.txt"})).await;
        let etag = read["etag"].as_str().unwrap();
        assert_eq!(
            read,
            json!({"path": "a.txt", "content": "one\r\ntwo", "etag": etag, "size_bytes": 8, "total_lines": 2,
                   "first_line": 1, "line_ending": "crlf", "no_final_newline": true})
        );
    }

    #[tokio::test]
    async fn lines_are_picked_and_numbered() {
        let team = team().await;
        std::fs::write(root(&team).join("a"), "1\n2\n3\n4\n").unwrap();
        let read = |args: serde_json::Value| {
            let team = team.clone();
            let mut args = args;
            args["path"] = "a".into();
            async move { ok(&team, "read_text_file", args).await }
        };
        assert_eq!(read(json!({"tail": 2})).await["content"], "3\n4\n");
        let middle = read(json!({"offset": 2, "limit": 2, "line_numbers": true})).await;
        assert_eq!(middle["content"], "     2\t2\n     3\t3\n");
        assert_eq!(
            (&middle["next_offset"], &middle["truncated"]),
            (&json!(4), &json!(null))
        );
        assert_eq!(read(json!({"head": 1})).await["content"], "1\n");
        let both = refused(
            &team,
            "read_text_file",
            json!({"path": "a", "head": 1, "tail": 1}),
        )
        .await;
        assert_eq!(both.code, Code::InvalidArgument);
        assert_eq!(
            refused(&team, "read_text_file", json!({"path": "a", "offset": 0}))
                .await
                .code,
            Code::InvalidArgument
        );
    }

    #[tokio::test]
    async fn long_files_come_in_pages_that_join() {
        let team = team().await;
        let text: String = (0..9000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(root(&team).join("long"), &text).unwrap();
        let (mut joined, mut offset) = (String::new(), 1);
        loop {
            let page = ok(
                &team,
                "read_text_file",
                json!({"path": "long", "offset": offset}),
            )
            .await;
            joined += page["content"].as_str().unwrap();
            assert_eq!(page["total_lines"], 9000);
            match page["next_offset"].as_u64() {
                Some(next) => offset = next,
                None => break,
            }
            assert_eq!(page["truncated"], true);
        }
        assert_eq!(joined, text);
    }

    #[tokio::test]
    async fn marks_and_broken_utf8_are_told() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("bom"), b"\xef\xbb\xbfhi\n").unwrap();
        std::fs::write(at.join("wide"), b"\xff\xfeh\0\n\0i\0\n\0").unwrap();
        std::fs::write(at.join("latin"), b"caf\xe9\n").unwrap();
        std::fs::write(at.join("bin"), b"a\0b").unwrap();
        let bom = ok(&team, "read_text_file", json!({"path": "bom"})).await;
        assert_eq!(
            (&bom["content"], &bom["encoding"]),
            (&json!("hi\n"), &json!("utf-8-bom"))
        );
        let wide = ok(
            &team,
            "read_text_file",
            json!({"path": "wide", "offset": 2}),
        )
        .await;
        assert_eq!(
            (&wide["content"], &wide["encoding"], &wide["size_bytes"]),
            (&json!("i\n"), &json!("utf-16le"), &json!(10))
        );
        let latin = ok(&team, "read_text_file", json!({"path": "latin"})).await;
        assert_eq!(latin["content"], "caf\u{fffd}\n");
        assert_eq!(latin["invalid_utf8"], json!({"count": 1, "first_byte": 3}));
        let latin = ok(
            &team,
            "read_text_file",
            json!({"path": "latin", "encoding": "latin-1"}),
        )
        .await;
        assert_eq!(latin["content"], "café\n");
        assert!(
            refused(&team, "read_text_file", json!({"path": "bin"}))
                .await
                .message
                .contains("binary")
        );
    }

    #[tokio::test]
    async fn what_lies_outside_stays_outside() {
        let team = team().await;
        let at = root(&team);
        std::os::unix::fs::symlink("/etc/passwd", at.join("link")).unwrap();
        std::os::unix::fs::symlink("/etc", at.join("dir")).unwrap();
        std::fs::write(team.host.data.join("secret"), "s").unwrap();
        std::fs::hard_link(team.host.data.join("secret"), at.join("hard")).unwrap();
        let fifo = at.join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        for path in [
            "link",
            "dir/passwd",
            "hard",
            "fifo",
            "../x",
            "/etc/passwd",
            ".git/config",
            ".",
        ] {
            let error = refused(&team, "read_text_file", json!({"path": path})).await;
            assert_eq!(
                error.code,
                Code::InvalidArgument,
                "{path}: {}",
                error.message
            );
        }
        std::fs::write(at.join("main.rs"), "").unwrap();
        let typo = refused(&team, "read_text_file", json!({"path": "mian.rs"})).await;
        assert_eq!(
            typo.message,
            "path mian.rs not found: the nearest that exists is main.rs"
        );
    }

    #[tokio::test]
    async fn another_project_and_agent_have_their_own_files() {
        let team = team().await;
        std::fs::write(root(&team).join("a"), "ann").unwrap();
        for other in [team.at("demo", "bea"), team.at("elsewhere", "eve")] {
            assert_eq!(
                refused(&other, "read_text_file", json!({"path": "a"}))
                    .await
                    .code,
                Code::NotFound
            );
        }
    }
}
