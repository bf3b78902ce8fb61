//! What the tools of snapshots share.

use std::cell::RefCell;

use super::{
    changing::Changing,
    engine::snapshot::{
        Change, Difference, Entry, Error, Header, Scope as Look, Snapshot, Store, What, scan,
        unseen,
    },
    fault,
};
use crate::{
    base::{beneath::Beneath, ids::new_id},
    tool::prelude::*,
};

/// Taking a snapshot of the tree as it is; `ignored` as in [`Header`].
pub(super) struct Taking<'t> {
    pub changing: &'t Changing,
    pub files: &'t Beneath,
    pub store: Store<'t>,
    pub stop: &'t Stop,
    /// Files that are as they were then are not read again.
    pub like: Option<&'t Snapshot>,
    pub ignored: bool,
    pub now: Millis,
}

impl Taking<'_> {
    /// Looks at the tree and keeps the contents: its entries, and how many were left out.
    pub fn look(&self) -> Result<(Vec<Entry>, u64), ToolError> {
        self.with_scope(|scope| scan(self.files, scope))
    }

    /// The same for what a look does not meet at the paths that `differences` will make anew.
    pub fn look_closer(&self, all: &[Difference<'_>]) -> Result<Vec<Entry>, ToolError> {
        let removed = all.iter().filter(|d| d.change == Change::Removed);
        self.with_scope(|scope| unseen(self.files, removed.map(|d| d.path), scope))
    }

    fn with_scope<R>(
        &self,
        work: impl FnOnce(&Look<'_>) -> Result<R, Error>,
    ) -> Result<R, ToolError> {
        let refused = RefCell::new(None);
        let room = |bytes| match self.changing.room(bytes, self.stop) {
            Ok(()) => true,
            Err(error) => {
                refused.replace(Some(error));
                false
            }
        };
        let scope = Look {
            ignored: self.ignored,
            like: self.like,
            into: Some(self.store),
            room: &room,
            stop: &|| self.stop.is_set(),
        };
        let done = work(&scope);
        match refused.into_inner() {
            Some(error) => Err(error),
            None => done.map_err(refusal),
        }
    }

    /// Keeps `entries` as a snapshot.
    pub fn keep(&self, entries: Vec<Entry>, label: Option<String>) -> Result<Header, ToolError> {
        let (mut files, mut bytes) = (0, 0);
        for entry in &entries {
            if let What::File(file) = &entry.what {
                files += 1;
                bytes += file.bytes;
            }
        }
        let snapshot = Snapshot {
            header: Header {
                id: new_id("snap"),
                created_ms: self.now,
                label,
                ignored: self.ignored,
                files,
                bytes,
            },
            entries,
        };
        self.store
            .keep(&snapshot, self.changing.durability)
            .map_err(refusal)?;
        Ok(snapshot.header)
    }
}

/// The snapshot that a call names.
pub(super) fn load(store: Store<'_>, pointer: &str, id: &str) -> Result<Snapshot, ToolError> {
    let loaded = store.load(id).map_err(refusal)?;
    loaded.ok_or_else(|| {
        let name = pointer.trim_start_matches('/');
        ToolError::not_found(name, id).hint("list_snapshots shows which there are")
    })
}

/// What went wrong with a snapshot as a whole.
pub(super) fn refusal(error: Error) -> ToolError {
    match error {
        Error::File(error) => fault::of_workspace(error.into()),
        Error::Stopped => ToolError::new(Code::Cancelled, "the call was cancelled"),
        other => ToolError::internal(other),
    }
}
