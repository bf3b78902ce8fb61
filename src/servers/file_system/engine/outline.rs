//! A directory's tree as indented text, a page at a time.

use crate::{
    base::beneath::{Beneath, Error, Kind, RelPath},
    project::workspace::{Step, WalkOptions, walk},
};

/// Longest text of a page, in bytes.
const PAGE_BYTES: usize = 40 * 1024;

/// Some of a tree.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub text: String,
    /// Entries on it.
    pub entries: usize,
    /// The last entry, when more follow.
    pub next: Option<RelPath>,
}

/// The tree below `at`, `depth` levels deep, after `options.after`: two spaces a level, directories with a slash, links with an
/// arrow. A page that starts inside directories names them first.
pub fn page(
    top: &Beneath,
    at: &RelPath,
    depth: usize,
    options: &WalkOptions,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Page, Error> {
    let above = at.components().count();
    let mut page = Page::default();
    let mut last: Option<RelPath> = None;
    let mut named = options.after.is_none();
    walk(top, at, options, &mut |visit| {
        if stop() {
            return Ok(Step::Stop);
        }
        let parts: Vec<&str> = visit.path.components().skip(above).collect();
        // A page that ended at a directory that is not entered is followed by what is in it.
        if parts.len() > depth {
            return Ok(Step::Skip);
        }
        if page.entries >= limit || page.text.len() >= PAGE_BYTES {
            page.next = last.take();
            return Ok(Step::Stop);
        }
        if !named {
            named = true;
            for (level, part) in parts.iter().enumerate().take(parts.len().saturating_sub(1)) {
                page.text.push_str(&"  ".repeat(level));
                page.text.push_str(part);
                page.text.push_str("/\n");
            }
        }
        page.text
            .push_str(&"  ".repeat(parts.len().saturating_sub(1)));
        page.text
            .push_str(parts.last().copied().unwrap_or_default());
        let is_directory = visit.kind == Kind::Directory;
        page.text.push_str(match visit.kind {
            Kind::Directory if parts.len() >= depth => "/ …\n",
            Kind::Directory => "/\n",
            Kind::Symlink => " ->\n",
            _ => "\n",
        });
        page.entries += 1;
        last = Some(visit.path.clone());
        Ok(if is_directory && parts.len() >= depth {
            Step::Skip
        } else {
            Step::Continue
        })
    })?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_tree_join_and_depth_cuts() {
        let outer = tempfile::tempdir().unwrap();
        for path in ["a/b/c", "a/b/d", "a/e", "f"] {
            let file = outer.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        std::os::unix::fs::symlink("a", outer.path().join("z")).unwrap();
        let top = Beneath::open(outer.path()).unwrap();
        let show = |depth, after: Option<&str>, limit| {
            let options = WalkOptions {
                links: true,
                after: after.map(|path| RelPath::parse(path).unwrap()),
                ..WalkOptions::default()
            };
            page(&top, &RelPath::root(), depth, &options, limit, &|| false).unwrap()
        };
        let all = show(9, None, 99);
        assert_eq!(all.text, "a/\n  b/\n    c\n    d\n  e\nf\nz ->\n");
        assert_eq!((all.entries, all.next), (7, None));
        let first = show(9, None, 3);
        assert_eq!(first.text, "a/\n  b/\n    c\n");
        assert_eq!(first.next, RelPath::parse("a/b/c").ok());
        assert_eq!(
            show(9, Some("a/b/c"), 99).text,
            "a/\n  b/\n    d\n  e\nf\nz ->\n"
        );
        assert_eq!(show(1, None, 99).text, "a/ …\nf\nz ->\n");
        assert_eq!(show(1, Some("a"), 99).text, "f\nz ->\n");
    }
}
