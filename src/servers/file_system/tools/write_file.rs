//! `write_file`: create, replace or extend a file.

use crate::{
    base::beneath::{Beneath, Existing, RelPath},
    servers::file_system::{
        FileSystem, changed, check_version, content,
        engine::{
            etag,
            newline::LineEnding,
            text::{self, Encoding, Text},
        },
        fault, file_path,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct WriteFile;

/// What to do with a file that is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// Refuse when the file exists.
    Create,
    /// Replace its whole content, or create it.
    #[default]
    Overwrite,
    /// Put the content after its end, or create it.
    Append,
}

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// File, relative to the workspace, e.g. `src/main.rs`.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: String,
    /// The text to write, exactly as it should be in the file.
    pub content: String,
    /// `create` refuses when the file exists, `overwrite` replaces or creates it, `append` adds to its end.
    #[serde(default)]
    pub mode: Mode,
    /// The `etag` from read_text_file: the write is refused when the file is not that version any more.
    #[garde(length(bytes, max = 100))]
    pub if_match: Option<String>,
    /// Create the directories above the file that are missing.
    #[serde(default = "yes")]
    pub create_parents: bool,
    /// Encoding of the file; when left out, that of the file that is replaced or extended, else UTF-8.
    pub encoding: Option<Encoding>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The file, relative to the workspace.
    pub path: String,
    /// The new version, for `if_match`.
    pub etag: String,
    /// Size of the whole file in bytes.
    pub size_bytes: u64,
    /// True when the file did not exist before.
    pub created: bool,
    /// Encoding of the file, when it is not plain UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// `crlf` when the appended lines were ended as those of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_ending: Option<LineEnding>,
}

impl Tool for WriteFile {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "write_file";
    const ABOUT: &'static str = "Write a whole text file in your workspace: create it, replace it, or append to it. Use edit_file to change \
                                 parts of a file: it is shorter and keeps the rest as it is. Pass if_match to be sure that you replace what \
                                 you read. Returns the file's new etag and size; it is on the disk when this returns.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["content"];
    const HINTS: Hints = Hints {
        destructive: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let path = file_path(&args.path)?;
        let most = server.config.max_file_bytes;
        if args.content.len() as u64 > most {
            return Err(ToolError::too_large(format!(
                "the content is larger than {most} bytes"
            )));
        }
        let changing = server.changing(ctx, args.repo.clone()).await?;
        changing.allowed(&path)?;
        let durability = changing.durability;
        ctx.blocking(move |stop| {
            let files = changing.files()?;
            let old = before(&files, &path, &args, most)?;
            let version = old.as_deref().map(etag::of);
            check_version(&path, args.if_match.as_deref(), version.as_deref())?;
            let (bytes, encoding, line_ending) = bytes(&path, old.as_deref(), &args)?;
            if bytes.len() as u64 > most {
                return Err(ToolError::too_large(format!(
                    "{path} would be larger than {most} bytes"
                )));
            }
            let grown =
                (bytes.len() as u64).saturating_sub(old.as_ref().map_or(0, |old| old.len() as u64));
            changing.room(grown, stop)?;
            let refused = |error| fault::of(&files, &path, error);
            if args.create_parents {
                files
                    .create_directories(&path.parent(), durability)
                    .map_err(refused)?;
            }
            let existing = if args.mode == Mode::Create {
                Existing::Refuse
            } else {
                Existing::Replace
            };
            files
                .write(&path, &bytes, existing, durability)
                .map_err(|error| match error {
                    crate::base::beneath::Error::Exists => {
                        ToolError::conflict(format!("{path} exists already"))
                            .hint("pass mode \"overwrite\" to replace it, or use edit_file")
                    }
                    crate::base::beneath::Error::NotFound => {
                        ToolError::not_found("directory", path.parent())
                            .hint("pass create_parents: true to create it")
                    }
                    other => fault::of(&files, &path, other),
                })?;
            Ok(Output {
                path: path.to_string(),
                etag: etag::of(&bytes),
                size_bytes: bytes.len() as u64,
                created: old.is_none(),
                encoding: (encoding != Encoding::Utf8).then_some(encoding),
                line_ending,
            })
        })
        .await
        .inspect(|done: &Output| changed(ctx, &done.path))
    }
}

/// The content that is there. A file too large to be changed may still be replaced, unless its version matters.
fn before(
    files: &Beneath,
    path: &RelPath,
    args: &Args,
    most: u64,
) -> Result<Option<Vec<u8>>, ToolError> {
    match content(files, path, most) {
        Err(error)
            if error.code == Code::TooLarge
                && args.mode == Mode::Overwrite
                && args.if_match.is_none() =>
        {
            Ok(Some(Vec::new()))
        }
        read => read,
    }
}

/// The bytes of the new file.
fn bytes(
    path: &RelPath,
    old: Option<&[u8]>,
    args: &Args,
) -> Result<(Vec<u8>, Encoding, Option<LineEnding>), ToolError> {
    let old = old
        .filter(|_| args.mode != Mode::Create)
        .unwrap_or_default();
    let encoding = args.encoding.unwrap_or_else(|| text::detect(old));
    let encoded = |body: &str| {
        text::encode(body, encoding, false).map_err(|error| fault::of_text("/path", path, &error))
    };
    if args.mode != Mode::Append || old.is_empty() {
        return Ok((encoded(&args.content)?, encoding, None));
    }
    // What is there is kept byte for byte; only the addition is made to fit.
    let there =
        Text::decode(old, Some(encoding)).map_err(|error| fault::of_text("/path", path, &error))?;
    let crlf = LineEnding::of(&there.body) == LineEnding::Crlf;
    let addition = if crlf {
        args.content.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        args.content.clone()
    };
    let addition = encoded(&addition)?;
    let mark = encoded("")?.len();
    let mut bytes = old.to_vec();
    bytes.extend(addition.iter().skip(mark));
    Ok((bytes, encoding, crlf.then_some(LineEnding::Crlf)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn a_file_is_created_with_its_directories_and_replaced_with_its_mode() {
        let team = team().await;
        let made = ok(
            &team,
            "write_file",
            json!({"path": "src/a/run.sh", "content": "one\n"}),
        )
        .await;
        let at = root(&team).join("src/a/run.sh");
        assert_eq!(
            (&made["created"], &made["size_bytes"]),
            (&json!(true), &json!(4))
        );
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).unwrap();
        let again = ok(
            &team,
            "write_file",
            json!({"path": "src/a/run.sh", "content": "two\n"}),
        )
        .await;
        assert_eq!(again["created"], false);
        assert_eq!(std::fs::read_to_string(&at).unwrap(), "two\n");
        assert_eq!(
            std::fs::metadata(&at).unwrap().permissions().mode() & 0o777,
            0o755
        );
        let read = ok(&team, "read_text_file", json!({"path": "src/a/run.sh"})).await;
        assert_eq!(read["etag"], again["etag"]);
    }

    #[tokio::test]
    async fn create_refuses_and_without_parents_nothing_is_made() {
        let team = team().await;
        ok(
            &team,
            "write_file",
            json!({"path": "a", "content": "1", "mode": "create"}),
        )
        .await;
        let again = refused(
            &team,
            "write_file",
            json!({"path": "a", "content": "2", "mode": "create"}),
        )
        .await;
        assert_eq!(again.code, Code::Conflict);
        let args = json!({"path": "no/where", "content": "", "create_parents": false});
        assert_eq!(
            refused(&team, "write_file", args).await.code,
            Code::NotFound
        );
        assert!(!root(&team).join("no").exists());
    }

    #[tokio::test]
    async fn if_match_guards_against_lost_updates() {
        let team = team().await;
        let first = ok(&team, "write_file", json!({"path": "a", "content": "1"})).await;
        let second = ok(
            &team,
            "write_file",
            json!({"path": "a", "content": "2", "if_match": first["etag"]}),
        )
        .await;
        let stale = json!({"path": "a", "content": "3", "if_match": first["etag"]});
        let error = refused(&team, "write_file", stale).await;
        assert_eq!(error.code, Code::PreconditionFailed);
        assert_eq!(error.details.unwrap()["etag"], second["etag"]);
        assert_eq!(std::fs::read_to_string(root(&team).join("a")).unwrap(), "2");
        let gone = json!({"path": "b", "content": "3", "if_match": first["etag"]});
        assert_eq!(
            refused(&team, "write_file", gone).await.code,
            Code::PreconditionFailed
        );
    }

    #[tokio::test]
    async fn appending_fits_the_file() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("dos"), b"a\xe9\r\n").unwrap();
        std::fs::write(at.join("wide"), b"\xff\xfea\0").unwrap();
        let dos = ok(
            &team,
            "write_file",
            json!({"path": "dos", "content": "b\nc\n", "mode": "append"}),
        )
        .await;
        assert_eq!(dos["line_ending"], "crlf");
        assert_eq!(
            std::fs::read(at.join("dos")).unwrap(),
            b"a\xe9\r\nb\r\nc\r\n"
        );
        ok(
            &team,
            "write_file",
            json!({"path": "wide", "content": "b", "mode": "append"}),
        )
        .await;
        assert_eq!(std::fs::read(at.join("wide")).unwrap(), b"\xff\xfea\0b\0");
        ok(&team, "write_file", json!({"path": "wide", "content": "z"})).await;
        assert_eq!(
            std::fs::read(at.join("wide")).unwrap(),
            b"\xff\xfez\0",
            "a replaced file keeps its encoding"
        );
        ok(
            &team,
            "write_file",
            json!({"path": "new", "content": "z", "mode": "append"}),
        )
        .await;
        assert_eq!(std::fs::read(at.join("new")).unwrap(), b"z");
    }

    #[tokio::test]
    async fn repositories_and_the_world_outside_cannot_be_written() {
        let team = team().await;
        let at = root(&team);
        std::os::unix::fs::symlink(&team.host.data, at.join("out")).unwrap();
        for path in [
            ".git/hooks/pre-commit",
            ".GIT/config",
            "git~1/config",
            "out/x",
            "../x",
            "/tmp/x",
            "a/",
        ] {
            let error = refused(&team, "write_file", json!({"path": path, "content": "x"})).await;
            assert_eq!(
                error.code,
                Code::InvalidArgument,
                "{path}: {}",
                error.message
            );
        }
        assert!(!team.host.data.join("x").exists());
        let long = json!({"path": "big", "content": "x".repeat((10 << 20) + 1)});
        assert_eq!(
            refused(&team, "write_file", long).await.code,
            Code::TooLarge
        );
    }
}
