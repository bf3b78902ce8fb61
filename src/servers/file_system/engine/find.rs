//! Finding files by their names: by globs over paths, or by a part of the name.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{
    base::beneath::{Beneath, Error, Kind, RelPath},
    project::workspace::{Step, WalkOptions, walk},
};

/// Text of all paths on a page, in bytes.
const PAGE_BYTES: usize = 40 * 1024;

/// Which paths are wanted.
#[derive(Debug)]
pub struct Wanted {
    pub name: Name,
    /// What matches one of these is left out, with all below it.
    pub except: Globs,
    pub directories: bool,
    pub files: bool,
}

#[derive(Debug)]
pub enum Name {
    /// The path from where the search starts matches.
    Glob(Globs),
    /// The last component has this part; both are in lower case.
    Part(String),
}

/// Globs over paths from where the search starts.
#[derive(Debug)]
pub struct Globs(GlobSet);

impl Globs {
    /// As ripgrep's `--glob`: one without a slash matches at any depth.
    pub fn new<'g>(globs: impl IntoIterator<Item = &'g str>) -> Result<Self, globset::Error> {
        Self::build(globs, false)
    }

    /// The same whether letters are upper or lower case.
    pub fn ignoring_case(glob: &str) -> Result<Self, globset::Error> {
        Self::build([glob], true)
    }

    fn build<'g>(
        globs: impl IntoIterator<Item = &'g str>,
        ignore_case: bool,
    ) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let glob = glob.strip_prefix("./").unwrap_or(glob);
            let anywhere = if glob.contains('/') {
                glob.trim_start_matches('/').to_owned()
            } else {
                format!("**/{glob}")
            };
            let built = GlobBuilder::new(&anywhere)
                .literal_separator(true)
                .case_insensitive(ignore_case)
                .build()?;
            set.add(built);
        }
        Ok(Self(set.build()?))
    }

    pub fn is_match(&self, path: &str) -> bool {
        self.0.is_match(path)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A path that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub path: String,
    pub kind: Kind,
}

/// Some of them, and whether more follow.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub found: Vec<Found>,
    pub more: bool,
}

/// Looks below `at`, in the order of paths, until `limit` or the end of the page's bytes.
pub fn find(
    top: &Beneath,
    at: &RelPath,
    wanted: &Wanted,
    options: &WalkOptions,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Page, Error> {
    let skip = if at.is_root() {
        0
    } else {
        at.as_str().len() + 1
    };
    let mut page = Page::default();
    let mut bytes = 0;
    walk(top, at, options, &mut |visit| {
        if stop() {
            return Ok(Step::Stop);
        }
        let path = visit.path.as_str().get(skip..).unwrap_or_default();
        if !wanted.except.is_empty() && wanted.except.is_match(path) {
            return Ok(Step::Skip);
        }
        let kind = match visit.kind {
            Kind::Directory => wanted.directories,
            _ => wanted.files,
        };
        if !kind || !wanted.name.fits(path) {
            return Ok(Step::Continue);
        }
        if page.found.len() >= limit || bytes >= PAGE_BYTES {
            page.more = true;
            return Ok(Step::Stop);
        }
        bytes += visit.path.as_str().len() + 24;
        page.found.push(Found {
            path: visit.path.to_string(),
            kind: visit.kind,
        });
        Ok(Step::Continue)
    })?;
    Ok(page)
}

impl Name {
    fn fits(&self, path: &str) -> bool {
        match self {
            Self::Glob(globs) => globs.is_match(path),
            Self::Part(part) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                // Most names are ASCII, and need no copy.
                if name.is_ascii() && part.is_ascii() {
                    let (name, part) = (name.as_bytes(), part.as_bytes());
                    name.windows(part.len())
                        .any(|w| w.eq_ignore_ascii_case(part))
                } else {
                    name.to_lowercase().contains(part.as_str())
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &Wanted, at: &str, limit: usize) -> (Vec<String>, bool) {
        let outer = tempfile::tempdir().unwrap();
        for path in [
            "a.rs",
            "b/c.RS",
            "b/d/e.rs",
            "b/d/Straße.md",
            "target/x.rs",
            ".hid/y.rs",
        ] {
            let file = outer.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        std::fs::write(outer.path().join(".gitignore"), "target\n").unwrap();
        std::os::unix::fs::symlink("a.rs", outer.path().join("link.rs")).unwrap();
        let top = Beneath::open(outer.path()).unwrap();
        let at = RelPath::parse(at).unwrap();
        let page = find(&top, &at, wanted, &WalkOptions::default(), limit, &|| false).unwrap();
        (page.found.into_iter().map(|f| f.path).collect(), page.more)
    }

    fn wanted(name: Name) -> Wanted {
        Wanted {
            name,
            except: Globs::new([]).unwrap(),
            directories: false,
            files: true,
        }
    }

    #[test]
    fn globs_are_taken_from_where_the_search_starts() {
        let glob = |glob: &str| wanted(Name::Glob(Globs::new([glob]).unwrap()));
        assert_eq!(names(&glob("*.rs"), ".", 9).0, ["a.rs", "b/d/e.rs"]);
        assert_eq!(names(&glob("./*/*.RS"), ".", 9).0, ["b/c.RS"]);
        assert_eq!(names(&glob("d/*.rs"), "b", 9).0, ["b/d/e.rs"]);
        assert_eq!(names(&glob("b/**"), ".", 9).0.len(), 3);
        assert_eq!(names(&glob("*.rs"), ".", 1), (vec!["a.rs".into()], true));
        let any = Wanted {
            except: Globs::new(["d"]).unwrap(),
            directories: true,
            ..wanted(Name::Glob(Globs::ignoring_case("*.rs").unwrap()))
        };
        assert_eq!(names(&any, ".", 9).0, ["a.rs", "b/c.RS"]);
    }

    #[test]
    fn a_part_of_a_name_is_found_in_any_case() {
        let part = |part: &str| wanted(Name::Part(part.to_lowercase()));
        assert_eq!(names(&part("C.r"), ".", 9).0, ["b/c.RS"]);
        assert_eq!(names(&part("STRASSE"), ".", 9).0, Vec::<String>::new());
        assert_eq!(names(&part("sTRAß"), ".", 9).0, ["b/d/Straße.md"]);
        let directories = Wanted {
            directories: true,
            files: false,
            ..part("d")
        };
        assert_eq!(names(&directories, ".", 9).0, ["b/d"]);
    }
}
