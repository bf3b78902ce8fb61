//! `move_file`: move or rename a file or directory.

use crate::{
    base::beneath::{Error, Existing},
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem, changed_below,
        engine::{destination, trash},
        entry_path, fault,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct MoveFile;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// File or directory to move, relative to the workspace.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub source: String,
    /// Its new path, its name included; directories above it that are missing are made.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub destination: String,
    /// Replace a file that is there already; it goes to the trash. Directories are never replaced.
    #[serde(default)]
    pub overwrite: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Where it was, relative to the workspace.
    pub source: String,
    /// Where it is.
    pub destination: String,
    /// The file that was replaced, for restore_file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_trash_id: Option<String>,
}

impl Tool for MoveFile {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "move_file";
    const ABOUT: &'static str = "Move or rename a file or directory in your workspace, in one step. Refused when the destination exists, unless \
                                 overwrite is given for a file. Use copy_file to keep the source. Returns both paths.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let source = entry_path("/source", &args.source)?;
        let destination = entry_path("/destination", &args.destination)?;
        let changing = server.changing(ctx, args.repo).await?;
        changing.allowed(&source)?;
        changing.allowed(&destination)?;
        let (durability, now) = (changing.durability, ctx.now());
        ctx.blocking(move |_| {
            let files = changing.files()?;
            let at_source = |error| fault::at("/source", &files, &source, error);
            let at_destination = |error| fault::at("/destination", &files, &destination, error);
            files.kind(&source).map_err(at_source)?;
            if source.contains(&destination) {
                return Err(at_destination(if source == destination {
                    Error::Exists
                } else {
                    Error::IntoItself
                }));
            }
            let replaced =
                destination::check(&files, &destination, args.overwrite).map_err(|error| {
                    match error {
                        Error::Exists => {
                            at_destination(Error::Exists).hint("pass overwrite: true to replace it")
                        }
                        other => at_destination(other),
                    }
                })?;
            files
                .create_directories(&destination.parent(), durability)
                .map_err(at_destination)?;
            let put = || files.rename(&source, &destination, Existing::Refuse, durability);
            let replaced_trash_id = if replaced {
                let aside = changing.aside(Shelf::Trash)?;
                let (files, trash) = (&files, aside.files());
                let item = trash::instead(files, trash, &destination, now, durability, put);
                Some(item.map_err(at_destination)?.id.to_string())
            } else {
                put().map_err(at_destination)?;
                None
            };
            Ok(Output {
                source: source.to_string(),
                destination: destination.to_string(),
                replaced_trash_id,
            })
        })
        .await
        .inspect(|done: &Output| {
            changed_below(ctx, &done.source);
            changed_below(ctx, &done.destination);
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    fn args(source: &str, destination: &str) -> Value {
        json!({"source": source, "destination": destination})
    }

    #[tokio::test]
    async fn files_and_directories_move_and_a_replaced_file_comes_back() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir(at.join("old")).unwrap();
        std::fs::write(at.join("old/a"), "a").unwrap();
        std::fs::write(at.join("b"), "b").unwrap();
        let moved = ok(&team, "move_file", args("old/", "new/deep")).await;
        assert_eq!(moved, json!({"source": "old", "destination": "new/deep"}));
        let taken = refused(&team, "move_file", args("b", "new/deep/a")).await;
        assert_eq!(taken.code, Code::Conflict);
        assert!(taken.message.contains("overwrite"), "{}", taken.message);
        let mut over = args("b", "new/deep/a");
        over["overwrite"] = true.into();
        let moved = ok(&team, "move_file", over).await;
        assert_eq!(std::fs::read_to_string(at.join("new/deep/a")).unwrap(), "b");
        let back = json!({"trash_id": moved["replaced_trash_id"], "path": "c"});
        ok(&team, "restore_file", back).await;
        assert_eq!(std::fs::read_to_string(at.join("c")).unwrap(), "a");
    }

    #[tokio::test]
    async fn what_cannot_move_stays_and_the_field_is_named() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir_all(at.join("d/e")).unwrap();
        std::fs::write(at.join("a"), "a").unwrap();
        std::os::unix::fs::symlink(&team.host.data, at.join("out")).unwrap();
        for (source, destination, pointer) in [
            ("d", "d/e/f", "/destination"),
            ("a", "out/a", "/destination"),
            ("a", "../a", "/destination"),
            ("a", ".git/hooks/pre-commit", "/destination"),
            ("out/token.key", "b", "/source"),
            ("a", "a/b", "/destination"),
            (".", "b", "/source"),
        ] {
            let error = refused(&team, "move_file", args(source, destination)).await;
            assert_eq!(error.code, Code::InvalidArgument, "{source} {destination}");
            assert_eq!(error.fields[0].pointer, pointer, "{source} {destination}");
        }
        let mut over = args("a", "d");
        over["overwrite"] = true.into();
        let error = refused(&team, "move_file", over).await;
        assert_eq!(
            error.fields[0].pointer, "/destination",
            "no directory is replaced"
        );
        assert_eq!(
            refused(&team, "move_file", args("no", "b")).await.code,
            Code::NotFound
        );
        assert_eq!(
            refused(&team, "move_file", args("a", "a")).await.code,
            Code::Conflict
        );
        assert_eq!(std::fs::read_to_string(at.join("a")).unwrap(), "a");
    }
}
