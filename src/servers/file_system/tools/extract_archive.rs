//! `extract_archive`: unpack files.

use std::io::{Read as _, Seek as _};

use crate::{
    base::{
        beneath::{Beneath, Durability, Error, Kind, Links, RelPath},
        ids::new_id,
    },
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem, changed_below,
        changing::Changing,
        directory_path,
        engine::{
            archive::{self, Format, Limits, Unpacked},
            batch::{self, Place, Step},
            destination,
        },
        fault, file_path,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ExtractArchive;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// The archive, relative to the workspace: zip, tar or tar with gzip, told by its content.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: String,
    /// Directory to unpack into, relative to the workspace, made when it is missing; the workspace itself when left out.
    #[garde(length(bytes, max = 4096))]
    pub destination: Option<String>,
    /// Replace files that are there already; they go to the trash.
    #[serde(default)]
    pub overwrite: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Where it was unpacked, relative to the workspace.
    pub destination: String,
    /// Files that came out.
    pub files: usize,
    /// Bytes that they have.
    pub size_bytes: u64,
    /// Files that were replaced, for restore_file; at most 50 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaced_trash_ids: Vec<String>,
}

impl Tool for ExtractArchive {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "extract_archive";
    const ABOUT: &'static str = "Unpack a zip or tar archive of your workspace, all of it or nothing. Refused when it holds links, devices, paths \
                                 that lead out or into .git, or more than the hub allows, and when files are there already unless overwrite is \
                                 given. Returns how many files and bytes came out.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: true,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let path = file_path(&args.path)?;
        let to = directory_path(args.destination.as_deref()).map_err(|error| {
            ToolError::invalid("/destination", error.message.trim_start_matches("/path: "))
        })?;
        let changing = server.changing(ctx, args.repo).await?;
        let (bytes, entries) = (
            server.config.max_archive_bytes,
            server.config.max_archive_entries,
        );
        let now = ctx.now();
        ctx.blocking(move |stop| {
            let files = changing.files()?;
            let opened = files.file(&path);
            let (mut file, _) = opened.map_err(|error| fault::of(&files, &path, error))?;
            let mut start = Vec::new();
            file.by_ref().take(512).read_to_end(&mut start)?;
            file.rewind()?;
            let format = Format::of_content(&start).ok_or_else(|| {
                ToolError::invalid("/path", format!("{path} is no zip, tar or tar.gz archive"))
            })?;
            let limits = Limits {
                bytes,
                entries,
                stop: &|| stop.is_set(),
            };
            let aside = changing.aside(Shelf::Staging)?;
            let mut name = RelPath::root();
            name.push(&new_id("unpack")).map_err(ToolError::internal)?;
            let staging = aside.files().make_directory(&name);
            let staging = staging.map_err(|error| fault::of_workspace(error.into()))?;
            let done = archive::unpack(file, format, &staging, limits)
                .map_err(|error| super::archive_refusal(&files, "/path", &path, error))
                .and_then(|unpacked| {
                    let bringing = Bringing {
                        changing: &changing,
                        files: &files,
                        staging: &staging,
                        to: &to,
                        overwrite: args.overwrite,
                        now,
                    };
                    bringing.all(unpacked, stop)
                });
            // Emptied of what came over; all of it, when that was refused.
            aside.remove_all(&name).map_err(fault::of_workspace)?;
            done
        })
        .await
        .inspect(|done: &Output| changed_below(ctx, &done.destination))
    }
}

/// From the staging directory into the tree.
struct Bringing<'b> {
    changing: &'b Changing,
    files: &'b Beneath,
    staging: &'b Beneath,
    to: &'b RelPath,
    overwrite: bool,
    now: Millis,
}

impl Bringing<'_> {
    fn all(&self, unpacked: Unpacked, stop: &Stop) -> Result<Output, ToolError> {
        let mut steps = Vec::with_capacity(unpacked.files.len());
        for from in &unpacked.files {
            let to = self.target(from)?;
            self.changing.allowed(&to)?;
            let replaced = destination::check(self.files, &to, self.overwrite);
            if replaced.map_err(|error| self.refused(&to, error))? {
                steps.push(Step::Delete { path: to.clone() });
            }
            steps.push(Step::Import {
                from: from.clone(),
                to,
            });
        }
        let directories = unpacked.directories.iter().map(|from| self.target(from));
        let directories = directories.collect::<Result<Vec<_>, _>>()?;
        for to in &directories {
            self.changing.allowed_to_make(to)?;
            let there = self.files.directory(to, Links::Refuse);
            if let Err(error) = there.map(drop)
                && !matches!(error, Error::NotFound)
            {
                return Err(self.refused(to, error));
            }
        }
        self.changing.room(unpacked.bytes, stop)?;
        stop.check()?;
        self.flush()?;
        for to in directories.iter().chain([self.to]) {
            self.files
                .create_directories(to, Durability::Cached)
                .map_err(|error| self.refused(to, error))?;
        }
        let aside = self.changing.aside(Shelf::Trash)?;
        let place = Place {
            files: self.files,
            trash: aside.files(),
            staging: Some(self.staging),
            now: self.now,
            durability: Durability::Cached,
        };
        let replaced = batch::run(place, &steps).map_err(|(index, error)| {
            let path = steps.get(index).map_or(self.to, Step::path);
            self.refused(path, error)
        })?;
        self.flush()?;
        Ok(Output {
            destination: self.to.to_string(),
            files: unpacked.files.len(),
            size_bytes: unpacked.bytes,
            replaced_trash_ids: replaced
                .iter()
                .take(50)
                .map(|item| item.id.to_string())
                .collect(),
        })
    }

    fn target(&self, from: &RelPath) -> Result<RelPath, ToolError> {
        let target = self.to.join(from.as_str());
        target.map_err(|error| ToolError::invalid("/destination", format!("{from}: {error}")))
    }

    fn flush(&self) -> Result<(), ToolError> {
        if self.changing.durability == Durability::Synced {
            let flushed = self.files.sync_all();
            flushed.map_err(|error| fault::of_workspace(error.into()))?;
        }
        Ok(())
    }

    fn refused(&self, path: &RelPath, error: Error) -> ToolError {
        let is_file = || self.files.kind(path).is_ok_and(|kind| kind == Kind::File);
        let next = match &error {
            Error::Exists => Some("pass overwrite: true to replace files, or another destination"),
            Error::NotADirectory if is_file() => Some("the archive has a directory of that name"),
            _ => None,
        };
        let refused = fault::at("/destination", self.files, path, error);
        next.into_iter().fold(refused, ToolError::hint)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::{Value, json};

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    /// A tar with these files.
    fn tar(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, text) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(text.len() as u64);
            builder
                .append_data(&mut header, name, text.as_bytes())
                .unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn args(destination: &str) -> Value {
        json!({"path": "p", "destination": destination})
    }

    #[tokio::test]
    async fn files_that_are_there_are_replaced_only_when_told() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("p"), tar(&[("a", "new"), ("d/b", "new")])).unwrap();
        std::fs::write(at.join("a"), "old").unwrap();
        let taken = refused(&team, "extract_archive", json!({"path": "p"})).await;
        assert_eq!(taken.code, Code::Conflict);
        assert!(taken.message.contains("overwrite"), "{}", taken.message);
        assert!(!at.join("d").exists(), "all or nothing");
        let done = ok(
            &team,
            "extract_archive",
            json!({"path": "p", "overwrite": true}),
        )
        .await;
        assert_eq!(std::fs::read_to_string(at.join("a")).unwrap(), "new");
        let back = json!({"trash_id": done["replaced_trash_ids"][0], "path": "c"});
        ok(&team, "restore_file", back).await;
        assert_eq!(std::fs::read_to_string(at.join("c")).unwrap(), "old");
        let staging = team.host.data.join("projects/demo/staging/ann/main");
        assert_eq!(std::fs::read_dir(staging).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_stands_in_the_way_and_leases_refuse_it_whole() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("p"), tar(&[("x", "1"), ("d/b", "2")])).unwrap();
        std::fs::write(at.join("d"), "a file").unwrap();
        std::os::unix::fs::symlink(&team.host.data, at.join("out")).unwrap();
        for destination in [".", "out", "out/in", "../x", ".git"] {
            let error = refused(&team, "extract_archive", args(destination)).await;
            assert_eq!(
                error.code,
                Code::InvalidArgument,
                "{destination}: {}",
                error.message
            );
            assert_eq!(error.fields[0].pointer, "/destination");
        }
        ok(
            &team.at("demo", "bea"),
            "acquire_lease",
            json!({"path": "new/d"}),
        )
        .await;
        assert_eq!(
            refused(&team, "extract_archive", args("new")).await.code,
            Code::Conflict
        );
        assert!(!at.join("x").exists() && !at.join("new").exists());
        std::fs::write(at.join("p"), "text").unwrap();
        assert!(
            refused(&team, "extract_archive", args("new"))
                .await
                .message
                .contains("no zip")
        );
    }

    #[tokio::test]
    async fn a_bomb_leaves_nothing_behind() {
        let team = team().await;
        let at = root(&team);
        // 300 MB of zeros in some 300 KB.
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(300 << 20);
        header.set_path("zeros").unwrap();
        header.set_cksum();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(header.as_bytes()).unwrap();
        for _ in 0..300 {
            gzip.write_all(&vec![0; 1 << 20]).unwrap();
        }
        std::fs::write(at.join("p"), gzip.finish().unwrap()).unwrap();
        let error = refused(&team, "extract_archive", args("out")).await;
        assert_eq!(error.code, Code::TooLarge, "{}", error.message);
        assert_eq!(std::fs::read_dir(&at).unwrap().count(), 1);
        let staging = team.host.data.join("projects/demo/staging/ann/main");
        assert_eq!(std::fs::read_dir(staging).unwrap().count(), 0);
    }
}
