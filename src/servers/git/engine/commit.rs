//! Committing the index.

use std::fs;

use git2::{Commit, ConfigLevel, DiffOptions, Oid, Repository, Signature, Time, Tree};

use super::integrate::state;
use super::{Error, directories, name, pathspec, shown, sign::SigningKey, status, written};
use crate::project::workspace::default_branch;

/// What to commit.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `None` keeps the message of the amended commit.
    pub message: Option<String>,
    /// `Name <address>`, each becomes a `Co-authored-by` trailer.
    pub co_authors: Vec<String>,
    /// Replace HEAD's commit instead of adding to it.
    pub amend: bool,
    /// Commit even if nothing changed.
    pub allow_empty: bool,
    /// Refuse unless HEAD is this commit, a prefix of at least 7 digits, or `unborn`.
    pub expected_head: Option<String>,
    /// Signs it.
    pub key: Option<SigningKey>,
}

/// Who commits, and when.
#[derive(Debug, Clone)]
pub struct Who {
    pub name: String,
    pub email: String,
    /// Milliseconds since the Unix epoch.
    pub now: i64,
}

impl Who {
    /// As the author or committer of something made now.
    pub fn signature(&self) -> Result<Signature<'static>, Error> {
        let time = Time::new(self.now.div_euclid(1000), 0);
        Ok(Signature::new(&self.name, &self.email, &time)?)
    }

    /// Lets the reflogs of `repository` name the agent, whose tree it is: libgit2 asks the config who moves a reference.
    pub fn introduce(&self, repository: &Repository) -> Result<(), Error> {
        let path = repository.path().join("config.identity");
        let text = format!("[user]\n\tname = {}\n\temail = {}\n", self.name, self.email);
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            let staged = path.with_extension("new");
            fs::write(&staged, &text)?;
            fs::rename(&staged, &path)?;
        }
        let mut config = repository.config()?;
        Ok(config.add_file(&path, ConfigLevel::Global, true)?)
    }
}

/// The new commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub id: Oid,
    pub parents: Vec<Oid>,
    pub branch: Option<String>,
    pub summary: String,
    pub files: usize,
    pub insertions: usize,
    pub deletions: usize,
    /// The default branch, when this first commit of the repository started it.
    pub started: Option<String>,
}

/// Commits the index to HEAD. The caller holds the tree's lock and the repository's.
pub fn commit(repository: &Repository, wanted: &Wanted, who: &Who) -> Result<Committed, Error> {
    state::refuse(repository)?;
    let head = name::head(repository)?;
    check_expected(head.as_ref(), wanted.expected_head.as_deref())?;
    let index = repository.index()?;
    if index.has_conflicts() {
        let conflicts = index.conflicts()?.flatten();
        let sides = conflicts.filter_map(|c| c.our.or(c.their).or(c.ancestor));
        return Err(Error::Conflicted(
            sides.map(|side| shown(&side.path)).collect(),
        ));
    }
    let base = head.as_ref().map(Commit::tree).transpose()?;
    let tree = repository.find_tree(written::tree(repository, &index, base.as_ref())?)?;
    let before = if wanted.amend {
        let head = head.as_ref().ok_or(Error::Unborn)?;
        head.parents().next()
    } else {
        head.clone()
    };
    let before_tree = before.as_ref().map(Commit::tree).transpose()?;
    let unchanged = before_tree
        .as_ref()
        .map_or(tree.is_empty(), |before| before.id() == tree.id());
    if unchanged && !wanted.allow_empty && !wanted.amend {
        return Err(nothing_staged(repository)?);
    }
    let signature = who.signature()?;
    let message = message(wanted, head.as_ref())?;
    let amended = head.as_ref().filter(|_| wanted.amend);
    let parents: Vec<_> = match amended {
        Some(old) => old.parents().collect(),
        None => head.iter().cloned().collect(),
    };
    let id = written::commit(
        repository,
        &amended.map_or_else(|| signature.clone(), |old| old.author().to_owned()),
        &signature,
        &message,
        &tree,
        &parents.iter().collect::<Vec<_>>(),
        wanted.key.as_ref(),
    )?;
    let made = repository.find_commit(id)?;
    let how = match (&head, amended) {
        (None, _) => "commit (initial)",
        (_, Some(_)) => "commit (amend)",
        _ => "commit",
    };
    let summary = made.summary_bytes().map(shown).unwrap_or_default();
    name::move_head(
        repository,
        head.as_ref().map(Commit::id),
        id,
        &format!("{how}: {summary}"),
    )?;
    let (files, insertions, deletions) = size(repository, before_tree.as_ref(), &tree)?;
    Ok(Committed {
        id,
        parents: made.parent_ids().collect(),
        branch: name::head_branch(repository)?,
        summary,
        files,
        insertions,
        deletions,
        started: start_default_branch(repository, id)?,
    })
}

/// Files that differ between two trees, lines that one has more and that the other has.
fn size(
    repository: &Repository,
    before: Option<&Tree<'_>>,
    tree: &Tree<'_>,
) -> Result<(usize, usize, usize), Error> {
    let mut options = DiffOptions::new();
    if let Some(before) = before {
        // libgit2 reads all directories of both, unless it is told where to look.
        let paths = directories::differing(repository, before, tree)?;
        if paths.is_empty() {
            return Ok((0, 0, 0));
        }
        options.disable_pathspec_match(true);
        for path in pathspec::of_bytes(paths) {
            options.pathspec(path);
        }
    }
    let stats = repository
        .diff_tree_to_tree(before, Some(tree), Some(&mut options))?
        .stats()?;
    Ok((stats.files_changed(), stats.insertions(), stats.deletions()))
}

/// Agents start on branches of their own; the first commit of all also becomes the default branch, from which the
/// trees of the other agents are made.
fn start_default_branch(repository: &Repository, id: Oid) -> Result<Option<String>, Error> {
    let branch = default_branch(repository)?;
    if name::branch(repository, &branch)?.is_some() {
        return Ok(None);
    }
    repository.reference(
        &format!("refs/heads/{branch}"),
        id,
        false,
        "first commit of the repository",
    )?;
    Ok(Some(branch))
}

pub fn check_expected(head: Option<&Commit<'_>>, expected: Option<&str>) -> Result<(), Error> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let current = head.map_or_else(|| "unborn".to_owned(), |head| head.id().to_string());
    let same = current == expected
        || (expected.len() >= 7 && head.is_some() && current.starts_with(expected));
    if same {
        Ok(())
    } else {
        Err(Error::HeadMoved(current))
    }
}

fn nothing_staged(repository: &Repository) -> Result<Error, Error> {
    let items = status::status(repository, &[], true)?;
    let untracked = items
        .iter()
        .filter(|item| item.unstaged == Some(status::Change::Untracked))
        .count();
    let unstaged = items.iter().filter(|item| item.unstaged.is_some()).count() - untracked;
    Ok(Error::NothingStaged {
        unstaged,
        untracked,
    })
}

fn message(wanted: &Wanted, head: Option<&Commit<'_>>) -> Result<String, Error> {
    let text = match (&wanted.message, head) {
        (Some(message), _) => message.clone(),
        (None, Some(head)) => shown(head.message_raw_bytes()),
        (None, None) => String::new(),
    };
    let mut text = git2::message_prettify(text, None)?;
    if !wanted.co_authors.is_empty() {
        let last = text.trim_end().lines().next_back().unwrap_or_default();
        if !last.starts_with("Co-authored-by: ") {
            text.push('\n');
        }
        for author in &wanted.co_authors {
            text.push_str("Co-authored-by: ");
            text.push_str(author);
            text.push('\n');
        }
    }
    Ok(text)
}
