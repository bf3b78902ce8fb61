//! `apply_patch`: change many files by one patch, all of them or none.

use std::collections::BTreeMap;

use crate::{
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem, changed_below,
        engine::{
            batch::{self, Place},
            etag,
            patch::{self, Ignored},
        },
        fault,
        patching::{self, Planned, Verb},
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ApplyPatch;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// A unified diff (`git diff` or `diff -u`, with correct line counts), or `*** Begin Patch` … `*** End Patch` with
    /// `*** Add File: `, `*** Update File: ` (`*** Move to: `, hunks that start with `@@`), `*** Delete File: `, which needs no
    /// line numbers.
    #[garde(length(bytes, min = 1))]
    pub patch: String,
    /// Only check the patch and say what it would do; change nothing.
    #[serde(default, rename = "dryRun", alias = "dry_run")]
    pub dry_run: bool,
    /// The `etag` from read_text_file by path: the whole patch is refused when one of these files is not that version any more.
    #[serde(default)]
    pub if_match: BTreeMap<String, String>,
}

/// How a hunk was put in, where that is worth a look.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Inexact {
    /// The hunk of this file, from 1.
    pub hunk: usize,
    /// Line where it was put in, from 1, in the old file.
    pub line: usize,
    /// How many lines further down than the patch said; up, when negative.
    #[serde(skip_serializing_if = "is_none")]
    pub offset: isize,
    /// What did not match to the letter: `line endings`, `bytes that are not UTF-8` or `trailing white space`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<&'static str>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_none(offset: &isize) -> bool {
    *offset == 0
}

/// What became of one file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Changed {
    /// The file, relative to the workspace; its new path when it was moved.
    pub path: String,
    /// What was done to it.
    pub action: Verb,
    /// Where it was, when it was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    /// Its new version, for `if_match`; left out when it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Pass to restore_file to bring a deleted file back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trash_id: Option<String>,
    /// Hunks that fitted only elsewhere than they said, or not to the letter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inexact: Vec<Inexact>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What became of each file, in the patch's order.
    pub files: Vec<Changed>,
    /// True when nothing was written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

impl Tool for ApplyPatch {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "apply_patch";
    const ABOUT: &'static str = "Apply a patch to files of your workspace: add, change, move and delete many at once. All of it is checked \
                                 before the first write; when one hunk does not fit, nothing is changed and the error says which and what is \
                                 there instead. A hunk that fits in exactly one other place is put there and reported. Line endings, byte order \
                                 mark, encoding and mode bits stay. Use edit_file for a change or two. Returns what was done to each file.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["patch"];
    const HINTS: Hints = Hints {
        destructive: true,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let wrong = |error: patch::NoPatch| ToolError::invalid("/patch", error.to_string());
        let wanted = patch::parse(&args.patch).map_err(wrong)?;
        let changing = server.changing(ctx, args.repo.clone()).await?;
        let (most, now) = (server.config.max_file_bytes, ctx.now());
        ctx.blocking(move |stop| {
            let files = changing.files()?;
            let planned = patching::plan(&files, wanted, &args.if_match, most, stop)?;
            if !args.dry_run {
                for step in planned.iter().flat_map(|file| &file.steps) {
                    changing.allowed(step.path())?;
                    if let batch::Step::Move { from, .. } = step {
                        changing.allowed(from)?;
                    }
                }
            }
            let mut changed: Vec<Changed> = planned.iter().map(Changed::from).collect();
            if args.dry_run {
                return Ok(Output {
                    files: changed,
                    dry_run: true,
                });
            }
            let steps: Vec<batch::Step> = planned.into_iter().flat_map(|file| file.steps).collect();
            changing.room(steps.iter().map(batch::Step::growth).sum(), stop)?;
            stop.check()?;
            let aside = changing.aside(Shelf::Trash)?;
            let place = Place {
                files: &files,
                trash: aside.files(),
                staging: None,
                now,
                durability: changing.durability,
            };
            let deleted = batch::run(place, &steps).map_err(|(index, error)| {
                let root = crate::base::beneath::RelPath::root();
                let path = steps.get(index).map_or(&root, batch::Step::path);
                fault::at("/patch", &files, path, error)
            })?;
            let gone = changed.iter_mut().filter(|file| file.etag.is_none());
            for (file, item) in gone.zip(deleted) {
                file.trash_id = Some(item.id.to_string());
            }
            Ok(Output {
                files: changed,
                dry_run: false,
            })
        })
        .await
        .inspect(|done: &Output| {
            for file in done.files.iter().filter(|_| !done.dry_run) {
                changed_below(ctx, &file.path);
                if let Some(old) = &file.moved_from {
                    changed_below(ctx, old);
                }
            }
        })
    }
}

impl From<&Planned> for Changed {
    fn from(file: &Planned) -> Self {
        let inexact = |(index, done): (usize, &patch::Done)| Inexact {
            hunk: index + 1,
            line: done.line,
            offset: done.offset,
            ignored: match done.ignored {
                Ignored::Nothing => None,
                Ignored::LineEndings => Some("line endings"),
                Ignored::InvalidBytes => Some("bytes that are not UTF-8"),
                Ignored::TrailingSpace => Some("trailing white space"),
            },
        };
        let worth = |(_, done): &(usize, &patch::Done)| {
            done.offset != 0 || done.ignored != Ignored::Nothing
        };
        Self {
            path: file.path.to_string(),
            action: file.verb,
            moved_from: file.moved_from.as_ref().map(ToString::to_string),
            etag: file.content.as_deref().map(etag::of),
            trash_id: None,
            inexact: file
                .hunks
                .iter()
                .enumerate()
                .filter(worth)
                .map(inexact)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::{Value, json};

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    const ALL: &str = "*** Begin Patch\n*** Add File: new/a\n+one\n*** Update File: b\n@@\n-two\n+TWO\n\
                       *** Update File: c\n*** Move to: moved/c\n@@\n-x\n+y\n*** Delete File: d\n*** End Patch\n";

    fn args(patch: &str) -> Value {
        json!({"patch": patch})
    }

    #[tokio::test]
    async fn all_files_change_together() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("b"), b"\xef\xbb\xbf1\r\ntwo\r\ncaf\xe9").unwrap();
        std::fs::write(at.join("c"), "x\n").unwrap();
        std::fs::set_permissions(at.join("c"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(at.join("d"), "d").unwrap();
        let mut dry = args(ALL);
        dry["dryRun"] = true.into();
        assert_eq!(
            ok(&team, "apply_patch", dry).await["files"][1]["action"],
            "updated"
        );
        assert!(!at.join("new").exists());
        let done = ok(&team, "apply_patch", args(ALL)).await;
        assert_eq!(
            std::fs::read(at.join("b")).unwrap(),
            b"\xef\xbb\xbf1\r\nTWO\r\ncaf\xe9"
        );
        assert_eq!(std::fs::read_to_string(at.join("new/a")).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(at.join("moved/c")).unwrap(), "y\n");
        let mode = std::fs::metadata(at.join("moved/c"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        assert!(!at.join("c").exists() && !at.join("d").exists());
        assert_eq!(
            (&done["files"][2]["moved_from"], &done["files"][3]["action"]),
            (&json!("c"), &json!("deleted"))
        );
        let read = ok(&team, "read_text_file", json!({"path": "b"})).await;
        assert_eq!(done["files"][1]["etag"], read["etag"]);
        ok(
            &team,
            "restore_file",
            json!({"trash_id": done["files"][3]["trash_id"]}),
        )
        .await;
        assert!(at.join("d").exists());
    }

    #[tokio::test]
    async fn one_misfit_leaves_every_file_alone() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("b"), "two\n").unwrap();
        std::fs::write(at.join("c"), "xx yy zz\n").unwrap();
        std::fs::write(at.join("d"), "d").unwrap();
        std::os::unix::fs::symlink("b", at.join("link")).unwrap();
        let patch = ALL.replace("-x\n", "-xx yy z\n");
        let error = refused(&team, "apply_patch", args(&patch)).await;
        assert!(
            error.message.contains("hunk 1 of c (line 10 of the patch)"),
            "{}",
            error.message
        );
        assert_eq!(error.details.unwrap()["line"], 1);
        assert_eq!(std::fs::read_to_string(at.join("b")).unwrap(), "two\n");
        assert!(at.join("d").exists() && !at.join("new").exists());
        for (patch, code) in [
            (
                "*** Begin Patch\n*** Update File: no\n@@\n-x\n+y\n*** End Patch",
                Code::NotFound,
            ),
            (
                "*** Begin Patch\n*** Add File: b\n+x\n*** End Patch",
                Code::Conflict,
            ),
            (
                "*** Begin Patch\n*** Update File: b\n*** Move to: d\n*** End Patch",
                Code::Conflict,
            ),
            (
                "*** Begin Patch\n*** Add File: ../x\n+x\n*** End Patch",
                Code::InvalidArgument,
            ),
            (
                "*** Begin Patch\n*** Add File: .git/hooks/x\n+x\n*** End Patch",
                Code::InvalidArgument,
            ),
            (
                "*** Begin Patch\n*** Delete File: b\n*** Update File: b\n@@\n-two\n+x\n*** End Patch",
                Code::InvalidArgument,
            ),
            ("no patch", Code::InvalidArgument),
            (
                "*** Begin Patch\n*** Update File: link\n@@\n-two\n+x\n*** End Patch",
                Code::InvalidArgument,
            ),
        ] {
            let error = refused(&team, "apply_patch", args(patch)).await;
            assert_eq!(error.code, code, "{patch}: {}", error.message);
            let pointers = error.fields.iter().map(|field| field.pointer.as_str());
            assert!(pointers.eq((code == Code::InvalidArgument).then_some("/patch")));
        }
    }

    #[tokio::test]
    async fn what_moved_is_told_and_a_stale_version_refused() {
        let team = team().await;
        let written = ok(
            &team,
            "write_file",
            json!({"path": "a", "content": "0\n1\n2\n"}),
        )
        .await;
        let patch = "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n 1\n-2\n+two\n";
        let mut stale = args(patch);
        stale["if_match"] = json!({"a": "00"});
        assert_eq!(
            refused(&team, "apply_patch", stale.clone()).await.code,
            Code::PreconditionFailed
        );
        stale["if_match"] = json!({"b": written["etag"]});
        let error = refused(&team, "apply_patch", stale.clone()).await;
        assert_eq!(
            error.fields[0].pointer, "/if_match",
            "a file that the patch does not touch"
        );
        stale["if_match"] = json!({"a": written["etag"]});
        let done = ok(&team, "apply_patch", stale).await;
        assert_eq!(
            done["files"][0]["inexact"],
            json!([{"hunk": 1, "line": 2, "offset": 1}])
        );
    }
}
