//! Which file names a file system would take for `.git`.
//!
//! A checkout may land on a case-folding, NTFS or HFS+ file system, where `.GIT`, `git~1`, `.git::$INDEX_ALLOCATION`
//! or `.g\u{200c}it` all open the repository. The rules are those of git's own `is_ntfs_dotgit` and `is_hfs_dotgit`
//! (CVE-2014-9390, CVE-2019-1352).

use std::borrow::Cow;

/// Whether `name`, one path component, folds to `.git` on some file system.
pub fn folds_to_dot_git(name: &str) -> bool {
    // A backslash separates components on NTFS, so any part of the name may be the dangerous one.
    name.split('\\').any(|part| {
        let seen = if part.is_ascii() {
            Cow::Borrowed(part)
        } else {
            part.chars().filter(|c| !is_hfs_ignorable(*c)).collect()
        };
        // NTFS: what follows `:` names a stream of the same directory; trailing dots and spaces are dropped.
        let before_stream = seen.split(':').next().unwrap_or_default();
        let bare = before_stream.trim_end_matches(['.', ' ']);
        bare.eq_ignore_ascii_case(".git") || bare.eq_ignore_ascii_case("git~1")
    })
}

/// Code points that HFS+ drops when it compares names.
fn is_hfs_ignorable(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_dot_git_is_known() {
        for name in [
            ".git",
            ".GIT",
            ".Git",
            "git~1",
            "GIT~1",
            ".git.",
            ".git ",
            ".git. .",
            ".git::$INDEX_ALLOCATION",
            ".git:stream",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".GI\u{206f}T. ",
            "a\\.git",
            ".git\\hooks",
        ] {
            assert!(folds_to_dot_git(name), "{name:?}");
        }
    }

    #[test]
    fn ordinary_names_pass() {
        for name in [
            ".gitignore",
            ".gitattributes",
            "git",
            ".github",
            "git~2",
            "a.git",
            ".git-keep",
            "..git",
            "",
        ] {
            assert!(!folds_to_dot_git(name), "{name:?}");
        }
    }
}
