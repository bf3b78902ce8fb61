//! What every tool that changes files passes first: the tree's lock, the leases of other agents, the project's quota.

use std::sync::Arc;

use serde_json::json;

use super::{FileSystem, engine::trash, fault, model::Lease, quota::Quota, tree};
use crate::{
    base::{
        beneath::{Beneath, Durability, RelPath},
        clock::rfc3339,
    },
    project::workspace::{Aside, Shelf, TreeGuard, TreeId, Workspaces},
    tool::prelude::*,
};

/// The right to change the files of one tree, held across one call.
pub(super) struct Changing {
    pub workspaces: Workspaces,
    pub tree: TreeId,
    pub durability: Durability,
    /// Live leases of other agents.
    foreign: Vec<Lease>,
    quota: Arc<Quota>,
    _lock: TreeGuard,
}

impl FileSystem {
    /// Waits for the right to change the files of the caller's tree.
    pub(super) async fn changing(
        &self,
        ctx: &Ctx,
        repo: Option<RepoName>,
    ) -> Result<Changing, ToolError> {
        let tree = tree(ctx, repo)?;
        let lock = self.workspaces.lock_tree(&tree).await;
        let mut foreign = self
            .leases
            .live(&tree.project, &tree.repo, ctx.now())
            .await?;
        foreign.retain(|lease| lease.holder != tree.agent.as_str());
        Ok(Changing {
            workspaces: self.workspaces.clone(),
            tree,
            durability: self.durability(),
            foreign,
            quota: Arc::clone(&self.quota),
            _lock: lock,
        })
    }
}

impl Changing {
    /// The files of the tree.
    pub fn files(&self) -> Result<Beneath, ToolError> {
        self.workspaces
            .files(&self.tree)
            .map_err(fault::of_workspace)
    }

    /// The hub's own directory beside the tree.
    pub fn aside(&self, shelf: Shelf) -> Result<Aside, ToolError> {
        self.workspaces
            .aside(&self.tree, shelf)
            .map_err(fault::of_workspace)
    }

    /// Refuses when another agent has a lease that what is done at `path` would touch.
    pub fn allowed(&self, path: &RelPath) -> Result<(), ToolError> {
        let touched = self.foreign.iter().find(|lease| lease.covers(path));
        touched.map_or(Ok(()), |lease| Err(held(lease, path)))
    }

    /// The same for a directory that is made and holds nothing yet: leases below it do not matter.
    pub fn allowed_to_make(&self, path: &RelPath) -> Result<(), ToolError> {
        let touched = self.foreign.iter().find(|lease| lease.contains(path));
        touched.map_or(Ok(()), |lease| Err(held(lease, path)))
    }

    /// Refuses when the project's files would take more than they may with `bytes` more. Makes room by removing what was
    /// deleted, the oldest first.
    pub fn room(&self, bytes: u64, stop: &Stop) -> Result<(), ToolError> {
        let project = &self.tree.project;
        let measure = || {
            let size = self.workspaces.size(project, &|| stop.is_set());
            stop.check()?;
            Ok(size.unwrap_or_default())
        };
        if bytes == 0 || self.quota.take(project, bytes, measure)? {
            return Ok(());
        }
        while bytes <= self.quota.most()
            && let Some(freed) = self.drop_oldest()?
        {
            self.quota.give(project, freed);
            if self.quota.add(project, bytes) {
                return Ok(());
            }
        }
        let (used, most) = (self.quota.used(project, measure)?, self.quota.most());
        Err(ToolError::quota_exceeded(format!(
            "the project's files take {used} of {most} bytes, and this would add {bytes}"
        ))
        .hint("delete what is not needed, in this and other workspaces of the project"))
    }

    /// Removes for good what was deleted longest ago in the project: the bytes it had, or that there is nothing left.
    fn drop_oldest(&self) -> Result<Option<u64>, ToolError> {
        let mut oldest: Option<(Aside, trash::Item)> = None;
        for tree in self.workspaces.trees_with(Shelf::Trash) {
            if tree.project != self.tree.project {
                continue;
            }
            let aside = self.workspaces.aside(&tree, Shelf::Trash);
            let aside = aside.map_err(fault::of_workspace)?;
            let last = trash::list(aside.files())
                .map_err(|error| fault::of_workspace(error.into()))?
                .pop();
            if let Some(item) = last
                && oldest
                    .as_ref()
                    .is_none_or(|(_, other)| item.deleted_ms < other.deleted_ms)
            {
                oldest = Some((aside, item));
            }
        }
        let Some((aside, item)) = oldest else {
            return Ok(None);
        };
        let bytes = aside.size(&item.id);
        aside.remove_all(&item.id).map_err(fault::of_workspace)?;
        Ok(Some(bytes))
    }
}

/// `path` is touched by another agent's lease.
fn held(lease: &Lease, path: &RelPath) -> ToolError {
    let purpose = lease
        .purpose
        .as_ref()
        .map(|purpose| format!(" for {purpose:?}"));
    let until = rfc3339(lease.expires_ms);
    ToolError::conflict(format!(
        "{path} is not yours to change: {} holds a lease of {}{} until {until}",
        lease.holder,
        lease.path,
        purpose.unwrap_or_default()
    ))
    .hint("work elsewhere, ask the holder to release_lease, or wait until it ends")
    .details(json!({ "lease": lease }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::{
        Config,
        tools::testing::{ok, refused, root, team_with},
    };
    use crate::tool::Code;

    #[tokio::test]
    async fn a_full_project_gives_up_its_trash_first_and_then_refuses() {
        let config = Config {
            project_quota_bytes: 10_000,
            ..Config::default()
        };
        let team = team_with(config).await;
        let bea = team.at("demo", "bea");
        let write = |path: &str, bytes: usize| json!({"path": path, "content": "x".repeat(bytes)});
        ok(&team, "write_file", write("a", 4_000)).await;
        ok(&team, "delete_file", json!({"path": "a"})).await;
        ok(&team, "write_file", write("b", 4_000)).await;
        ok(&team, "delete_file", json!({"path": "b"})).await;
        ok(&bea, "write_file", write("c", 4_000)).await;
        let left = ok(&team, "list_trash", json!({})).await;
        assert_eq!(
            (&left["total"], &left["items"][0]["path"]),
            (&json!(1), &json!("b"))
        );
        ok(&bea, "write_file", write("d", 6_000)).await;
        assert_eq!(ok(&team, "list_trash", json!({})).await["total"], 0);
        let error = refused(&team, "write_file", write("e", 1)).await;
        assert_eq!(error.code, Code::QuotaExceeded, "{}", error.message);
        assert!(!root(&team).join("e").exists());
        ok(
            &team.at("elsewhere", "eve"),
            "write_file",
            write("e", 9_000),
        )
        .await;
        // What is replaced makes room for what replaces it.
        ok(&bea, "write_file", write("d", 5_000)).await;
        let copy = json!({"source": "d", "destination": "f"});
        assert_eq!(
            refused(&bea, "copy_file", copy).await.code,
            Code::QuotaExceeded
        );
    }
}
