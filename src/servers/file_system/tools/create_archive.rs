//! `create_archive`: pack files.

use crate::{
    base::beneath::{Error, Existing, RelPath},
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem, changed, directory_path,
        engine::{
            archive::{self, Format, Limits, Packed},
            copy, destination, trash,
        },
        entry_path, fault,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct CreateArchive;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Files and directories to pack, relative to the workspace; `.` for all of it. Their paths are kept in the archive.
    #[garde(length(min = 1, max = 100), inner(length(bytes, min = 1, max = 4096)))]
    pub paths: Vec<String>,
    /// The archive to write, relative to the workspace. Its ending tells the format: `.zip`, `.tar.gz`, `.tgz` or `.tar`.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub destination: String,
    /// Replace an archive that is there already; it goes to the trash.
    #[serde(default)]
    pub overwrite: bool,
    /// Pack what `.gitignore` excludes too.
    #[serde(default)]
    pub include_ignored: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The archive, relative to the workspace.
    pub path: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Files in it.
    pub files: u64,
    /// Bytes that they have unpacked.
    pub unpacked_bytes: u64,
    /// Symbolic links, special files and files with several hard links, which are not in it.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub skipped: u64,
}

impl Tool for CreateArchive {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "create_archive";
    const ABOUT: &'static str = "Pack files and directories of your workspace into a zip or tar archive in it, hidden files included, ignored \
                                 ones left out. Use create_snapshot to be able to go back, extract_archive to unpack. Returns the archive's \
                                 path and size.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: true,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let paths = args.paths.iter().enumerate().map(|(index, path)| {
            directory_path(Some(path)).map_err(|error| {
                ToolError::invalid(
                    format!("/paths/{index}"),
                    error.message.trim_start_matches("/path: "),
                )
            })
        });
        let paths = paths.collect::<Result<Vec<RelPath>, _>>()?;
        let destination = entry_path("/destination", &args.destination)?;
        let format = Format::of_name(&args.destination).ok_or_else(|| {
            ToolError::invalid("/destination", "must end in .zip, .tar.gz, .tgz or .tar")
        })?;
        let changing = server.changing(ctx, args.repo).await?;
        changing.allowed(&destination)?;
        let (bytes, entries) = (
            server.config.max_archive_bytes,
            server.config.max_archive_entries,
        );
        let (durability, now) = (changing.durability, ctx.now());
        ctx.blocking(move |stop| {
            let files = changing.files()?;
            let stopped = || stop.is_set();
            let limits = Limits {
                bytes,
                entries,
                stop: &stopped,
            };
            let refused = |error| fault::at("/destination", &files, &destination, error);
            let mut most = 0;
            for (index, path) in paths.iter().enumerate() {
                let size = copy::measure(&files, path, &stopped);
                let size = size
                    .map_err(|error| fault::at(&format!("/paths/{index}"), &files, path, error))?;
                most += size.bytes;
            }
            changing.room(most.min(bytes), stop)?;
            let replaced = destination::check(&files, &destination, args.overwrite);
            let replaced = replaced.map_err(|error| match error {
                Error::Exists => refused(Error::Exists).hint("pass overwrite: true to replace it"),
                other => refused(other),
            })?;
            files
                .create_directories(&destination.parent(), durability)
                .map_err(refused)?;
            let mut packed = Packed::default();
            let mut failed = None;
            let put = || {
                files.write_with(&destination, None, Existing::Refuse, durability, |file| {
                    let to = (&destination, file);
                    match archive::pack(&files, &paths, args.include_ignored, to, format, limits) {
                        Ok(done) => {
                            packed = done;
                            Ok(())
                        }
                        Err(error) => {
                            failed = Some(error);
                            Err(Error::NotFound)
                        }
                    }
                })
            };
            let put = if replaced {
                let aside = changing.aside(Shelf::Trash)?;
                trash::instead(&files, aside.files(), &destination, now, durability, put).map(drop)
            } else {
                let mut put = put;
                put()
            };
            if let Some(error) = failed {
                return Err(super::archive_refusal(
                    &files,
                    "/paths",
                    &destination,
                    error,
                ));
            }
            put.map_err(refused)?;
            let stat = files.metadata(&destination).map_err(refused)?;
            Ok(Output {
                path: destination.to_string(),
                size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
                files: packed.files,
                unpacked_bytes: packed.bytes,
                skipped: packed.skipped,
            })
        })
        .await
        .inspect(|done: &Output| changed(ctx, &done.path))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use serde_json::json;

    use crate::servers::file_system::{
        Config,
        tools::testing::{ok, refused, root, team, team_with},
    };
    use crate::tool::Code;

    #[tokio::test]
    async fn what_is_packed_comes_out_again() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir_all(at.join("src/empty")).unwrap();
        std::fs::write(at.join("src/run.sh"), "run\n").unwrap();
        std::fs::set_permissions(
            at.join("src/run.sh"),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        std::fs::write(at.join("src/a"), "a".repeat(100_000)).unwrap();
        std::fs::write(at.join(".gitignore"), "*.o\n").unwrap();
        std::fs::write(at.join("src/x.o"), "built").unwrap();
        symlink(&team.host.data, at.join("src/out")).unwrap();
        for name in ["p.zip", "p.tar.gz", "p.tgz", "p.tar"] {
            let args = json!({"paths": ["src/"], "destination": format!("pack/{name}")});
            let packed = ok(&team, "create_archive", args).await;
            assert_eq!(
                (&packed["files"], &packed["unpacked_bytes"]),
                (&json!(2), &json!(100_004))
            );
            assert_eq!(packed["skipped"], 1, "the link");
            let args =
                json!({"path": format!("pack/{name}"), "destination": format!("out/{name}")});
            let done = ok(&team, "extract_archive", args).await;
            assert_eq!(
                (&done["files"], &done["size_bytes"]),
                (&json!(2), &json!(100_004))
            );
            let out = at.join("out").join(name).join("src");
            assert_eq!(
                std::fs::read_to_string(out.join("run.sh")).unwrap(),
                "run\n"
            );
            let mode = std::fs::metadata(out.join("run.sh"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o755, "{name}");
            assert!(out.join("empty").is_dir() && !out.join("x.o").exists());
        }
        let whole = json!({"paths": ["."], "destination": "all.tar", "include_ignored": true});
        let before = ok(&team, "create_archive", whole.clone()).await;
        assert_eq!(
            refused(&team, "create_archive", whole.clone()).await.code,
            Code::Conflict
        );
        let mut again = whole;
        again["overwrite"] = true.into();
        let again = ok(&team, "create_archive", again).await;
        assert_eq!(again["files"], before["files"], "it does not pack itself");
        assert_eq!(
            ok(&team, "list_trash", json!({})).await["items"][0]["path"],
            "all.tar"
        );
    }

    #[tokio::test]
    async fn too_much_and_bad_paths_are_refused_and_leave_nothing() {
        let config = Config {
            max_archive_bytes: 1000,
            max_archive_entries: 3,
            ..Config::default()
        };
        let team = team_with(config).await;
        let at = root(&team);
        std::fs::write(at.join("big"), vec![0; 1001]).unwrap();
        std::fs::create_dir(at.join("many")).unwrap();
        for n in 0..4 {
            std::fs::write(at.join(format!("many/{n}")), "").unwrap();
        }
        for (path, code) in [
            ("big", Code::TooLarge),
            ("many", Code::TooLarge),
            ("no", Code::NotFound),
            ("../x", Code::InvalidArgument),
        ] {
            let args = json!({"paths": [path], "destination": "x.zip"});
            assert_eq!(
                refused(&team, "create_archive", args).await.code,
                code,
                "{path}"
            );
        }
        let args = json!({"paths": ["many"], "destination": "x.rar"});
        assert_eq!(
            refused(&team, "create_archive", args).await.fields[0].pointer,
            "/destination"
        );
        assert_eq!(std::fs::read_dir(&at).unwrap().count(), 2);
    }
}
