//! `edit_file`: change parts of a file and leave every other byte.

use serde_json::json;

use crate::{
    base::beneath::{Existing, RelPath},
    servers::file_system::{
        FileSystem, changed, check_version, content,
        engine::{
            diff,
            edit::{self, Done, Edit, EditError, Matched},
            etag,
            newline::LineEnding,
            text::{self, Encoding, Text},
        },
        fault, file_path,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct EditFile;

/// One replacement.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Replacement {
    /// Text that is in the file exactly once (see `replaceAll`); take in enough lines around it to make it so.
    #[serde(rename = "oldText", alias = "old_text")]
    #[garde(length(bytes, min = 1))]
    pub old_text: String,
    /// What to put there instead. Every character means itself.
    #[serde(rename = "newText", alias = "new_text")]
    pub new_text: String,
    /// Replace every occurrence instead of requiring exactly one.
    #[serde(default, rename = "replaceAll", alias = "replace_all")]
    pub replace_all: bool,
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
    /// Replacements, done one after the other, each in the result of the one before. All are done or none.
    #[garde(length(min = 1, max = 100), dive)]
    pub edits: Vec<Replacement>,
    /// Only show the diff that the edits would make; change nothing.
    #[serde(default, rename = "dryRun", alias = "dry_run")]
    pub dry_run: bool,
    /// The `etag` from read_text_file: the edit is refused when the file is not that version any more.
    #[garde(length(bytes, max = 100))]
    pub if_match: Option<String>,
    /// Read and write the file as this instead of what its first bytes say. Bytes that are not touched stay either way.
    pub encoding: Option<Encoding>,
}

/// What one replacement did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Applied {
    /// First line it changed, from 1.
    pub line: usize,
    /// How many places it changed.
    pub replacements: usize,
    /// Present when `oldText` was found only by disregarding white space; look at the diff.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub matched_ignoring_whitespace: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The file, relative to the workspace.
    pub path: String,
    /// The version after the edit, for `if_match`; on a dry run, the version that is there.
    pub etag: String,
    /// What each edit did, in order.
    pub applied: Vec<Applied>,
    /// What changed, as a unified diff.
    pub diff: String,
    /// True when the diff was too long and was cut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// True when nothing was written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// How lines end, when not with `\n` alone; new lines were ended the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_ending: Option<LineEnding>,
    /// The file's encoding, kept, when it is not plain UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
}

impl Tool for EditFile {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "edit_file";
    const ABOUT: &'static str = "Change parts of a text file in your workspace by exact replacement. Each oldText must be in the file exactly \
                                 once, or the call is refused with the lines where it is, or with the nearest text there is. Line endings, \
                                 byte order mark, encoding and mode bits stay. Use write_file for a whole new file. Returns a unified diff and \
                                 the new etag; with dryRun only the diff.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["edits"];
    const HINTS: Hints = Hints {
        destructive: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let path = file_path(&args.path)?;
        let most = server.config.max_file_bytes;
        let changing = server.changing(ctx, args.repo.clone()).await?;
        if !args.dry_run {
            changing.allowed(&path)?;
        }
        let durability = changing.durability;
        ctx.blocking(move |stop| {
            let files = changing.files()?;
            let old = content(&files, &path, most)?
                .ok_or_else(|| fault::of(&files, &path, crate::base::beneath::Error::NotFound))?;
            let version = etag::of(&old);
            check_version(&path, args.if_match.as_deref(), Some(&version))?;
            let text = Text::decode(&old, args.encoding)
                .map_err(|error| fault::of_text("/path", &path, &error))?;
            let edits: Vec<Edit> = args.edits.into_iter().map(Replacement::into_edit).collect();
            let (body, done) =
                edit::apply(&text.body, &edits).map_err(|error| refusal(&path, error))?;
            let new = text
                .encode(&body)
                .map_err(|error| fault::of_text("/path", &path, &error))?;
            if new.len() as u64 > most {
                return Err(ToolError::too_large(format!(
                    "{path} would be larger than {most} bytes"
                )));
            }
            stop.check()?;
            if !args.dry_run {
                changing.room((new.len() as u64).saturating_sub(old.len() as u64), stop)?;
                let refused = |error| fault::of(&files, &path, error);
                files
                    .write(&path, &new, Existing::Replace, durability)
                    .map_err(refused)?;
            }
            let show = |body: &str| {
                if text.invalid.is_some() {
                    text::shown(body)
                } else {
                    body.to_owned()
                }
            };
            let (diff, truncated) = diff::unified(path.as_str(), &show(&text.body), &show(&body));
            let line_ending = LineEnding::of(&body);
            Ok(Output {
                path: path.to_string(),
                etag: if args.dry_run {
                    version
                } else {
                    etag::of(&new)
                },
                applied: done.into_iter().map(Applied::from).collect(),
                diff,
                truncated,
                dry_run: args.dry_run,
                line_ending: (line_ending != LineEnding::Lf).then_some(line_ending),
                encoding: (text.encoding != Encoding::Utf8).then_some(text.encoding),
            })
        })
        .await
        .inspect(|done: &Output| {
            if !done.dry_run {
                changed(ctx, &done.path);
            }
        })
    }
}

impl Replacement {
    fn into_edit(self) -> Edit {
        Edit {
            old: self.old_text,
            new: self.new_text,
            all: self.replace_all,
        }
    }
}

impl From<Done> for Applied {
    fn from(done: Done) -> Self {
        Self {
            line: done.line,
            replacements: done.replacements,
            matched_ignoring_whitespace: done.matched == Matched::ApartFromWhitespace,
        }
    }
}

/// Says which edit it was, why, and how to make it fit.
fn refusal(path: &RelPath, error: EditError) -> ToolError {
    let at = |index: usize| format!("/edits/{index}/oldText");
    match error {
        EditError::Empty { index } => ToolError::invalid(at(index), "is empty: use write_file for a whole new file"),
        EditError::NoChange { index } => ToolError::invalid(at(index), "is the same as newText: nothing would change"),
        EditError::Ambiguous { index, count, lines } => ToolError::invalid(
            at(index),
            format!(
                "is in {path} {count} times, at lines {lines:?}; nothing was changed: take in more of the text around the one you \
                 mean, or pass replaceAll: true"
            ),
        )
        .details(json!({ "edit": index, "count": count, "lines": lines })),
        EditError::NotFound { index, near: None } => {
            ToolError::invalid(at(index), format!("is not in {path}, nor anything like it: read the file again"))
        }
        EditError::NotFound { index, near: Some(near) } => ToolError::invalid(
            at(index),
            format!(
                "is not in {path}; nothing was changed. The nearest is at line {} ({} % alike):\n{}",
                near.line,
                near.percent,
                text::shown(&near.text)
            ),
        )
        .details(json!({ "edit": index, "line": near.line, "percent": near.percent, "text": text::shown(&near.text) })),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::{Value, json};

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    fn one(path: &str, old: &str, new: &str) -> Value {
        json!({"path": path, "edits": [{"oldText": old, "newText": new}]})
    }

    #[tokio::test]
    async fn what_is_not_edited_stays_byte_for_byte() {
        let team = team().await;
        let at = root(&team).join("a.sh");
        std::fs::write(&at, b"\xef\xbb\xbfone\r\ncaf\xe9\r\nlast").unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o700)).unwrap();
        let done = ok(&team, "edit_file", one("a.sh", "one\n", "1\n$2\n")).await;
        assert_eq!(
            std::fs::read(&at).unwrap(),
            b"\xef\xbb\xbf1\r\n$2\r\ncaf\xe9\r\nlast"
        );
        assert_eq!(
            std::fs::metadata(&at).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(
            (&done["line_ending"], &done["encoding"]),
            (&json!("crlf"), &json!("utf-8-bom"))
        );
        assert_eq!(done["applied"], json!([{"line": 1, "replacements": 1}]));
        assert!(done["diff"].as_str().unwrap().contains("+$2"));
        let latin = json!({"path": "a.sh", "encoding": "latin-1", "edits": [{"oldText": "café", "newText": "thé"}]});
        ok(&team, "edit_file", latin).await;
        assert_eq!(
            std::fs::read(&at).unwrap(),
            b"\xef\xbb\xbf1\r\n$2\r\nth\xe9\r\nlast"
        );
    }

    #[tokio::test]
    async fn a_refused_edit_changes_nothing_and_says_where_to_look() {
        let team = team().await;
        let at = root(&team).join("a");
        std::fs::write(&at, "let total = 1;\nx\ny\nx\n").unwrap();
        let both = json!({"path": "a", "edits": [{"oldText": "y", "newText": "z"}, {"oldText": "x", "newText": "w"}]});
        let error = refused(&team, "edit_file", both).await;
        assert_eq!(error.fields[0].pointer, "/edits/1/oldText");
        assert_eq!(error.details.unwrap()["lines"], json!([2, 4]));
        let error = refused(&team, "edit_file", one("a", "let totals = 1;", "")).await;
        assert_eq!(error.details.as_ref().unwrap()["line"], 1);
        assert!(
            error.message.contains("let total = 1;"),
            "{}",
            error.message
        );
        assert_eq!(
            std::fs::read_to_string(&at).unwrap(),
            "let total = 1;\nx\ny\nx\n"
        );
        assert_eq!(
            refused(&team, "edit_file", one("b", "x", "y")).await.code,
            Code::NotFound
        );
        assert_eq!(
            refused(&team, "edit_file", json!({"path": "a", "edits": []}))
                .await
                .code,
            Code::InvalidArgument
        );
    }

    #[tokio::test]
    async fn a_dry_run_shows_and_a_loose_match_is_told() {
        let team = team().await;
        let at = root(&team).join("a");
        std::fs::write(&at, "  if  a {\n").unwrap();
        let mut args = one("a", "if a {", "if b {");
        args["dryRun"] = true.into();
        let dry = ok(&team, "edit_file", args.clone()).await;
        assert_eq!(
            (
                &dry["dry_run"],
                &dry["applied"][0]["matched_ignoring_whitespace"]
            ),
            (&json!(true), &json!(true))
        );
        assert_eq!(std::fs::read_to_string(&at).unwrap(), "  if  a {\n");
        args["dryRun"] = false.into();
        args["if_match"] = dry["etag"].clone();
        ok(&team, "edit_file", args.clone()).await;
        assert_eq!(std::fs::read_to_string(&at).unwrap(), "  if b {\n");
        assert_eq!(
            refused(&team, "edit_file", args).await.code,
            Code::PreconditionFailed
        );
    }

    #[tokio::test]
    async fn edits_at_the_same_time_are_all_kept() {
        let team = team().await;
        let at = root(&team).join("a");
        let lines: Vec<String> = (0..16).map(|n| format!("<{n}>")).collect();
        std::fs::write(&at, lines.join("\n")).unwrap();
        let calls = lines.iter().map(|line| {
            let (team, args) = (team.clone(), one("a", line, "done"));
            async move { ok(&team, "edit_file", args).await }
        });
        futures::future::join_all(calls).await;
        assert_eq!(
            std::fs::read_to_string(&at).unwrap(),
            vec!["done"; 16].join("\n")
        );
    }
}
