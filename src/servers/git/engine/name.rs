//! Revisions, branches and paths as callers write them.

use git2::{Branch, BranchType, Commit, Oid, Reference, Repository, Sort};

use super::{Error, found};
use crate::base::beneath::RelPath;
use crate::base::ids::AgentId;

/// Longest revision, in bytes.
const MAX_REVISION: usize = 256;

/// The commit that `revision` names: a branch, tag, object id or expression such as `HEAD~2`.
///
/// # Errors
/// What could be taken for an option is refused even where such a ref exists; searches by message (`:/text`,
/// `^{/text}`) and paths (`rev:path`) are not revisions here.
pub fn commit<'r>(repository: &'r Repository, revision: &str) -> Result<Commit<'r>, Error> {
    let bad = revision.is_empty()
        || revision.len() > MAX_REVISION
        || revision.starts_with('-')
        || revision.contains(':')
        || revision.contains("{/")
        || revision.contains("..")
        || revision
            .chars()
            .any(|c| c.is_whitespace() || c.is_control());
    if bad {
        return Err(Error::BadRevision(revision.to_owned()));
    }
    if is_unborn(repository)? && (revision == "HEAD" || revision == "@") {
        return Err(Error::Unborn);
    }
    let missing = || Error::NoSuchRevision(revision.to_owned());
    let object = repository
        .revparse_single(revision)
        .map_err(|_| missing())?;
    object.peel_to_commit().map_err(|_| missing())
}

/// The commits that `revisions` name, in order; of a range `a..b` those that `b` reaches and `a` does not, oldest first.
pub fn commits(
    repository: &Repository,
    revisions: &[String],
    most: usize,
) -> Result<Vec<Oid>, Error> {
    let mut all = Vec::new();
    for revision in revisions {
        let Some((from, to)) = revision.split_once("..") else {
            all.push(commit(repository, revision)?.id());
            continue;
        };
        let mut walk = repository.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
        walk.push(commit(repository, to)?.id())?;
        walk.hide(commit(repository, from)?.id())?;
        for id in walk {
            all.push(id?);
            if all.len() > most {
                return Err(Error::TooManyCommits(most));
            }
        }
    }
    Ok(all)
}

/// HEAD's commit, `None` before the first.
pub fn head(repository: &Repository) -> Result<Option<Commit<'_>>, Error> {
    match found(repository.head())? {
        Some(head) => Ok(Some(head.peel_to_commit()?)),
        None => Ok(None),
    }
}

fn is_unborn(repository: &Repository) -> Result<bool, Error> {
    Ok(found(repository.head())?.is_none())
}

/// The branch HEAD is on, born or not; `None` when it is detached.
pub fn head_branch(repository: &Repository) -> Result<Option<String>, Error> {
    let head = repository.find_reference("HEAD")?;
    let target = head.symbolic_target_bytes().map(super::shown);
    Ok(target.map(|name| name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned()))
}

/// Moves HEAD's branch, or HEAD itself where it is on none, from `from` to `to`, unless somebody moved it meanwhile.
pub fn move_head(
    repository: &Repository,
    from: Option<Oid>,
    to: Oid,
    why: &str,
) -> Result<(), Error> {
    let head = repository.find_reference("HEAD")?;
    let name = head
        .symbolic_target_bytes()
        .map_or_else(|| "HEAD".to_owned(), super::shown);
    match from {
        Some(from) => repository.reference_matching(&name, to, true, from, why)?,
        None => repository.reference(&name, to, false, why)?,
    };
    Ok(())
}

/// The local branch `name`, `None` when there is none.
pub fn branch<'r>(repository: &'r Repository, name: &str) -> Result<Option<Branch<'r>>, Error> {
    check_branch(name)?;
    Ok(found(repository.find_branch(name, BranchType::Local))?)
}

/// Refuses what git would not take as a branch, or would take for something else.
pub fn check_branch(name: &str) -> Result<(), Error> {
    let fits = !name.starts_with('-')
        && name != "HEAD"
        && Reference::is_valid_name(&format!("refs/heads/{name}"));
    if fits {
        Ok(())
    } else {
        Err(Error::BadBranch(name.to_owned()))
    }
}

/// Refuses to make a branch in another agent's part, `agent/<agent>/…`, or one that would block all of them.
pub fn check_own(name: &str, agent: &AgentId) -> Result<(), Error> {
    let mut parts = name.split('/');
    let agents = parts.next() == Some("agent");
    if agents && (parts.next() != Some(agent.as_str()) || parts.next().is_none()) {
        return Err(Error::ForeignBranch(name.to_owned()));
    }
    Ok(())
}

/// Paths below the top of the tree; `.` is all of it, a `/` at the end does no harm.
pub fn paths(texts: &[String]) -> Result<Vec<RelPath>, Error> {
    texts.iter().map(|text| path(text)).collect()
}

/// A path below the top of the tree, as [`paths`] takes them.
pub fn path(text: &str) -> Result<RelPath, Error> {
    let trimmed = if text.len() > 1 {
        text.strip_suffix('/').unwrap_or(text)
    } else {
        text
    };
    if trimmed.starts_with('-') {
        return Err(Error::DashPath(text.to_owned()));
    }
    let bad = |why| Error::BadPath {
        path: text.to_owned(),
        why,
    };
    RelPath::parse(trimmed).map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_ones_own_or_common() {
        let ann = AgentId::new("ann").unwrap();
        for fine in [
            "main",
            "feature/x",
            "agent/ann/work",
            "agent/ann/x/y",
            "agents",
        ] {
            assert!(
                check_branch(fine).is_ok() && check_own(fine, &ann).is_ok(),
                "{fine}"
            );
        }
        for foreign in ["agent", "agent/ann", "agent/bea/work", "agent/bea"] {
            assert!(check_own(foreign, &ann).is_err(), "{foreign}");
        }
        for bad in [
            "", "-d", "HEAD", "a b", "a..b", "a.lock", "/a", "a/", "a@{1}", "a~1", "a:b", "\0",
        ] {
            assert!(check_branch(bad).is_err(), "{bad:?}");
        }
    }
}
