//! `get_file_info`: what is known of a file without reading it to the caller.

use std::io::Read as _;

use crate::{
    base::beneath::{Kind, RelPath, kind_of},
    servers::file_system::{
        FileSystem, directory_path,
        engine::{etag, listing, media, text},
        fault,
        tools::list_directory::EntryType,
        tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GetFileInfo;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// File, directory or link, relative to the workspace.
    #[garde(length(bytes, min = 1, max = 4096))]
    pub path: String,
    /// Also read a whole file for its `etag` and SHA-256.
    #[serde(default)]
    pub checksum: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The path, relative to the workspace.
    pub path: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: EntryType,
    /// Size in bytes, of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub modified_ms: i64,
    /// Its mode bits in octal, e.g. `644`.
    pub mode: String,
    /// Entries, of a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<usize>,
    /// Where a symbolic link leads, as it says; left out when that is no path within the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What a file is by its first bytes: `text/plain`, `application/octet-stream`, or an image's or sound's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<&'static str>,
    /// The file's version, for `if_match`; with `checksum`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The file's SHA-256 in hexadecimal; with `checksum`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Tool for GetFileInfo {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "get_file_info";
    const ABOUT: &'static str = "Tell what a path of your workspace is: type, size, time of change, mode bits, media type, a link's target, and on \
                                 demand its etag and SHA-256. Links are not followed. Use read_text_file for a file's content.";
    const ACCESS: Access = Access::Read;
    const DEADLINE: Duration = Duration::from_secs(60);

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo)?;
        let path = directory_path(Some(&args.path))?;
        let workspaces = server.workspaces.clone();
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let refused = |error| fault::of(&files, &path, error);
            let stat = files.metadata(&path).map_err(refused)?;
            let kind = kind_of(stat.st_mode);
            let mut out = Output {
                path: path.to_string(),
                kind: kind.into(),
                size_bytes: (kind == Kind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0)),
                modified_ms: listing::modified_ms(&stat),
                mode: format!("{:o}", stat.st_mode & 0o7777),
                entries: None,
                target: None,
                mime_type: None,
                etag: None,
                sha256: None,
            };
            match kind {
                Kind::Directory => {
                    out.entries = Some(files.entries(&path).map_err(refused)?.len());
                }
                Kind::Symlink => {
                    let target = files.link_target(&path).map_err(refused)?;
                    out.target = target.filter(|target| stays(&path, target));
                }
                Kind::File => {
                    let (mut file, _) = files.file(&path).map_err(refused)?;
                    let mut start = Vec::new();
                    file.by_ref().take(8192).read_to_end(&mut start)?;
                    let plain = if text::is_binary(&start) {
                        "application/octet-stream"
                    } else {
                        "text/plain"
                    };
                    out.mime_type = Some(media::of(&start).unwrap_or(plain));
                    if args.checksum {
                        let mut hash = etag::Etag::default();
                        hash.update(&start);
                        let mut block = vec![0; 64 * 1024];
                        loop {
                            stop.check()?;
                            let length = file.read(&mut block)?;
                            if length == 0 {
                                break;
                            }
                            hash.update(block.get(..length).unwrap_or_default());
                        }
                        let whole = hash.finish_whole();
                        out.etag = Some(etag::of_whole(&whole));
                        out.sha256 = Some(whole);
                    }
                }
                Kind::Special => {}
            }
            Ok(out)
        })
        .await
    }
}

/// Whether a link at `path` that says `target` says nothing of what is outside of the workspace.
fn stays(path: &RelPath, target: &str) -> bool {
    let mut depth = path.parent().components().count();
    for part in target.split('/') {
        match part {
            ".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return false,
            },
            "" | "." => {}
            _ => depth += 1,
        }
    }
    !target.starts_with('/')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn each_kind_is_told_with_what_belongs_to_it() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir(at.join("d")).unwrap();
        std::fs::write(at.join("d/a"), "abc").unwrap();
        std::fs::set_permissions(at.join("d/a"), std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("../d/a", at.join("d/in")).unwrap();
        symlink(&team.host.data, at.join("out")).unwrap();
        symlink("../../x", at.join("d/up")).unwrap();
        let info = |path: &'static str| {
            let team = team.clone();
            async move {
                ok(
                    &team,
                    "get_file_info",
                    json!({"path": path, "checksum": true}),
                )
                .await
            }
        };
        let file = info("d/a").await;
        assert_eq!(
            (&file["type"], &file["size_bytes"], &file["mode"]),
            (&json!("file"), &json!(3), &json!("640"))
        );
        assert_eq!(file["mime_type"], "text/plain");
        assert_eq!(
            file["sha256"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let read = ok(&team, "read_text_file", json!({"path": "d/a"})).await;
        assert_eq!(file["etag"], read["etag"]);
        let dir = info("d/").await;
        assert_eq!(
            (&dir["type"], &dir["entries"]),
            (&json!("directory"), &json!(3))
        );
        assert_eq!(info("d/in").await["target"], "../d/a");
        for path in ["out", "d/up"] {
            let link = info(path).await;
            assert_eq!(
                (&link["type"], link.get("target")),
                (&json!("symlink"), None)
            );
        }
        assert_eq!(
            refused(&team, "get_file_info", json!({"path": "no"}))
                .await
                .code,
            Code::NotFound
        );
        assert_eq!(info(".").await["type"], "directory");
    }
}
