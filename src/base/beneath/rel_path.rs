//! A path that can only lead down.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{dotgit::folds_to_dot_git, write::TEMP_PREFIX};

/// Longest whole path, in bytes (`PATH_MAX` less its NUL).
const MAX_BYTES: usize = 4095;
/// Longest component, in bytes (`NAME_MAX`).
const MAX_COMPONENT: usize = 255;
/// Most components: the walker keeps one directory handle open a level.
pub const MAX_DEPTH: usize = 64;

/// Why a path was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path is absolute: give it relative to the workspace")]
    Absolute,
    #[error("the path contains `..`: give it relative to the workspace, without going up")]
    Parent,
    #[error("the path contains a NUL character")]
    Nul,
    #[error("the path has an empty component: write `a/b`, not `a//b` or `a/`")]
    Empty,
    #[error("the path is too long: at most 4095 bytes, 255 bytes and 64 levels")]
    TooLong,
    #[error(
        "the path names a `.git` directory, which is not part of the workspace: use the git tools"
    )]
    DotGit,
    #[error(
        "the path has a name of the hub's unfinished writes (`.syndarix-tmp-…`): choose another"
    )]
    Reserved,
}

/// A checked path below some directory: `/`-separated, no `..`, no NUL, no `.git`; empty means the directory itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RelPath(String);

impl RelPath {
    /// The directory itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// Checks `text`. `.` components are dropped, so `.` is the root and `./a` is `a`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.contains('\0') {
            return Err(PathError::Nul);
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if text.len() > MAX_BYTES {
            return Err(PathError::TooLong);
        }
        let mut kept: Vec<&str> = Vec::new();
        for component in text.split('/') {
            match component {
                "" => return Err(PathError::Empty),
                "." => {}
                ".." => return Err(PathError::Parent),
                _ => {
                    check(component)?;
                    kept.push(component);
                }
            }
        }
        if kept.len() > MAX_DEPTH {
            return Err(PathError::TooLong);
        }
        Ok(Self(kept.join("/")))
    }

    /// The path below this one named `name`, checked like any other.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        if self.is_root() {
            Self::parse(name)
        } else {
            Self::parse(&format!("{}/{name}", self.0))
        }
    }

    /// Goes down to `name`, one component as a directory listing has it.
    pub fn push(&mut self, name: &str) -> Result<(), PathError> {
        check(name)?;
        if name.contains(['/', '\0']) || matches!(name, "" | "." | "..") {
            return Err(PathError::Parent);
        }
        let above = self.0.bytes().filter(|byte| *byte == b'/').count() + 1;
        if self.0.len() + 1 + name.len() > MAX_BYTES || above >= MAX_DEPTH {
            return Err(PathError::TooLong);
        }
        if !self.is_root() {
            self.0.push('/');
        }
        self.0.push_str(name);
        Ok(())
    }

    /// Goes up again.
    pub fn pop(&mut self) {
        self.0.truncate(self.0.rfind('/').unwrap_or(0));
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as text, empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components, none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// Whether `other` is this path or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        self.is_root()
            || other
                .0
                .strip_prefix(&self.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The last component, `None` for the root.
    pub fn name(&self) -> Option<&str> {
        self.components().next_back()
    }

    /// The directory that holds this path; the root is its own parent.
    #[must_use]
    pub fn parent(&self) -> Self {
        self.0
            .rsplit_once('/')
            .map_or_else(Self::root, |(parent, _)| Self(parent.to_owned()))
    }
}

impl TryFrom<String> for RelPath {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        Self::parse(&text)
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> Self {
        path.0
    }
}

/// What no component may be.
fn check(component: &str) -> Result<(), PathError> {
    if component.len() > MAX_COMPONENT {
        Err(PathError::TooLong)
    } else if folds_to_dot_git(component) {
        Err(PathError::DotGit)
    } else if component.starts_with(TEMP_PREFIX) {
        Err(PathError::Reserved)
    } else {
        Ok(())
    }
}

impl fmt::Display for RelPath {
    /// The root shows as `.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_leads_out_is_refused() {
        for (text, why) in [
            ("/etc/passwd", PathError::Absolute),
            ("../x", PathError::Parent),
            ("a/../../x", PathError::Parent),
            ("a\0b", PathError::Nul),
            ("a//b", PathError::Empty),
            ("a/", PathError::Empty),
            ("", PathError::Empty),
            (".git/config", PathError::DotGit),
            ("sub/.GIT/hooks/pre-commit", PathError::DotGit),
        ] {
            assert_eq!(RelPath::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(RelPath::parse(&"a".repeat(256)), Err(PathError::TooLong));
        assert_eq!(
            RelPath::parse(&vec!["a"; 65].join("/")),
            Err(PathError::TooLong)
        );
    }

    #[test]
    fn dots_are_dropped_and_the_root_is_a_dot() {
        assert_eq!(RelPath::parse("./a/./b").unwrap().as_str(), "a/b");
        assert_eq!(RelPath::parse(".").unwrap(), RelPath::root());
        assert_eq!(RelPath::root().to_string(), ".");
        let path = RelPath::parse("a/b/c").unwrap();
        assert_eq!((path.parent().as_str(), path.name()), ("a/b", Some("c")));
    }

    #[test]
    fn a_path_contains_itself_and_what_is_below() {
        let path = |text: &str| RelPath::parse(text).unwrap();
        assert!(path("a/b").contains(&path("a/b")) && path("a/b").contains(&path("a/b/c")));
        assert!(!path("a/b").contains(&path("a/bc")) && !path("a/b").contains(&path("a")));
        assert!(path(".").contains(&path("a")));
    }

    proptest! {
        /// Going down name by name leads where parsing the whole leads, and going up again leads back.
        #[test]
        fn names_are_checked_as_whole_paths_are(names in proptest::collection::vec("[a.gitGIT~ 1]{1,5}", 1..70)) {
            let mut path = RelPath::root();
            let pushed = names.iter().try_for_each(|name| path.push(name));
            let parsed = RelPath::parse(&names.join("/"));
            if pushed.is_ok() {
                prop_assert_eq!(parsed.as_ref(), Ok(&path));
                path.pop();
                prop_assert_eq!(path, parsed.unwrap().parent());
            } else {
                prop_assert!(parsed.is_err() || names.iter().any(|name| name == "."));
            }
        }

        #[test]
        fn an_accepted_path_never_leads_up_or_out(text in "[a-zA-Z.~/\\\\ :\u{200c}\0]{0,24}") {
            if let Ok(path) = RelPath::parse(&text) {
                prop_assert!(!path.as_str().starts_with('/'));
                prop_assert!(!path.as_str().contains('\0'));
                for part in path.components() {
                    prop_assert!(!part.is_empty() && part != "." && part != "..");
                    prop_assert!(!folds_to_dot_git(part));
                }
                // Checking again changes nothing.
                if !path.is_root() {
                    prop_assert_eq!(RelPath::parse(path.as_str()).unwrap(), path);
                }
            }
        }
    }
}
