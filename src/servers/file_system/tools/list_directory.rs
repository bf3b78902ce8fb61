//! `list_directory`: what is in a directory.

use crate::{
    base::beneath::Kind,
    servers::file_system::{FileSystem, directory_path, engine::listing, fault, tree},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ListDirectory;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Directory, relative to the workspace; the workspace itself when left out.
    #[garde(length(bytes, max = 4096))]
    pub path: Option<String>,
    /// Most entries to return.
    #[serde(default = "super::fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

/// What an entry is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum EntryType {
    File,
    Directory,
    /// A symbolic link; it is not followed.
    Symlink,
    /// A FIFO, socket or device.
    Special,
}

impl From<Kind> for EntryType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => Self::File,
            Kind::Directory => Self::Directory,
            Kind::Symlink => Self::Symlink,
            Kind::Special => Self::Special,
        }
    }
}

/// One entry.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: EntryType,
    /// Size in bytes, of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub modified_ms: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The directory, relative to the workspace; `.` is the workspace.
    pub path: String,
    /// Its entries, by name. Repositories' own files are not shown.
    pub items: Vec<Item>,
    /// Entries in the whole directory.
    pub total: usize,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for ListDirectory {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "list_directory";
    const ABOUT: &'static str = "List one directory of your workspace, hidden and ignored files included. Use search_content to look into files. \
                                 Returns names with type, size and time of change, sorted by name, in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo)?;
        let path = directory_path(args.path.as_deref())?;
        let binding = (ctx.scope().clone(), tree.repo.clone(), path.clone());
        let after: Option<String> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        let workspaces = server.workspaces.clone();
        ctx.blocking(move |_| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let (items, more, total) = listing::page(
                &files,
                &path,
                after.as_deref(),
                args.limit as usize,
            )
            .map_err(|error| match error {
                crate::base::beneath::Error::NotADirectory
                    if files.kind(&path).is_ok_and(|kind| kind == Kind::File) =>
                {
                    ToolError::invalid("/path", format!("{path} is a file: use read_text_file"))
                }
                other => fault::of(&files, &path, other),
            })?;
            let last = items.last().filter(|_| more);
            Ok(Output {
                path: path.to_string(),
                next_cursor: last.map(|last| paging::encode(&binding, &last.name)),
                items: items.into_iter().map(Item::from).collect(),
                total,
            })
        })
        .await
    }
}

impl From<listing::Item> for Item {
    fn from(item: listing::Item) -> Self {
        Self {
            name: item.name,
            kind: item.kind.into(),
            size_bytes: item.size,
            modified_ms: item.modified,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn a_new_workspace_is_empty_and_pages_join() {
        let team = team().await;
        assert_eq!(
            ok(&team, "list_directory", json!({})).await,
            json!({"path": ".", "items": [], "total": 0})
        );
        for name in ["c", "a", "b"] {
            std::fs::write(root(&team).join(name), "12").unwrap();
        }
        std::fs::create_dir(root(&team).join("d")).unwrap();
        let first = ok(&team, "list_directory", json!({"path": "./", "limit": 3})).await;
        assert_eq!(first["items"][0]["name"], "a");
        assert_eq!(
            (&first["items"][0]["type"], &first["items"][0]["size_bytes"]),
            (&json!("file"), &json!(2))
        );
        let rest = ok(
            &team,
            "list_directory",
            json!({"limit": 3, "cursor": first["next_cursor"]}),
        )
        .await;
        assert_eq!(
            (&rest["items"][0]["name"], &rest["items"][0]["type"]),
            (&json!("d"), &json!("directory"))
        );
        assert_eq!(rest.get("next_cursor"), None);
        let foreign = refused(
            &team,
            "list_directory",
            json!({"path": "d", "cursor": first["next_cursor"]}),
        )
        .await;
        assert_eq!(foreign.code, Code::InvalidArgument);
        assert!(
            refused(&team, "list_directory", json!({"path": "a"}))
                .await
                .message
                .contains("read_text_file")
        );
        assert_eq!(
            refused(&team, "list_directory", json!({"path": "e"}))
                .await
                .code,
            Code::NotFound
        );
    }
}
