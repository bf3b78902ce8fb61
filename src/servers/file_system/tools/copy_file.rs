//! `copy_file`: copy a file or a directory.

use crate::{
    base::beneath::{Error, Existing, Kind},
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem, changed_below,
        engine::{copy, destination, trash},
        entry_path, fault,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct CopyFile;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// File or directory to copy, relative to the workspace.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub source: String,
    /// Path of the copy, its name included; directories above it that are missing are made.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub destination: String,
    /// Replace a file that is there already; it goes to the trash. Directories are never replaced.
    #[serde(default)]
    pub overwrite: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What was copied, relative to the workspace.
    pub source: String,
    /// The copy.
    pub destination: String,
    /// Files that were copied.
    pub files: u64,
    /// Bytes that they have.
    pub size_bytes: u64,
    /// Symbolic links, special files and files with several hard links that were left out of a directory's copy.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub skipped: u64,
    /// The file that was replaced, for restore_file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_trash_id: Option<String>,
}

impl Tool for CopyFile {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "copy_file";
    const ABOUT: &'static str = "Copy a file, or a directory with all in it, byte for byte and with its mode bits, within your workspace. \
                                 Refused when the destination exists, unless overwrite is given for a file. Use move_file to move. Returns \
                                 how many files and bytes were copied.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: true,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let source = entry_path("/source", &args.source)?;
        let destination = entry_path("/destination", &args.destination)?;
        let changing = server.changing(ctx, args.repo).await?;
        changing.allowed(&destination)?;
        let (durability, now) = (changing.durability, ctx.now());
        ctx.blocking(move |stop| {
            let files = changing.files()?;
            let stopped = || stop.is_set();
            let at_source = |error| fault::at("/source", &files, &source, error);
            let at_destination = |error| match error {
                Error::Exists => fault::at("/destination", &files, &destination, Error::Exists)
                    .hint("pass overwrite: true to replace a file"),
                other => fault::at("/destination", &files, &destination, other),
            };
            let size = copy::measure(&files, &source, &stopped).map_err(at_source)?;
            if source.contains(&destination) && source != destination {
                return Err(at_destination(Error::IntoItself));
            }
            let replaced =
                destination::check(&files, &destination, args.overwrite).map_err(at_destination)?;
            changing.room(size.bytes, stop)?;
            files
                .create_directories(&destination.parent(), durability)
                .map_err(at_destination)?;
            let mut copied = copy::Copied::default();
            let mut replaced_trash_id = None;
            if files.kind(&source).map_err(at_source)? == Kind::Directory {
                if replaced {
                    return Err(at_destination(Error::Exists));
                }
                let how = copy::How {
                    durability,
                    stop: &stopped,
                };
                copied = copy::directory(&files, &source, &destination, &how).map_err(at_source)?;
            } else {
                let mut put = || {
                    let refuse = Existing::Refuse;
                    copied.bytes =
                        files.copy(&source, &destination, refuse, durability, &stopped)?;
                    copied.files = 1;
                    Ok(())
                };
                if replaced && source != destination {
                    let aside = changing.aside(Shelf::Trash)?;
                    let (files, trash) = (&files, aside.files());
                    let item = trash::instead(files, trash, &destination, now, durability, put);
                    replaced_trash_id = Some(item.map_err(at_destination)?.id.to_string());
                } else {
                    put().map_err(at_destination)?;
                }
            }
            Ok(Output {
                source: source.to_string(),
                destination: destination.to_string(),
                files: copied.files,
                size_bytes: copied.bytes,
                skipped: copied.skipped,
                replaced_trash_id,
            })
        })
        .await
        .inspect(|done: &Output| changed_below(ctx, &done.destination))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use serde_json::{Value, json};

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    fn args(source: &str, destination: &str) -> Value {
        json!({"source": source, "destination": destination})
    }

    #[tokio::test]
    async fn a_directory_is_copied_whole_but_for_what_leads_elsewhere() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir_all(at.join("d/.hidden/empty")).unwrap();
        std::fs::write(at.join("d/.gitignore"), "x\n").unwrap();
        std::fs::write(at.join("d/x"), b"\xff\0").unwrap();
        std::fs::set_permissions(at.join("d/x"), std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink(&team.host.data, at.join("d/out")).unwrap();
        let done = ok(&team, "copy_file", args("d", "e/f")).await;
        assert_eq!(
            done,
            json!({"source": "d", "destination": "e/f", "files": 2, "size_bytes": 4, "skipped": 1})
        );
        assert_eq!(std::fs::read(at.join("e/f/x")).unwrap(), b"\xff\0");
        let mode = std::fs::metadata(at.join("e/f/x"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        assert!(at.join("e/f/.hidden/empty").is_dir() && !at.join("e/f/out").exists());
    }

    #[tokio::test]
    async fn a_file_replaces_only_when_told_and_what_was_there_comes_back() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("a"), "a").unwrap();
        std::fs::write(at.join("b"), "b").unwrap();
        assert_eq!(
            refused(&team, "copy_file", args("a", "b")).await.code,
            Code::Conflict
        );
        let mut over = args("a", "b");
        over["overwrite"] = true.into();
        let done = ok(&team, "copy_file", over).await;
        assert_eq!(std::fs::read_to_string(at.join("b")).unwrap(), "a");
        let back = json!({"trash_id": done["replaced_trash_id"], "path": "c"});
        ok(&team, "restore_file", back).await;
        assert_eq!(std::fs::read_to_string(at.join("c")).unwrap(), "b");
        let mut itself = args("a", "a");
        itself["overwrite"] = true.into();
        assert_eq!(
            refused(&team, "copy_file", itself).await.code,
            Code::Conflict
        );
    }

    #[tokio::test]
    async fn nothing_comes_in_from_outside_and_nothing_goes_there() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(team.host.data.join("secret"), "secret").unwrap();
        symlink(team.host.data.join("secret"), at.join("link")).unwrap();
        symlink(&team.host.data, at.join("out")).unwrap();
        std::fs::hard_link(team.host.data.join("secret"), at.join("hard")).unwrap();
        std::fs::create_dir(at.join("d")).unwrap();
        for (source, destination) in [
            ("link", "mine"),
            ("out/secret", "mine"),
            ("hard", "mine"),
            ("d", "out/d"),
            ("d", "d/inner"),
            ("../x", "mine"),
        ] {
            let error = refused(&team, "copy_file", args(source, destination)).await;
            assert_eq!(error.code, Code::InvalidArgument, "{source} {destination}");
        }
        assert!(!at.join("mine").exists() && !at.join("d/inner").exists());
    }
}
