//! `delete_file`: move a file or directory to the trash.

use crate::{
    base::beneath::{Error, Kind},
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem, changed_below, check_version, content,
        engine::{etag, trash},
        entry_path, fault,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct DeleteFile;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// File, directory or symbolic link, relative to the workspace.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: String,
    /// Delete a directory with all that is in it. Without it only an empty one is deleted.
    #[serde(default)]
    pub recursive: bool,
    /// The `etag` from read_text_file: refused when the file is not that version any more.
    #[garde(length(bytes, max = 100))]
    pub if_match: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What was deleted, relative to the workspace.
    pub path: String,
    /// Pass to restore_file to bring it back.
    pub trash_id: String,
}

impl Tool for DeleteFile {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "delete_file";
    const ABOUT: &'static str = "Delete a file, a link, or (with recursive) a directory of your workspace. It goes to the trash in one step: \
                                 restore_file brings it back, list_trash shows what is there. Returns its trash_id.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let path = entry_path("/path", &args.path)?;
        let changing = server.changing(ctx, args.repo).await?;
        changing.allowed(&path)?;
        let (now, most) = (ctx.now(), server.config.max_file_bytes);
        ctx.blocking(move |_| {
            let files = changing.files()?;
            let refused = |error| fault::of(&files, &path, error);
            let kind = files.kind(&path).map_err(refused)?;
            if kind == Kind::Directory && !args.recursive {
                let entries = files.entries(&path).map_err(refused)?;
                if !entries.is_empty() {
                    return Err(ToolError::conflict(format!(
                        "{path} is a directory with {} entries",
                        entries.len()
                    ))
                    .hint("pass recursive: true to delete it with all in it"));
                }
            }
            if args.if_match.is_some() {
                let old = content(&files, &path, most)?.ok_or_else(|| refused(Error::NotFound))?;
                check_version(&path, args.if_match.as_deref(), Some(&etag::of(&old)))?;
            }
            let aside = changing.aside(Shelf::Trash)?;
            let item = trash::put(&files, aside.files(), &path, now, changing.durability)
                .map_err(refused)?;
            Ok(Output {
                path: item.path,
                trash_id: item.id.to_string(),
            })
        })
        .await
        .inspect(|done: &Output| changed_below(ctx, &done.path))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn what_is_deleted_can_be_brought_back() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir(at.join("d")).unwrap();
        std::fs::write(at.join("d/a"), "a").unwrap();
        let full = refused(&team, "delete_file", json!({"path": "d"})).await;
        assert_eq!(full.code, Code::Conflict);
        let gone = ok(
            &team,
            "delete_file",
            json!({"path": "d/", "recursive": true}),
        )
        .await;
        assert!(!at.join("d").exists());
        let again = refused(&team, "delete_file", json!({"path": "d"})).await;
        assert_eq!(again.code, Code::NotFound);
        let back = ok(&team, "restore_file", json!({"trash_id": gone["trash_id"]})).await;
        assert_eq!(back["path"], "d");
        assert_eq!(std::fs::read_to_string(at.join("d/a")).unwrap(), "a");
    }

    #[tokio::test]
    async fn a_link_is_deleted_and_not_what_it_leads_to() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(team.host.data.join("secret"), "s").unwrap();
        symlink(team.host.data.join("secret"), at.join("link")).unwrap();
        symlink(&team.host.data, at.join("out")).unwrap();
        let through = refused(&team, "delete_file", json!({"path": "out/secret"})).await;
        assert_eq!(through.code, Code::InvalidArgument);
        ok(&team, "delete_file", json!({"path": "link"})).await;
        ok(
            &team,
            "delete_file",
            json!({"path": "out", "recursive": true}),
        )
        .await;
        assert!(team.host.data.join("secret").exists());
        assert_eq!(std::fs::read_dir(&at).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn only_the_version_that_was_read_is_deleted() {
        let team = team().await;
        let written = ok(&team, "write_file", json!({"path": "a", "content": "1"})).await;
        ok(&team, "write_file", json!({"path": "a", "content": "2"})).await;
        let stale = json!({"path": "a", "if_match": written["etag"]});
        assert_eq!(
            refused(&team, "delete_file", stale).await.code,
            Code::PreconditionFailed
        );
        for path in [".", "../a", ".git"] {
            let error = refused(&team, "delete_file", json!({"path": path})).await;
            assert_eq!(error.code, Code::InvalidArgument, "{path}");
        }
    }
}
