//! Clearing away what is not needed any more: writes and unpackings of a dead hub, and what was deleted long ago.

use std::time::Duration;

use super::{Config, engine::trash};
use crate::{
    base::{beneath::RelPath, clock::Millis},
    project::workspace::{Error, Shelf, TreeId, Workspaces},
    tool::Host,
};

/// Between two looks at the trash.
const PAUSE: Duration = Duration::from_secs(3600);
const DAY_MS: Millis = 86_400_000;

/// Starts it: once for what a dead hub left, then every hour for the trash.
pub(super) fn start(config: &Config, host: &Host) {
    let (workspaces, clock) = (host.workspaces.clone(), host.clock.clone());
    let kept_ms = Millis::from(config.trash_days) * DAY_MS;
    host.tasks.spawn("old files", |stop| async move {
        let (leftovers, started) = (workspaces.clone(), clock.now());
        match tokio::task::spawn_blocking(move || leftovers.sweep(started)).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed half-written files of a dead hub"),
            Err(error) => tracing::warn!(%error, "could not look for half-written files"),
        }
        unstage(&workspaces).await;
        if kept_ms == 0 {
            return;
        }
        loop {
            empty(&workspaces, clock.now() - kept_ms).await;
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.cancelled() => return,
            }
        }
    });
}

/// Removes what was being unpacked when the hub died. Under the tree's lock nothing is being unpacked.
async fn unstage(workspaces: &Workspaces) {
    each(workspaces, Shelf::Staging, |tree, workspaces| {
        let aside = workspaces.aside(tree, Shelf::Staging)?;
        for entry in aside.files().entries(&RelPath::root())? {
            let mut name = RelPath::root();
            if entry
                .name
                .to_str()
                .is_some_and(|text| name.push(text).is_ok())
            {
                aside.remove_all(&name)?;
            }
        }
        Ok(())
    })
    .await;
}

/// Removes for good what was deleted before `before`.
async fn empty(workspaces: &Workspaces, before: Millis) {
    each(workspaces, Shelf::Trash, move |tree, workspaces| {
        let aside = workspaces.aside(tree, Shelf::Trash)?;
        for id in trash::expired(aside.files(), before)? {
            aside.remove_all(&id)?;
        }
        Ok(())
    })
    .await;
}

/// Does `work` for every tree that has such a directory, one after the other, under its lock.
async fn each(
    workspaces: &Workspaces,
    shelf: Shelf,
    work: impl Fn(&TreeId, &Workspaces) -> Result<(), Error> + Clone + Send + 'static,
) {
    let lister = workspaces.clone();
    let trees = tokio::task::spawn_blocking(move || lister.trees_with(shelf)).await;
    for tree in trees.unwrap_or_default() {
        let lock = workspaces.lock_tree(&tree).await;
        let (workspaces, work, name) = (workspaces.clone(), work.clone(), tree.clone());
        let done = tokio::task::spawn_blocking(move || {
            let _lock = lock;
            work(&tree, &workspaces)
        })
        .await;
        if let Ok(Err(error)) = done {
            tracing::warn!(%error, project = %name.project, agent = %name.agent, "could not clear away old files");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::servers::file_system::tools::testing::{ok, root, team};

    #[tokio::test]
    async fn the_trash_is_emptied_of_what_is_old_and_staging_of_all() {
        let team = team().await;
        for name in ["a", "b"] {
            std::fs::write(root(&team).join(name), name).unwrap();
            ok(&team, "delete_file", json!({"path": name})).await;
        }
        let trash = ok(&team, "list_trash", json!({})).await;
        let newest = trash["items"][0]["deleted_ms"].as_i64().unwrap();
        let staged = team
            .host
            .data
            .join("projects/demo/staging/ann/main/unpack_1");
        std::fs::create_dir_all(&staged).unwrap();
        std::fs::write(staged.join("x"), "").unwrap();
        unstage(&team.host.workspaces).await;
        assert!(!staged.exists());
        empty(&team.host.workspaces, 0).await;
        assert_eq!(ok(&team, "list_trash", json!({})).await["total"], 2);
        empty(&team.host.workspaces, newest + 1).await;
        assert_eq!(ok(&team, "list_trash", json!({})).await["total"], 0);
    }
}
