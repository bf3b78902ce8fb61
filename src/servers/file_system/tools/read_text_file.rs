//! `read_text_file`: look at a file, whole or in part.

use std::fs::File;
use std::io::{Cursor, Read, Seek};

use crate::{
    base::beneath::RelPath,
    servers::file_system::{
        FileSystem,
        engine::{
            newline::LineEnding,
            text::{self, Encoding, Invalid, Text},
            window::{self, Budget, Survey, Taken, Wanted},
        },
        fault, file_path, tree,
    },
    tool::prelude::*,
};

/// Most bytes of a file that one call shows.
const BUDGET: usize = 40 * 1024;

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

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The file, relative to the workspace.
    pub path: String,
    /// The text, with the line endings of the file.
    pub content: String,
    /// The file's version: pass it as `if_match` to write_file or edit_file, which then refuse if the file changed.
    pub etag: String,
    /// Size of the whole file in bytes.
    pub size_bytes: u64,
    /// Lines in the whole file.
    pub total_lines: u64,
    /// Number of the first line shown, from 1.
    pub first_line: u64,
    /// How the file's bytes spell text, when it is not plain UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// How lines end, when not with `\n` alone. edit_file keeps it by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_ending: Option<LineEnding>,
    /// True when the last line of the file has no line ending.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_final_newline: bool,
    /// Bytes among those shown that are not UTF-8. Pass `encoding: "latin-1"` to see and change them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid_utf8: Option<Invalid>,
    /// True when the text was cut because it is too long for one reply.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Pass as `offset` to read on, when lines are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
}

impl Tool for ReadTextFile {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "read_text_file";
    const ABOUT: &'static str = "Read a text file of your workspace, whole or a range of lines (offset and limit, head, or tail). Long files \
                                 come in pages: call again with offset = next_offset. Use search_content to find where something is, and \
                                 list_directory to see which files exist. Returns the text, an etag for safe changes, and the file's size, \
                                 lines, encoding and line endings where they are unusual.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo.clone())?;
        let path = file_path(&args.path)?;
        let wanted = wanted(&args)?;
        let workspaces = server.workspaces.clone();
        let most = server.config.max_file_bytes;
        // A line's end is two characters in JSON; a number is seven more.
        let budget = Budget {
            bytes: BUDGET,
            per_line: if args.line_numbers { 9 } else { 1 },
        };
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let (mut file, _) = files
                .file(&path)
                .map_err(|error| fault::of(&files, &path, error))?;
            let stopped = || stop.is_set();
            let survey = window::survey(&mut file, &stopped)?;
            let found = args.encoding.unwrap_or_else(|| text::detect(&survey.start));
            if survey.binary {
                return Err(fault::of_text(&path, &text::TextError::Binary));
            }
            if matches!(found, Encoding::Utf16Le | Encoding::Utf16Be) {
                let (mut text, mut facts) = from_utf16(&mut file, &path, &survey, most, found)?;
                facts.etag = survey.etag;
                facts.bytes = survey.bytes;
                let taken = window::take(&mut text, facts.lines, wanted, budget, &stopped)?;
                return Ok(answer(&path, facts, taken, found, args.line_numbers));
            }
            let taken = window::take(&mut file, survey.lines, wanted, budget, &stopped)?;
            Ok(answer(&path, survey, taken, found, args.line_numbers))
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

/// The UTF-8 of a UTF-16 file, whose lines cannot be found by bytes.
fn from_utf16(
    file: &mut File,
    path: &RelPath,
    survey: &Survey,
    most: u64,
    encoding: Encoding,
) -> Result<(Cursor<Vec<u8>>, Survey), ToolError> {
    if survey.bytes > most {
        return Err(ToolError::too_large(format!(
            "{path} is UTF-16 and larger than {most} bytes"
        )));
    }
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(most).read_to_end(&mut bytes)?;
    let text =
        Text::decode(&bytes, Some(encoding)).map_err(|error| fault::of_text(path, &error))?;
    let mut text = Cursor::new(text.body.into_bytes());
    let facts = window::survey(&mut text, &|| false)?;
    Ok((text, facts))
}

fn answer(
    path: &RelPath,
    facts: Survey,
    taken: Taken,
    encoding: Encoding,
    numbers: bool,
) -> Output {
    let utf16 = matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be);
    let how = if utf16 { Encoding::Utf8 } else { encoding };
    // UTF-16 and marks are dealt with already, and a piece that was sniffed as text once stays text.
    let text = Text::decode_piece(&taken.bytes, how, taken.first == 1 && !utf16);
    let mut content = if text.invalid.is_some() {
        text::shown(&text.body)
    } else {
        text.body
    };
    if numbers {
        content = numbered(&content, taken.first);
    }
    let more = taken.next <= facts.lines;
    Output {
        path: path.to_string(),
        content,
        etag: facts.etag,
        size_bytes: facts.bytes,
        total_lines: facts.lines,
        first_line: taken.first,
        encoding: (encoding != Encoding::Utf8).then_some(encoding),
        line_ending: (facts.line_ending != LineEnding::Lf).then_some(facts.line_ending),
        no_final_newline: !facts.final_newline,
        invalid_utf8: text.invalid,
        truncated: taken.truncated,
        next_offset: more.then_some(taken.next),
    }
}

fn numbered(text: &str, first: u64) -> String {
    let lines = text.split_inclusive('\n').zip(first..);
    lines
        .map(|(line, number)| format!("{number:>6}\t{line}"))
        .collect()
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
