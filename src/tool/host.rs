//! What a server is built from.

use std::{future::Future, path::PathBuf, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Changes, Upkeep};
use crate::{base::clock::Clock, db::Db, project::workspace::Workspaces};

/// What the hub offers to its servers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Host {
    /// The database.
    pub db: Db,
    /// The data directory.
    pub data: PathBuf,
    /// The clock.
    pub clock: Clock,
    /// Where the projects' files are.
    pub workspaces: Workspaces,
    /// Tells subscribers what changed.
    pub changes: Changes,
    /// Work beyond a single call.
    pub tasks: Tasks,
    /// Calls to other servers from such work.
    pub upkeep: Upkeep,
}

/// Background work of the hub: started by name, stopped and awaited when the hub drains. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs `work` until it ends; it must end soon after its token is cancelled.
    pub fn spawn<F>(&self, name: &'static str, work: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let future = work(self.stop.child_token());
        self.tracker.spawn(async move {
            tracing::debug!(task = name, "started");
            future.await;
            tracing::debug!(task = name, "ended");
        });
    }

    /// Cancelled when the hub drains.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Stops all work and waits for it, at most `patience`.
    pub async fn drain(&self, patience: Duration) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(patience, self.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.tracker.len(),
                "background work did not end in time"
            );
        }
    }
}
