//! Temporary files of writes that a dead hub did not finish: never answered, so nobody misses them.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::beneath::TEMP_PREFIX;
use crate::base::clock::Millis;

/// Removes them below every workspace of the data directory `data`, if they were last changed before `before`; says how
/// many. What cannot be read or removed is left for the next time. Links are not followed.
pub fn sweep(data: &Path, before: Millis) -> usize {
    let projects = children(&data.join("projects"));
    let mut waiting: Vec<PathBuf> = projects
        .iter()
        .map(|project| project.join("workspaces"))
        .collect();
    let mut removed = 0;
    while let Some(path) = waiting.pop() {
        for child in children(&path) {
            let Ok(meta) = child.symlink_metadata() else {
                continue;
            };
            let changed = meta
                .mtime()
                .saturating_mul(1000)
                .saturating_add(meta.mtime_nsec() / 1_000_000);
            let is_temp = child
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(TEMP_PREFIX.as_bytes()));
            if meta.is_dir() {
                waiting.push(child);
            } else if is_temp && changed < before && std::fs::remove_file(&child).is_ok() {
                removed += 1;
            }
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
}
