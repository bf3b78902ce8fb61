//! The index's directories: `<n>/` for each one that was built, and `current`, which names the one that serves.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

const CURRENT: &str = "current";
const NEW: &str = "current.new";

/// The folder of all of them. One process uses it at a time: the hub holds the lock of its data directory.
#[derive(Debug, Clone)]
pub struct Shelf {
    root: PathBuf,
}

impl Shelf {
    /// The shelf in `root`, which is made if it is not there.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        Ok(Self { root })
    }

    /// The directory of number `n`.
    pub fn dir(&self, n: u64) -> PathBuf {
        self.root.join(n.to_string())
    }

    /// The number of the index that serves, if one was ever finished.
    pub fn current(&self) -> Option<u64> {
        let text = fs::read_to_string(self.root.join(CURRENT)).ok()?;
        text.trim().parse().ok()
    }

    /// A number that is free, its directory empty.
    pub fn next(&self) -> io::Result<u64> {
        let taken = self
            .entries()?
            .into_iter()
            .filter_map(|name| name.parse::<u64>().ok());
        let next = taken.max().or(self.current()).map_or(1, |n| n + 1);
        fs::create_dir_all(self.dir(next))?;
        Ok(next)
    }

    /// Makes `n` the one that serves, durably, and removes all others.
    pub fn serve(&self, n: u64) -> io::Result<()> {
        let new = self.root.join(NEW);
        let mut file = File::create(&new)?;
        file.write_all(format!("{n}\n").as_bytes())?;
        file.sync_all()?;
        sync(&self.dir(n))?;
        fs::rename(&new, self.root.join(CURRENT))?;
        sync(&self.root)?;
        self.sweep(n)
    }

    /// Removes everything but number `keep`: what was replaced, and what was never finished.
    pub fn sweep(&self, keep: u64) -> io::Result<()> {
        let keep = keep.to_string();
        for name in self.entries()? {
            if name == keep || name == CURRENT {
                continue;
            }
            let path = self.root.join(name);
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn entries(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.root)?;
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

/// Makes the names in `dir` durable.
fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_serves_once_it_is_named_and_others_go() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(dir.path().join("knowledge")).unwrap();
        assert_eq!(shelf.current(), None);
        let one = shelf.next().unwrap();
        assert_eq!((one, shelf.current()), (1, None));
        shelf.serve(one).unwrap();
        let two = shelf.next().unwrap();
        fs::write(shelf.root.join("meta.json"), "of an older layout").unwrap();
        fs::write(shelf.dir(two).join("x"), "").unwrap();
        assert_eq!((two, shelf.current()), (2, Some(1)));
        shelf.serve(two).unwrap();
        assert_eq!(shelf.current(), Some(2));
        let mut left = shelf.entries().unwrap();
        left.sort();
        assert_eq!(left, ["2", CURRENT]);
        fs::write(shelf.root.join(CURRENT), "torn").unwrap();
        assert_eq!((shelf.current(), shelf.next().unwrap()), (None, 3));
    }
}
