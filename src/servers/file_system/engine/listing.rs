//! One page of a directory.

use rustix::fs::{AtFlags, Stat};

use crate::base::beneath::{Beneath, Error, Kind, Links, RelPath, kind_of};

/// An entry with what `stat` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// As it is, or with U+FFFD where the name is not UTF-8 and cannot be used as a path.
    pub name: String,
    pub kind: Kind,
    /// Bytes, for files.
    pub size: Option<u64>,
    /// Milliseconds since the epoch.
    pub modified: i64,
}

/// The entries after the name `after`, at most `limit`, whether more follow, and how many there are in all.
pub fn page(
    top: &Beneath,
    path: &RelPath,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Item>, bool, usize), Error> {
    let dir = top.directory(path, Links::Inside)?;
    let entries = dir.own_entries()?;
    let total = entries.len();
    let mut rest = entries
        .into_iter()
        .filter(|entry| after.is_none_or(|after| entry.name.as_encoded_bytes() > after.as_bytes()));
    let mut items = Vec::new();
    for entry in rest.by_ref() {
        // Gone since it was listed: not there any more.
        let Ok(stat) = rustix::fs::statat(&dir, entry.name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW)
        else {
            continue;
        };
        let kind = kind_of(stat.st_mode);
        items.push(Item {
            name: entry.name.to_string_lossy().into_owned(),
            kind,
            size: (kind == Kind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0)),
            modified: modified_ms(&stat),
        });
        if items.len() == limit {
            break;
        }
    }
    let more = rest.next().is_some();
    Ok((items, more, total))
}

/// When it was last changed, in milliseconds since the epoch.
#[allow(
    clippy::unnecessary_cast,
    reason = "the types differ between architectures"
)]
pub fn modified_ms(stat: &Stat) -> i64 {
    stat.st_mtime as i64 * 1000 + stat.st_mtime_nsec as i64 / 1_000_000
}

/// The entry of the nearest existing directory above `path` that is most like what is missing there.
pub fn suggest(top: &Beneath, path: &RelPath) -> Option<String> {
    let mut missing = path.clone();
    let (parent, entries) = loop {
        let parent = missing.parent();
        match top.entries(&parent) {
            Ok(entries) => break (parent, entries),
            Err(_) if parent.is_root() => return None,
            Err(_) => missing = parent,
        }
    };
    let wanted = missing.name()?;
    let near = entries
        .iter()
        .filter_map(|entry| entry.name.to_str())
        .map(|name| {
            (
                strsim::normalized_damerau_levenshtein(
                    &wanted.to_lowercase(),
                    &name.to_lowercase(),
                ),
                name,
            )
        })
        .filter(|(score, _)| *score > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    let near = parent.join(near.1).ok()?;
    (near != *path).then(|| near.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_a_typo_is_put_right() {
        let outer = tempfile::tempdir().unwrap();
        for name in ["a", "b", "main.rs"] {
            std::fs::write(outer.path().join(name), "12").unwrap();
        }
        std::fs::create_dir(outer.path().join("src")).unwrap();
        std::fs::write(outer.path().join("src/lib.rs"), "").unwrap();
        let top = Beneath::open(outer.path()).unwrap();
        let (first, more, total) = page(&top, &RelPath::root(), None, 2).unwrap();
        assert_eq!(
            (first[1].name.as_str(), first[1].size, more, total),
            ("b", Some(2), true, 4)
        );
        let (rest, more, _) = page(&top, &RelPath::root(), Some("b"), 2).unwrap();
        assert_eq!(
            (rest[1].name.as_str(), rest[1].kind, rest[1].size, more),
            ("src", Kind::Directory, None, false)
        );

        let near = |text| suggest(&top, &RelPath::parse(text).unwrap());
        assert_eq!(near("mian.rs").as_deref(), Some("main.rs"));
        assert_eq!(near("src/libs.rs").as_deref(), Some("src/lib.rs"));
        assert_eq!(near("scr/lib.rs").as_deref(), Some("src"));
        assert_eq!(near("zzz"), None);
    }
}
