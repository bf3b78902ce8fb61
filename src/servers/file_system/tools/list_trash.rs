//! `list_trash`: what was deleted and can be brought back.

use crate::{
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem, engine::trash, fault, tools::list_directory::EntryType, tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ListTrash;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Most items to return.
    #[serde(default = "super::fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

/// A deleted thing.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Pass to restore_file.
    pub trash_id: String,
    /// Where it was, relative to the workspace.
    pub path: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: EntryType,
    /// When it was deleted, in milliseconds since the Unix epoch.
    pub deleted_ms: Millis,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What was deleted, the latest first.
    pub items: Vec<Item>,
    /// Items in the whole trash.
    pub total: usize,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for ListTrash {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "list_trash";
    const ABOUT: &'static str = "List what delete_file, move_file and copy_file removed from your workspace and what restore_file can bring \
                                 back, the latest first. It is kept for some days, or until the project needs the room.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo)?;
        let binding = (ctx.scope().clone(), tree.repo.clone(), "trash");
        let after: Option<String> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        let workspaces = server.workspaces.clone();
        ctx.blocking(move |_| {
            let aside = workspaces
                .aside(&tree, Shelf::Trash)
                .map_err(fault::of_workspace)?;
            let all =
                trash::list(aside.files()).map_err(|error| fault::of_workspace(error.into()))?;
            let total = all.len();
            let before =
                |item: &trash::Item| after.as_deref().is_none_or(|id| item.id.as_str() < id);
            let mut rest = all.into_iter().filter(before).map(Item::from);
            let items: Vec<Item> = rest.by_ref().take(args.limit as usize).collect();
            let last = items.last().filter(|_| rest.next().is_some());
            Ok(Output {
                next_cursor: last.map(|last| paging::encode(&binding, &last.trash_id)),
                items,
                total,
            })
        })
        .await
    }
}

impl From<trash::Item> for Item {
    fn from(item: trash::Item) -> Self {
        Self {
            trash_id: item.id.to_string(),
            path: item.path,
            kind: item.kind.into(),
            deleted_ms: item.deleted_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, root, team};

    #[tokio::test]
    async fn each_agent_sees_its_own_trash_in_pages() {
        let team = team().await;
        for name in ["a", "b", "c"] {
            std::fs::write(root(&team).join(name), name).unwrap();
            ok(&team, "delete_file", json!({"path": name})).await;
        }
        let first = ok(&team, "list_trash", json!({"limit": 2})).await;
        assert_eq!(first["items"][0]["path"], "c");
        assert_eq!(
            (&first["items"][1]["type"], &first["total"]),
            (&json!("file"), &json!(3))
        );
        let rest = ok(
            &team,
            "list_trash",
            json!({"limit": 2, "cursor": first["next_cursor"]}),
        )
        .await;
        assert_eq!(rest["items"][0]["path"], "a");
        assert!(rest.get("next_cursor").is_none());
        let bea = ok(&team.at("demo", "bea"), "list_trash", json!({})).await;
        assert_eq!(bea, json!({"items": [], "total": 0}));
    }
}
