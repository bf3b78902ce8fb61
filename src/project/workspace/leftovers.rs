//! What a dead hub left behind: temporary files of writes that it did not finish, which were never answered, so nobody
//! misses them, and git's locks, which would keep everybody out for ever.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::beneath::TEMP_PREFIX;
use crate::base::clock::Millis;

/// Removes the temporary files below every workspace of the data directory `data` that were last changed before `before`;
/// says how many. What cannot be read or removed is left for the next time. Links are not followed.
pub fn sweep(data: &Path, before: Millis) -> usize {
    let projects = children(&data.join("projects"));
    let waiting: Vec<PathBuf> = projects
        .iter()
        .map(|project| project.join("workspaces"))
        .collect();
    let is_temp = |name: &[u8]| name.starts_with(TEMP_PREFIX.as_bytes());
    remove(waiting, &is_temp, before)
}

/// Removes git's locks in every repository of the data directory `data` that were taken before `before`; says how many.
pub fn break_locks(data: &Path, before: Millis) -> usize {
    let projects = children(&data.join("projects"));
    let bare = projects
        .iter()
        .flat_map(|project| children(&project.join("repos")));
    bare.map(|bare| break_locks_of(&bare, before)).sum()
}

/// The same in the repository `bare`.
pub fn break_locks_of(bare: &Path, before: Millis) -> usize {
    // Not below `objects`: what lies there half-written is in nobody's way.
    let waiting = children(bare).into_iter();
    let waiting = waiting.filter(|child| child.file_name().is_none_or(|name| name != "objects"));
    remove(waiting.collect(), &|name| name.ends_with(b".lock"), before)
}

/// Removes the files with such names in and below `waiting` that were last changed before `before`; says how many.
fn remove(mut waiting: Vec<PathBuf>, wanted: &dyn Fn(&[u8]) -> bool, before: Millis) -> usize {
    let mut removed = 0;
    while let Some(path) = waiting.pop() {
        let Ok(meta) = path.symlink_metadata() else {
            continue;
        };
        if meta.is_dir() {
            waiting.extend(children(&path));
            continue;
        }
        let changed = meta
            .mtime()
            .saturating_mul(1000)
            .saturating_add(meta.mtime_nsec() / 1_000_000);
        let named = path
            .file_name()
            .is_some_and(|name| wanted(name.as_encoded_bytes()));
        if named && changed < before && std::fs::remove_file(&path).is_ok() {
            removed += 1;
        }
    }
    removed
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let read =
        || -> io::Result<Vec<PathBuf>> { std::fs::read_dir(dir)?.map(|e| Ok(e?.path())).collect() };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_temporary_files_of_workspaces_go() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("projects/p/workspaces/a/main/src");
        std::fs::create_dir_all(&tree).unwrap();
        let temp = tree.join(format!("{TEMP_PREFIX}1-1"));
        let outside = dir.path().join(format!("{TEMP_PREFIX}2"));
        for file in [&temp, &tree.join("kept.rs"), &outside] {
            std::fs::write(file, "x").unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), tree.join("link")).unwrap();
        assert_eq!(
            sweep(dir.path(), 0),
            0,
            "younger than the hub: a write under way"
        );
        assert_eq!(sweep(dir.path(), Millis::MAX), 1);
        assert!(!temp.exists() && tree.join("kept.rs").exists() && outside.exists());
    }

    #[test]
    fn locks_of_a_dead_hub_keep_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        let bare = dir.path().join("projects/p/repos/main.git");
        let kept = [
            bare.join("HEAD"),
            bare.join("objects/pack/x.lock"),
            dir.path().join("projects/p/workspaces/a/main/yarn.lock"),
        ];
        let locks = [
            bare.join("packed-refs.lock"),
            bare.join("refs/heads/agent/a/work.lock"),
            bare.join("worktrees/a/index.lock"),
            bare.join("worktrees/a/HEAD.lock"),
        ];
        for file in kept.iter().chain(&locks) {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        assert_eq!(
            break_locks(dir.path(), 0),
            0,
            "younger than the hub: in use"
        );
        assert_eq!(break_locks(dir.path(), Millis::MAX), locks.len());
        assert!(kept.iter().all(|file| file.exists()));
    }
}
