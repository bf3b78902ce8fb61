//! Paths as libgit2 is told to look at nothing else.

use crate::base::beneath::RelPath;

/// For options that have matching of patterns disabled: `paths` and what is below them, or nothing, for all, when one is the top.
pub fn of(paths: &[RelPath]) -> Vec<Vec<u8>> {
    if paths.iter().any(RelPath::is_root) {
        return Vec::new();
    }
    of_bytes(paths.iter().map(RelPath::as_str))
}

/// The same for paths as git has them, none of which is the top.
///
/// Each stands there twice: of a list with `a` and `a.b/c`, libgit2 (1.9.7) drops `a` when it has passed `a.b/c`, though what is
/// below `a` comes after that. `a/` alone would not be the file `a`.
pub fn of_bytes(paths: impl IntoIterator<Item: AsRef<[u8]>>) -> Vec<Vec<u8>> {
    let both = |path: &[u8]| [path.to_vec(), [path, b"/"].concat()];
    let paths = paths.into_iter();
    paths.flat_map(|path| both(path.as_ref())).collect()
}
