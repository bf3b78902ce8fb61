//! The same without the git program, by the number of suspects that each suspect comes after (git's own measure,
//! `Documentation/git-bisect-lk2009`).

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use git2::{Commit, Oid, Repository, Sort, Tree};

use super::Known;
use crate::base::beneath::RelPath;
use crate::servers::git::engine::Error;

/// A commit that no good one comes after.
struct Node {
    id: Oid,
    /// The nodes that come right before it.
    parents: Vec<usize>,
    /// Whether it may be the first bad one: without paths any may.
    counts: bool,
}

/// All that may be the first bad commit, the best to test first.
pub fn suspects(
    repository: &Repository,
    bad: Oid,
    known: &Known,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Oid>, Error> {
    let nodes = nodes(repository, bad, known, stop)?;
    let weights = weights(&nodes, stop)?;
    let total = nodes.iter().filter(|node| node.counts).count();
    let counted = nodes.iter().zip(weights).filter(|(node, _)| node.counts);
    let mut far: Vec<(Reverse<usize>, Oid)> = counted
        .map(|(node, weight)| (Reverse(weight.min(total.saturating_sub(weight))), node.id))
        .collect();
    far.sort_unstable();
    Ok(far.into_iter().map(|(_, id)| id).collect())
}

/// What leads to `bad` and to nothing good, each after its parents.
fn nodes(
    repository: &Repository,
    bad: Oid,
    known: &Known,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Node>, Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
    walk.push(bad)?;
    for good in &known.good {
        walk.hide(*good)?;
    }
    let order: Vec<Oid> = walk.collect::<Result<_, _>>()?;
    let open: HashSet<Oid> = order.iter().copied().collect();
    let paths: Vec<&RelPath> = known.paths.iter().filter(|path| !path.is_root()).collect();
    // From `bad` back: what is not led to has no part in it.
    let mut led_to = HashSet::from([bad]);
    let mut steps: HashMap<Oid, (Vec<Oid>, bool)> = HashMap::new();
    for id in order.iter().rev().filter(|id| open.contains(id)) {
        if stop() {
            return Err(Error::Stopped);
        }
        if !led_to.contains(id) {
            continue;
        }
        let commit = repository.find_commit(*id)?;
        let mut parents: Vec<Oid> = commit.parent_ids().collect();
        if known.first_parent {
            parents.truncate(1);
        }
        let changes = paths.is_empty() || changes(&commit, &mut parents, &paths, &open, known)?;
        parents.retain(|parent| open.contains(parent));
        led_to.extend(&parents);
        steps.insert(*id, (parents, changes));
    }
    let mut at: HashMap<Oid, usize> = HashMap::new();
    let mut nodes = Vec::with_capacity(steps.len());
    for id in order {
        let Some((parents, counts)) = steps.remove(&id) else {
            continue;
        };
        let mut parents: Vec<usize> = parents
            .iter()
            .filter_map(|id| at.get(id).copied())
            .collect();
        parents.sort_unstable();
        parents.dedup();
        at.insert(id, nodes.len());
        nodes.push(Node {
            id,
            parents,
            counts,
        });
    }
    Ok(nodes)
}

/// Whether the commit changes one of `paths`. A merge that took them whole from one side is followed to that side alone, as
/// git's default history simplification has it.
fn changes(
    commit: &Commit<'_>,
    parents: &mut Vec<Oid>,
    paths: &[&RelPath],
    open: &HashSet<Oid>,
    known: &Known,
) -> Result<bool, Error> {
    let at = |tree: &Tree<'_>| -> Vec<Option<(Oid, i32)>> {
        let found = paths.iter().map(|path| {
            let entry = tree.get_path(Path::new(path.as_str())).ok()?;
            Some((entry.id(), entry.filemode()))
        });
        found.collect()
    };
    let own = at(&commit.tree()?);
    let (mut any, mut differs, mut differs_from_hidden) = (false, false, parents.is_empty());
    for (parent, id) in commit.parents().zip(parents.clone()) {
        let same = own == at(&parent.tree()?);
        let matters = open.contains(&id) || known.good.contains(&id);
        any |= matters;
        if same && matters {
            *parents = vec![id];
            return Ok(false);
        }
        differs |= !same && matters;
        differs_from_hidden |= !same && !matters;
    }
    if parents.is_empty() {
        return Ok(own.iter().any(Option::is_some));
    }
    Ok(if any { differs } else { differs_from_hidden })
}

/// For each node how many that count it comes after, itself too.
fn weights(nodes: &[Node], stop: &dyn Fn() -> bool) -> Result<Vec<usize>, Error> {
    let mut weights: Vec<usize> = Vec::with_capacity(nodes.len());
    let mut seen = vec![0; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        if stop() {
            return Err(Error::Stopped);
        }
        let own = usize::from(node.counts);
        let weight = match node.parents.as_slice() {
            [] => own,
            [parent] => own + weights.get(*parent).copied().unwrap_or_default(),
            // What the parents have in common counts once.
            _ => count(nodes, at, &mut seen),
        };
        weights.push(weight);
    }
    Ok(weights)
}

fn count(nodes: &[Node], from: usize, seen: &mut [usize]) -> usize {
    let mark = from + 1;
    let (mut waiting, mut count) = (vec![from], 0);
    while let Some(at) = waiting.pop() {
        let (Some(seen), Some(node)) = (seen.get_mut(at), nodes.get(at)) else {
            continue;
        };
        if *seen != mark {
            *seen = mark;
            count += usize::from(node.counts);
            waiting.extend(&node.parents);
        }
    }
    count
}
