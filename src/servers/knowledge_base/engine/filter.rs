//! What a search may find: one meaning for words and for vectors.

use std::sync::Arc;

use globset::{Glob, GlobBuilder, GlobMatcher};

/// What is known of a document by which it can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DocumentFacts {
    /// The document.
    pub document_id: Arc<str>,
    /// Where it is visible.
    pub scope: Arc<str>,
    /// The collection it lies in.
    pub collection: Option<Arc<str>>,
    /// What it is, e.g. `markdown`, `code` or `memory`.
    pub form: Arc<str>,
    /// The programming language of a program.
    pub language: Option<Arc<str>>,
    /// Where it stands in its source.
    pub path: Option<Arc<str>>,
    /// Its words to filter by.
    pub tags: Vec<Arc<str>>,
    /// When it last changed, in milliseconds since the Unix epoch.
    pub updated_ms: i64,
}

/// The form of programs.
pub const CODE: &str = "code";
/// The form of what is found only when it is asked for by its name.
pub const MEMORY: &str = "memory";

/// What is visible and wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Scopes to look in; none finds nothing.
    pub scopes: Vec<String>,
    /// Only this collection.
    pub collection: Option<String>,
    /// Only these forms; without any, all but memories.
    pub kinds: Vec<String>,
    /// Only these programming languages, if any.
    pub languages: Vec<String>,
    /// Only paths like this.
    pub path_glob: Option<PathGlob>,
    /// Only what has all of these.
    pub tags: Vec<String>,
    /// Only what changed then or later, in milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
}

impl Filter {
    /// Whether a document of these facts may be found.
    pub fn matches(&self, facts: &DocumentFacts) -> bool {
        let among = |words: &[String], word: &str| words.iter().any(|one| one == word);
        let kind = if self.kinds.is_empty() {
            &*facts.form != MEMORY
        } else {
            among(&self.kinds, &facts.form)
        };
        let language = facts.language.as_deref();
        kind && among(&self.scopes, &facts.scope)
            && (self.collection.is_none()
                || self.collection.as_deref() == facts.collection.as_deref())
            && (self.languages.is_empty()
                || language.is_some_and(|language| among(&self.languages, language)))
            && self.path_glob.as_ref().is_none_or(|glob| {
                let path = facts.path.as_deref();
                path.is_some_and(|path| glob.matches(path))
            })
            && self
                .tags
                .iter()
                .all(|tag| facts.tags.iter().any(|own| **own == **tag))
            && self.since_ms.is_none_or(|since| facts.updated_ms >= since)
    }
}

/// A pattern of paths: `*` and `?` stay within a folder, `**` does not, `{a,b}` and `[ab]` choose.
#[derive(Debug, Clone)]
pub struct PathGlob(GlobMatcher);

impl PathGlob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, globset::Error> {
        let glob: Glob = GlobBuilder::new(pattern).literal_separator(true).build()?;
        Ok(Self(glob.compile_matcher()))
    }

    /// Whether `path` is like it.
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_must_hold_and_memories_are_found_by_name_only() {
        let facts = |form: &str| DocumentFacts {
            document_id: "d".into(),
            scope: "global".into(),
            collection: Some("ops".into()),
            form: form.into(),
            language: Some("rust".into()),
            path: Some("src/a/b.rs".into()),
            tags: vec!["x".into(), "y".into()],
            updated_ms: 10,
        };
        let code = facts("code");
        let base = Filter {
            scopes: vec!["global".into()],
            ..Filter::default()
        };
        let with = |change: fn(&mut Filter)| {
            let mut filter = base.clone();
            change(&mut filter);
            filter.matches(&code)
        };
        let glob = |pattern| Some(PathGlob::new(pattern).unwrap());
        assert!(base.matches(&code) && !base.matches(&facts(MEMORY)));
        assert!(!Filter::default().matches(&code));
        assert!(with(|f| f.collection = Some("ops".into())));
        assert!(!with(|f| f.collection = Some("dev".into())));
        assert!(with(|f| f.kinds = vec!["text".into(), "code".into()]));
        assert!(!with(|f| f.kinds = vec![MEMORY.into()]));
        assert!(!with(|f| f.languages = vec!["go".into()]));
        assert!(with(|f| f.tags = vec!["y".into(), "x".into()]));
        assert!(!with(|f| f.tags = vec!["x".into(), "z".into()]));
        assert!(with(|f| f.since_ms = Some(10)) && !with(|f| f.since_ms = Some(11)));
        for (pattern, expected) in [
            ("src/**/*.rs", true),
            ("src/*.rs", false),
            ("**/b.{rs,go}", true),
        ] {
            let filter = Filter {
                path_glob: glob(pattern),
                ..base.clone()
            };
            assert_eq!(filter.matches(&code), expected, "{pattern}");
        }
        assert!(PathGlob::new("a[").is_err());
    }
}
