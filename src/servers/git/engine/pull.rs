//! Pull requests, as far as the repository goes: two branches, what lies between them, and getting one onto the other without
//! a worktree.

use git2::{Commit, ErrorCode, Index, MergeOptions, Oid, Repository, Signature, Time, Tree};

use super::{Error, commit::Who, found, name, shown, written};

/// Most commits between two branches.
const MAX_COMMITS: usize = 10_000;

/// The two branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The source's last commit.
    pub head: Oid,
    /// The target's last commit.
    pub base: Oid,
    /// Where they parted; `None` when they have nothing in common.
    pub fork: Option<Oid>,
    /// Commits that only the source has.
    pub ahead: usize,
    /// Commits that only the target has.
    pub behind: usize,
}

/// Compares the branches `source` and `target`.
///
/// # Errors
/// [`Error::NoSuchRevision`] when one of them is not there.
pub fn ends(repository: &Repository, source: &str, target: &str) -> Result<Ends, Error> {
    let tip = |branch: &str| {
        let found = name::branch(repository, branch)?;
        let found = found.ok_or_else(|| Error::NoSuchRevision(branch.to_owned()))?;
        Ok::<_, Error>(found.get().peel_to_commit()?.id())
    };
    between(repository, tip(source)?, tip(target)?)
}

/// Compares two commits.
pub fn between(repository: &Repository, head: Oid, base: Oid) -> Result<Ends, Error> {
    let fork = found(repository.merge_base(head, base))?;
    let (ahead, behind) = repository.graph_ahead_behind(head, base)?;
    Ok(Ends {
        head,
        base,
        fork,
        ahead,
        behind,
    })
}

/// Paths in which the two would conflict.
pub fn conflicts(repository: &Repository, ends: &Ends) -> Result<Vec<String>, Error> {
    Ok(match merged(repository, ends)? {
        Ok(_) => Vec::new(),
        Err(paths) => paths,
    })
}

/// The source's commits, newest first, at most `limit`.
pub fn commits<'r>(
    repository: &'r Repository,
    ends: &Ends,
    limit: usize,
) -> Result<Vec<Commit<'r>>, Error> {
    let mut walk = repository.revwalk()?;
    walk.push(ends.head)?;
    walk.hide(ends.base)?;
    let commits = walk.take(limit).map(|id| repository.find_commit(id?));
    Ok(commits.collect::<Result<_, _>>()?)
}

/// A commit that puts the source's changes on top of the target's, with both as its parents.
pub fn merge(repository: &Repository, ends: &Ends, message: &str, who: &Who) -> Result<Oid, Error> {
    let tree = clean(merged(repository, ends)?)?;
    let parents = [
        repository.find_commit(ends.base)?,
        repository.find_commit(ends.head)?,
    ];
    record(
        repository,
        &repository.find_tree(tree)?,
        &parents,
        message,
        None,
        who,
    )
}

/// One commit with all of the source's changes on top of the target. Whoever else wrote some of them becomes a co-author.
pub fn squash(
    repository: &Repository,
    ends: &Ends,
    message: &str,
    who: &Who,
) -> Result<Oid, Error> {
    let tree = clean(merged(repository, ends)?)?;
    let mut authors: Vec<String> = Vec::new();
    for commit in commits(repository, ends, MAX_COMMITS)? {
        let author = commit.author();
        let line = format!(
            "{} <{}>",
            shown(author.name_bytes()),
            shown(author.email_bytes())
        );
        if shown(author.email_bytes()) != who.email && !authors.contains(&line) {
            authors.push(line);
        }
    }
    authors.reverse();
    let mut message = message.trim_end().to_owned();
    for (n, author) in authors.iter().enumerate() {
        message.push_str(if n == 0 { "\n\n" } else { "\n" });
        message.push_str("Co-authored-by: ");
        message.push_str(author);
    }
    let parents = [repository.find_commit(ends.base)?];
    record(
        repository,
        &repository.find_tree(tree)?,
        &parents,
        &message,
        None,
        who,
    )
}

/// Each of the source's commits again, on top of the target; the last of them.
pub fn rebase(repository: &Repository, ends: &Ends, who: &Who) -> Result<Oid, Error> {
    let mut onto = repository.find_commit(ends.base)?;
    let mut theirs = commits(repository, ends, MAX_COMMITS)?;
    theirs.reverse();
    for commit in theirs {
        if commit.parent_count() > 1 {
            return Err(Error::Unsafe(format!(
                "{} is a merge, which a rebase would take apart: merge or squash instead",
                commit.id()
            )));
        }
        let index = repository.cherrypick_commit(&commit, &onto, 0, Some(&merge_options()))?;
        if index.has_conflicts() {
            return Err(Error::Conflicted(conflicting(&index)?));
        }
        let tree = written::tree(repository, &index, Some(&onto.tree()?))?;
        if tree == onto.tree_id() {
            // The target has it already.
            continue;
        }
        let message = shown(commit.message_raw_bytes());
        let author = commit.author();
        let made = record(
            repository,
            &repository.find_tree(tree)?,
            &[onto],
            &message,
            Some(&author),
            who,
        )?;
        onto = repository.find_commit(made)?;
    }
    Ok(onto.id())
}

/// Moves the branch `target` from `from` to `to`.
///
/// # Errors
/// [`Error::HeadMoved`] when it is not at `from` any more.
pub fn land(
    repository: &Repository,
    target: &str,
    from: Oid,
    to: Oid,
    why: &str,
) -> Result<(), Error> {
    let name = format!("refs/heads/{target}");
    match repository.reference_matching(&name, to, true, from, why) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::NotFound) => {
            let now = found(repository.refname_to_id(&name))?;
            Err(Error::HeadMoved(
                now.map_or_else(|| "gone".to_owned(), |now| now.to_string()),
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether `commit` is on the branch `target`.
pub fn is_on(repository: &Repository, target: &str, commit: Oid) -> Result<bool, Error> {
    let Some(tip) = found(repository.refname_to_id(&format!("refs/heads/{target}")))? else {
        return Ok(false);
    };
    if tip == commit {
        return Ok(true);
    }
    // A commit that was prepared and then swept is on no branch.
    Ok(repository.odb()?.exists(commit) && repository.graph_descendant_of(tip, commit)?)
}

fn merge_options() -> MergeOptions {
    let mut options = MergeOptions::new();
    options.find_renames(true);
    options
}

/// The merge's tree, or the paths that conflict.
fn merged(repository: &Repository, ends: &Ends) -> Result<Result<Oid, Vec<String>>, Error> {
    let ours = repository.find_commit(ends.base)?;
    let theirs = repository.find_commit(ends.head)?;
    let index = repository.merge_commits(&ours, &theirs, Some(&merge_options()))?;
    if index.has_conflicts() {
        return Ok(Err(conflicting(&index)?));
    }
    Ok(Ok(written::tree(repository, &index, Some(&ours.tree()?))?))
}

fn clean(merged: Result<Oid, Vec<String>>) -> Result<Oid, Error> {
    merged.map_err(Error::Conflicted)
}

fn conflicting(index: &Index) -> Result<Vec<String>, Error> {
    let mut paths = Vec::new();
    for conflict in index.conflicts()? {
        let conflict = conflict?;
        let side = conflict.our.or(conflict.their).or(conflict.ancestor);
        paths.extend(side.map(|side| shown(&side.path)));
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn record(
    repository: &Repository,
    tree: &Tree<'_>,
    parents: &[Commit<'_>],
    message: &str,
    author: Option<&Signature<'_>>,
    who: &Who,
) -> Result<Oid, Error> {
    let committer = Signature::new(
        &who.name,
        &who.email,
        &Time::new(who.now.div_euclid(1000), 0),
    )?;
    let message = git2::message_prettify(message, None)?;
    let parents: Vec<&Commit<'_>> = parents.iter().collect();
    let author = author.unwrap_or(&committer);
    written::commit(
        repository, author, &committer, &message, tree, &parents, None,
    )
}
