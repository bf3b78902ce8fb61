//! Partial clones: contents that were left at the remote come when a call lacks them.
//!
//! <https://git-scm.com/docs/partial-clone>. The git program would go for them by itself, but libgit2 cannot, and no remote is gone to
//! without the checks of a [`Way`]. So a call that fails for want of an object fetches what is lacking, and is run again.

use std::{collections::BTreeSet, ops::ControlFlow};

use git2::{BranchType, ErrorClass, ErrorCode, ObjectType, OdbLookupFlags, Repository};
use serde::Deserialize;

use super::{ORIGIN, Way};
use crate::{
    project::workspace::sparse::Cone,
    servers::git::{
        Git,
        cli::{self, Command, Place, Program, Word},
        engine::Error,
        store::RepoKey,
    },
    tool::{Ctx, Stop, ToolError},
};

/// What a filter looks like.
pub const FILTER: &str = r"^blob:(none|limit=[0-9]{1,12}[kmg]?)$";
/// Objects that are fetched at once: so many ids fit into one request that git sends whole.
const AT_ONCE: usize = 10_000;

/// What a partial clone leaves at the remote (`git rev-list --filter`): all contents of files, or those above a size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Filter(String);

impl TryFrom<String> for Filter {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let limit = text.strip_prefix("blob:limit=").is_some_and(|limit| {
            let digits = limit.strip_suffix(['k', 'm', 'g']).unwrap_or(limit);
            (1..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        if limit || text == "blob:none" {
            Ok(Self(text))
        } else {
            Err("a filter is blob:none or blob:limit=<bytes>, such as blob:limit=1m")
        }
    }
}

impl Filter {
    /// `command`, a fetch from [`ORIGIN`], with this filter: git keeps in the repository's config that it is partial.
    pub fn of(&self, command: Command) -> Command {
        command.option("--filter=", &self.0).flag("--refmap=")
    }
}

/// Where to look for lacking objects, the first that has any counts: few of them are what a call needs most often.
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// The files that worktrees on our branches hold.
    Branches,
    /// The files of all branches and tags.
    Tips,
    /// Every version of every file.
    History,
}

impl Git {
    /// Brings objects that the partial clone `key` lacks; false if it lacks none, or is no partial clone.
    pub(in crate::servers::git) async fn bring(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
    ) -> Result<bool, ToolError> {
        let all = &[Reach::Branches, Reach::Tips, Reach::History];
        self.bring_from(ctx, key, all).await
    }

    /// Brings what worktrees on our branches need.
    pub(in crate::servers::git) async fn bring_files(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
    ) -> Result<bool, ToolError> {
        self.bring_from(ctx, key, &[Reach::Branches]).await
    }

    async fn bring_from(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
        reaches: &'static [Reach],
    ) -> Result<bool, ToolError> {
        let Some(program) = self.program.clone() else {
            return Ok(false);
        };
        let list = program.clone();
        let lacking = self
            .look_bare(ctx, key, move |repository, stop| {
                if is_partial(repository)? {
                    lacking(&list, repository, reaches, stop)
                } else {
                    Ok(Vec::new())
                }
            })
            .await?;
        if lacking.is_empty() {
            return Ok(false);
        }
        let remote = self.remote(key, ORIGIN).await?;
        let way = self.way(ctx, &remote).await?;
        let message = format!("fetching {} objects of the partial clone", lacking.len());
        ctx.progress(0.0, None, &message);
        self.look_bare(ctx, key, move |repository, stop| {
            // As git itself goes for them.
            let command = program
                .command(Place::bare(repository), "fetch")
                .setting("fetch.negotiationAlgorithm", "noop")
                .flag("--no-tags")
                .flag("--no-write-fetch-head")
                .flag("--no-auto-maintenance")
                .flag("--refmap=")
                .option("--filter=", "blob:none")
                .flag("--stdin")
                .input(lacking.join("\n").into_bytes());
            let fetched = way.named(command).output(&|| stop.is_set());
            Ok(fetched.map_err(|error| way.failed(error)))
        })
        .await??;
        Ok(true)
    }

    /// Brings all that the partial clone `key` lacks.
    pub(in crate::servers::git) async fn bring_all(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
    ) -> Result<(), ToolError> {
        while self.bring(ctx, key).await? {}
        Ok(())
    }
}

impl Way {
    /// `command` with all that it needs to go to [`ORIGIN`] by that name.
    pub fn named(&self, command: Command) -> Command {
        let url = self.url();
        let url = url.as_os_str().to_string_lossy();
        let origin = command
            .setting("remote.origin.url", &url)
            .word(Word::origin());
        self.equip(origin)
    }
}

/// Whether an object that is not there may be the reason of `error`.
pub fn may_lack(error: &ToolError) -> bool {
    let Some(source) = &error.source else {
        return false;
    };
    let library = source.downcast_ref::<git2::Error>();
    let program = source.downcast_ref::<cli::Error>();
    library.is_some_and(|error| {
        error.class() == ErrorClass::Odb && error.code() == ErrorCode::NotFound
    }) || matches!(program, Some(cli::Error::Failed { .. }))
}

fn is_partial(repository: &Repository) -> Result<bool, git2::Error> {
    match repository.config()?.get_bool("remote.origin.promisor") {
        Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
        answer => answer,
    }
}

/// Reads `git rev-list --missing=print`: an id a line, with a question mark before those that are not there.
#[derive(Debug, Default)]
struct Found {
    ids: Vec<String>,
    /// The line that has begun.
    line: Vec<u8>,
}

impl Found {
    fn take(&mut self, piece: &[u8]) -> ControlFlow<()> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if !part.ends_with(b"\n") {
                break;
            }
            if let Some(id) = self.line.trim_ascii_end().strip_prefix(b"?") {
                self.ids.push(String::from_utf8_lossy(id).into_owned());
            }
            self.line.clear();
            if self.ids.len() == AT_ONCE {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// The ids of objects that are lacking, newest first, no more than can be fetched at once.
fn lacking(
    program: &Program,
    repository: &Repository,
    reaches: &[Reach],
    stop: &Stop,
) -> Result<Vec<String>, Error> {
    let cone = Cone::read(repository)?;
    for reach in reaches {
        if let (Reach::Branches, Some(cone)) = (reach, &cone) {
            let found = lacking_files(repository, cone, stop)?;
            if found.is_empty() {
                continue;
            }
            return Ok(found);
        }
        let command = program
            .command(Place::bare(repository), "rev-list")
            .flag("--objects")
            .flag("--no-object-names")
            .flag("--missing=print");
        let command = match reach {
            Reach::Branches => command.flag("--no-walk").flag("--branches"),
            Reach::Tips => command.flag("--no-walk").flag("--all"),
            Reach::History => command.flag("--all"),
        };
        let mut found = Found::default();
        command.each(&|| stop.is_set(), &mut |piece| found.take(piece))?;
        if !found.ids.is_empty() {
            return Ok(found.ids);
        }
    }
    Ok(Vec::new())
}

/// The ids of lacking files of our branches that belong to `cone`.
fn lacking_files(repository: &Repository, cone: &Cone, stop: &Stop) -> Result<Vec<String>, Error> {
    let odb = repository.odb()?;
    let mut found = BTreeSet::new();
    // Branches have most of their directories in common.
    let mut seen = BTreeSet::new();
    let mut waiting = Vec::new();
    for branch in repository.branches(Some(BranchType::Local))? {
        waiting.push((Vec::new(), branch?.0.get().peel_to_tree()?.id()));
    }
    while let Some((at, tree)) = waiting.pop() {
        if stop.is_set() {
            return Err(Error::Stopped);
        }
        if !seen.insert((at.clone(), tree)) {
            continue;
        }
        for entry in &repository.find_tree(tree)? {
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let mut below: Vec<u8> = at.clone();
                    if !below.is_empty() {
                        below.push(b'/');
                    }
                    below.extend(entry.name_bytes());
                    if cone.reaches(&below) {
                        waiting.push((below, entry.id()));
                    }
                }
                Some(ObjectType::Blob)
                    if found.len() < AT_ONCE
                        && !odb.exists_ext(entry.id(), OdbLookupFlags::NO_REFRESH) =>
                {
                    found.insert(entry.id());
                }
                _ => {}
            }
        }
    }
    Ok(found.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_read_however_it_comes() {
        let text = b"aaaa\n?bbbb\ncccc\n?dddd\n";
        for size in 1..text.len() {
            let mut found = Found::default();
            for piece in text.chunks(size) {
                assert!(found.take(piece).is_continue());
            }
            assert_eq!(found.ids, ["bbbb", "dddd"]);
        }
        let mut many = Found::default();
        assert!(many.take(&b"?a\n".repeat(AT_ONCE + 1)).is_break());
        assert_eq!(many.ids.len(), AT_ONCE);
    }

    #[test]
    fn filters_are_those_that_leave_no_tree_out() {
        for fine in [
            "blob:none",
            "blob:limit=0",
            "blob:limit=10k",
            "blob:limit=1g",
        ] {
            assert!(Filter::try_from(fine.to_owned()).is_ok(), "{fine}");
        }
        for bad in [
            "",
            "tree:0",
            "blob:limit=",
            "blob:limit=k",
            "blob:limit=1t",
            "sparse:oid=main:x",
            "blob:none\n",
        ] {
            assert!(Filter::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
