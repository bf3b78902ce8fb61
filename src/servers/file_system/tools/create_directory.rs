//! `create_directory`: make a directory.

use crate::{
    servers::file_system::{FileSystem, changed_below, entry_path, fault},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct CreateDirectory;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Directory, relative to the workspace, e.g. `src/parser`. Those above it that are missing are made too.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The directory, relative to the workspace.
    pub path: String,
    /// False when it was there already.
    pub created: bool,
}

impl Tool for CreateDirectory {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "create_directory";
    const ABOUT: &'static str = "Make a directory in your workspace, with those above it. One that is there already is no error. write_file \
                                 makes the directories of its file by itself, and git keeps no empty ones. Returns whether it was made.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let path = entry_path("/path", &args.path)?;
        let changing = server.changing(ctx, args.repo).await?;
        changing.allowed_to_make(&path)?;
        ctx.blocking(move |_| {
            let files = changing.files()?;
            let created = files
                .create_directories(&path, changing.durability)
                .map_err(|error| fault::of(&files, &path, error))?;
            Ok(Output {
                path: path.to_string(),
                created,
            })
        })
        .await
        .inspect(|done: &Output| {
            if done.created {
                changed_below(ctx, &done.path);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn directories_are_made_once_and_inside() {
        let team = team().await;
        let make = |path: &'static str| {
            let team = team.clone();
            async move { ok(&team, "create_directory", json!({"path": path})).await }
        };
        assert_eq!(make("a/b/").await, json!({"path": "a/b", "created": true}));
        assert_eq!(make("a").await["created"], false);
        assert!(root(&team).join("a/b").is_dir());
        std::fs::write(root(&team).join("file"), "").unwrap();
        std::os::unix::fs::symlink(&team.host.data, root(&team).join("out")).unwrap();
        for path in [
            "file", "file/x", "out/x", "../x", "/x", ".git", "x/.Git/y", ".",
        ] {
            let error = refused(&team, "create_directory", json!({"path": path})).await;
            assert_eq!(error.code, Code::InvalidArgument, "{path}");
        }
        assert!(!team.host.data.join("x").exists());
    }
}
