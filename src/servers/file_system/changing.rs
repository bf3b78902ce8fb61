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
        let Some(lease) = self.foreign.iter().find(|lease| lease.covers(path)) else {
            return Ok(());
        };
        let purpose = lease
            .purpose
            .as_ref()
            .map(|purpose| format!(" for {purpose:?}"));
        let until = rfc3339(lease.expires_ms);
        Err(ToolError::conflict(format!(
            "{path} is not yours to change: {} holds a lease of {}{} until {until}",
            lease.holder,
            lease.path,
            purpose.unwrap_or_default()
        ))
        .hint("work elsewhere, ask the holder to release_lease, or wait until it ends")
        .details(json!({ "lease": lease })))
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
        loop {
            if bytes == 0 || self.quota.take(project, bytes, measure)? {
                return Ok(());
            }
            if bytes > self.quota.most() || !self.drop_oldest()? {
                break;
            }
            self.quota.forget(project);
        }
        let (used, most) = (self.quota.used(project, measure)?, self.quota.most());
        Err(ToolError::quota_exceeded(format!(
            "the project's files take {used} of {most} bytes, and this would add {bytes}"
        ))
        .hint("delete what is not needed, in this and other workspaces of the project"))
    }

    /// Removes for good what was deleted longest ago in the project. False when nothing is left of it.
    fn drop_oldest(&self) -> Result<bool, ToolError> {
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
            return Ok(false);
        };
        aside.remove_all(&item.id).map_err(fault::of_workspace)?;
        Ok(true)
    }
}
