//! Three-way merges in memory, and what conflicts in them.

use git2::{
    Commit, Index, IndexEntry, MergeFileInput, MergeFileOptions, MergeOptions, Odb, Oid, Repository,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, shown};

/// Larger files are not merged by lines, in bytes.
const MAX_FILE: usize = 4 << 20;
/// Length of the markers that hunks are read by: no text has such a line.
const MARKER: u16 = 61;

/// What stands against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ConflictKind {
    BothModified,
    BothAdded,
    BothDeleted,
    DeletedByUs,
    DeletedByThem,
    AddedByUs,
    AddedByThem,
}

/// One version of a file in conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    pub id: Oid,
    pub mode: u32,
}

/// A path that the merge could not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub path: String,
    pub kind: ConflictKind,
    pub base: Option<Side>,
    pub ours: Option<Side>,
    pub theirs: Option<Side>,
}

/// Lines that both sides changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hunk {
    /// First line in the merged file without markers, from 1.
    pub line: usize,
    pub base: String,
    pub ours: String,
    pub theirs: String,
}

/// From here on everything that `repository`, opened for this alone, writes stays in memory.
pub fn in_memory(repository: &Repository) -> Result<Odb<'_>, Error> {
    let odb = repository.odb()?;
    odb.add_new_mempack_backend(1000)?;
    Ok(odb)
}

/// Merges `theirs` into `ours`, renames detected, touching neither tree nor index.
pub fn commits(
    repository: &Repository,
    ours: &Commit<'_>,
    theirs: &Commit<'_>,
) -> Result<Index, Error> {
    Ok(repository.merge_commits(ours, theirs, Some(&options()))?)
}

pub fn options() -> MergeOptions {
    let mut options = MergeOptions::new();
    options.find_renames(true);
    options
}

/// The conflicts in `index`, by path.
pub fn conflicts(index: &Index) -> Result<Vec<Conflict>, Error> {
    if !index.has_conflicts() {
        return Ok(Vec::new());
    }
    let mut conflicts = Vec::new();
    for conflict in index.conflicts()? {
        let conflict = conflict?;
        let (base, ours, theirs) = (&conflict.ancestor, &conflict.our, &conflict.their);
        let Some(named) = ours.as_ref().or(theirs.as_ref()).or(base.as_ref()) else {
            continue;
        };
        let kind = match (base, ours, theirs) {
            (Some(_), Some(_), Some(_)) => ConflictKind::BothModified,
            (None, Some(_), Some(_)) => ConflictKind::BothAdded,
            (_, None, None) => ConflictKind::BothDeleted,
            (Some(_), None, Some(_)) => ConflictKind::DeletedByUs,
            (Some(_), Some(_), None) => ConflictKind::DeletedByThem,
            (None, Some(_), None) => ConflictKind::AddedByUs,
            (None, None, Some(_)) => ConflictKind::AddedByThem,
        };
        conflicts.push(Conflict {
            path: shown(&named.path),
            kind,
            base: side(base.as_ref()),
            ours: side(ours.as_ref()),
            theirs: side(theirs.as_ref()),
        });
    }
    conflicts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(conflicts)
}

fn side(entry: Option<&IndexEntry>) -> Option<Side> {
    entry.map(|entry| Side {
        id: entry.id,
        mode: entry.mode,
    })
}

/// The file with both sides between markers, as it is put into the tree; `None` for what has no lines to merge.
pub fn marked(
    repository: &Repository,
    conflict: &Conflict,
    ours: &str,
    theirs: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let mut options = MergeFileOptions::new();
    options
        .style_diff3(true)
        .our_label(ours)
        .ancestor_label("base")
        .their_label(theirs);
    by_lines(repository, conflict, &mut options)
}

/// The lines that both sides changed; none for what has no lines to merge.
pub fn hunks(repository: &Repository, conflict: &Conflict) -> Result<Vec<Hunk>, Error> {
    let mut options = MergeFileOptions::new();
    options
        .style_diff3(true)
        .marker_size(MARKER)
        .our_label("o")
        .ancestor_label("b")
        .their_label("t");
    let text = by_lines(repository, conflict, &mut options)?;
    Ok(text
        .map(|text| read_hunks(&shown(&text)))
        .unwrap_or_default())
}

fn by_lines(
    repository: &Repository,
    conflict: &Conflict,
    options: &mut MergeFileOptions,
) -> Result<Option<Vec<u8>>, Error> {
    let (Some(ours), Some(theirs)) = (&conflict.ours, &conflict.theirs) else {
        return Ok(None);
    };
    let is_file = |side: &Side| side.mode & 0o170_000 == 0o100_000;
    if !is_file(ours) || !is_file(theirs) {
        return Ok(None);
    }
    let odb = repository.odb()?;
    for side in [Some(ours), Some(theirs), conflict.base.as_ref()]
        .into_iter()
        .flatten()
    {
        if odb.read_header(side.id)?.0 > MAX_FILE {
            return Ok(None);
        }
    }
    let blob = |side: &Side| repository.find_blob(side.id);
    let (ours, theirs) = (blob(ours)?, blob(theirs)?);
    let base = conflict
        .base
        .as_ref()
        .filter(|base| is_file(base))
        .map(blob)
        .transpose()?;
    let all = [Some(&ours), Some(&theirs), base.as_ref()];
    if all.iter().flatten().any(|blob| blob.is_binary()) {
        return Ok(None);
    }
    let input = |content| {
        let mut input = MergeFileInput::new();
        input.content(content);
        input
    };
    let base = input(base.as_ref().map_or(&[][..], |base| base.content()));
    let merged = git2::merge_file(
        &base,
        &input(ours.content()),
        &input(theirs.content()),
        Some(options),
    )?;
    Ok(Some(merged.content().to_vec()))
}

fn read_hunks(text: &str) -> Vec<Hunk> {
    enum In {
        Both,
        Ours,
        Base,
        Theirs,
    }
    let mark = |c: char| String::from(c).repeat(MARKER.into());
    let (start, middle, split, end) = (mark('<'), mark('|'), mark('='), mark('>'));
    let mut hunks: Vec<Hunk> = Vec::new();
    let (mut at, mut line) = (In::Both, 1);
    for text in text.split_inclusive('\n') {
        if text.starts_with(&start) {
            hunks.push(Hunk {
                line,
                ..Hunk::default()
            });
            at = In::Ours;
        } else if text.starts_with(&middle) {
            at = In::Base;
        } else if text.starts_with(&split) {
            at = In::Theirs;
        } else if text.starts_with(&end) {
            at = In::Both;
        } else if let Some(hunk) = hunks.last_mut() {
            match at {
                In::Both => line += 1,
                In::Ours => {
                    hunk.ours.push_str(text);
                    line += 1;
                }
                In::Base => hunk.base.push_str(text),
                In::Theirs => hunk.theirs.push_str(text),
            }
        } else {
            line += 1;
        }
    }
    hunks
}
