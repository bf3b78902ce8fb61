//! Making an agent's tree.

use std::io;

use super::Error;
use crate::project::workspace::{TreeId, Workspaces};
use crate::servers::git::cli::{Place, Program, Word};

/// Makes the tree, if it is not there, by the git program where there is one: it writes many files in half the time.
pub fn add(
    workspaces: &Workspaces,
    git: Option<&Program>,
    tree: &TreeId,
    stop: &dyn Fn() -> bool,
) -> Result<(), Error> {
    let Some(git) = git else {
        workspaces.repository(tree)?;
        return Ok(());
    };
    workspaces.add_worktree(tree, &|repository, head| {
        git.command(Place::tree(repository), "read-tree")
            .flag("--reset")
            .flag("-u")
            .word(Word::object(head.id()))
            .output(stop)
            .map(drop)
            .map_err(io::Error::other)
    })?;
    Ok(())
}
