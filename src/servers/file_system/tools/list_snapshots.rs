//! `list_snapshots`: what the workspace can be brought back to.

use crate::{
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem,
        engine::snapshot::{Header, Store},
        fault,
        snapshots::refusal,
        tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ListSnapshots;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Most snapshots to return.
    #[serde(default = "super::fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

/// A snapshot.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Pass to diff_snapshot and restore_snapshot.
    pub snapshot_id: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// What its maker called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Files in it.
    pub files: u64,
    /// Bytes that they have together.
    pub size_bytes: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Snapshots of this workspace, the latest first.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for ListSnapshots {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "list_snapshots";
    const ABOUT: &'static str = "List the snapshots of your workspace, those that create_snapshot made and those that restore_snapshot made to be \
                                 undone, the latest first. Returns ids, labels, times and sizes.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo)?;
        let binding = (ctx.scope().clone(), tree.repo.clone(), "snapshots");
        let after: Option<String> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        let workspaces = server.workspaces.clone();
        ctx.blocking(move |_| {
            let aside = workspaces
                .aside(&tree, Shelf::Snapshots)
                .map_err(fault::of_workspace)?;
            let all = Store(aside.files()).list().map_err(refusal)?;
            let before = |header: &Header| after.as_ref().is_none_or(|id| header.id < *id);
            let mut rest = all.into_iter().filter(before).map(Item::from);
            let items: Vec<Item> = rest.by_ref().take(args.limit as usize).collect();
            let last = items.last().filter(|_| rest.next().is_some());
            Ok(Output {
                next_cursor: last.map(|last| paging::encode(&binding, &last.snapshot_id)),
                items,
            })
        })
        .await
    }
}

impl From<Header> for Item {
    fn from(header: Header) -> Self {
        Self {
            snapshot_id: header.id,
            created_ms: header.created_ms,
            label: header.label,
            files: header.files,
            size_bytes: header.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, team};

    #[tokio::test]
    async fn each_agent_sees_its_own_in_pages() {
        let team = team().await;
        for label in ["one", "two", "three"] {
            ok(&team, "create_snapshot", json!({"label": label})).await;
        }
        let first = ok(&team, "list_snapshots", json!({"limit": 2})).await;
        assert_eq!(
            (&first["items"][0]["label"], &first["items"][1]["label"]),
            (&json!("three"), &json!("two"))
        );
        let rest = ok(
            &team,
            "list_snapshots",
            json!({"limit": 2, "cursor": first["next_cursor"]}),
        )
        .await;
        assert_eq!(
            (&rest["items"][0]["label"], rest.get("next_cursor")),
            (&json!("one"), None)
        );
        let bea = ok(&team.at("demo", "bea"), "list_snapshots", json!({})).await;
        assert_eq!(bea, json!({"items": []}));
    }
}
