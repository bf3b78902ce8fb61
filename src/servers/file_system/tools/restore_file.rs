//! `restore_file`: bring back what was deleted.

use crate::{
    base::beneath::{Error, RelPath},
    project::workspace::Shelf,
    servers::file_system::{FileSystem, changed_below, engine::trash, entry_path, fault},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct RestoreFile;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// `trash_id` from delete_file or list_trash.
    #[garde(length(bytes, min = 1, max = 100))]
    pub trash_id: String,
    /// Where to put it, relative to the workspace; where it was, when left out.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Where it is now, relative to the workspace.
    pub path: String,
}

impl Tool for RestoreFile {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "restore_file";
    const ABOUT: &'static str = "Bring a deleted or replaced file or directory back from the trash of your workspace, to where it was or to \
                                 another path. Nothing is replaced: when the path is taken, give another. Returns where it is.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let wanted = args
            .path
            .map(|path| entry_path("/path", &path))
            .transpose()?;
        let changing = server.changing(ctx, args.repo).await?;
        ctx.blocking(move |_| {
            let files = changing.files()?;
            let aside = changing.aside(Shelf::Trash)?;
            let gone = |_| {
                ToolError::not_found("trash_id", &args.trash_id)
                    .hint("list_trash shows what can be brought back")
            };
            let item = trash::find(aside.files(), &args.trash_id).map_err(gone)?;
            let path = match wanted {
                Some(path) => path,
                None => RelPath::parse(&item.path).map_err(ToolError::internal)?,
            };
            changing.allowed(&path)?;
            let refused = |error| match error {
                Error::Exists => fault::of(&files, &path, Error::Exists)
                    .hint("give another path, or move what is there"),
                other => fault::of(&files, &path, other),
            };
            let durability = changing.durability;
            files
                .create_directories(&path.parent(), durability)
                .map_err(refused)?;
            trash::restore(&files, aside.files(), &item, &path, durability).map_err(refused)?;
            Ok(Output {
                path: path.to_string(),
            })
        })
        .await
        .inspect(|done: &Output| changed_below(ctx, &done.path))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn nothing_is_replaced_and_no_one_elses_trash_is_found() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir(at.join("d")).unwrap();
        std::fs::write(at.join("d/a"), "old").unwrap();
        let id = ok(&team, "delete_file", json!({"path": "d/a"})).await["trash_id"].clone();
        std::fs::write(at.join("d/a"), "new").unwrap();
        let taken = refused(&team, "restore_file", json!({"trash_id": id})).await;
        assert_eq!(taken.code, Code::Conflict);
        assert_eq!(std::fs::read_to_string(at.join("d/a")).unwrap(), "new");
        std::fs::remove_dir_all(at.join("d")).unwrap();
        let bea = refused(
            &team.at("demo", "bea"),
            "restore_file",
            json!({"trash_id": id}),
        )
        .await;
        let none = json!({"trash_id": "trash_none"});
        assert_eq!(
            (bea.code, refused(&team, "restore_file", none).await.code),
            (Code::NotFound, Code::NotFound)
        );
        for foreign in ["../../bea/main", "..", ".", "/"] {
            let error = refused(&team, "restore_file", json!({"trash_id": foreign})).await;
            assert_eq!(error.code, Code::NotFound, "{foreign}");
        }
        let back = ok(&team, "restore_file", json!({"trash_id": id})).await;
        assert_eq!(back["path"], "d/a", "its directory is made again");
        assert_eq!(std::fs::read_to_string(at.join("d/a")).unwrap(), "old");
        assert_eq!(
            refused(&team, "restore_file", json!({"trash_id": id}))
                .await
                .code,
            Code::NotFound
        );
    }
}
