//! Languages, by file name.

use tree_sitter::Language as Grammar;

/// A language whose definitions are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    Rust,
    Python,
    TypeScript,
    /// TypeScript with JSX; its grammar reads JavaScript too.
    Tsx,
}

impl Language {
    /// The language of a file, by the ending of its name.
    pub fn of(name: &str) -> Option<Self> {
        let (stem, ending) = name.rsplit_once('.')?;
        if stem.is_empty() || stem.ends_with('/') {
            return None;
        }
        match ending {
            "rs" => Some(Self::Rust),
            "py" | "pyi" => Some(Self::Python),
            "ts" | "mts" | "cts" => Some(Self::TypeScript),
            "tsx" | "js" | "mjs" | "cjs" | "jsx" => Some(Self::Tsx),
            _ => None,
        }
    }

    pub(super) fn grammar(self) -> Grammar {
        match self {
            Self::Rust => tree_sitter_rust::LANGUAGE.into(),
            Self::Python => tree_sitter_python::LANGUAGE.into(),
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_ending() {
        assert_eq!(Language::of("src/a.rs"), Some(Language::Rust));
        assert_eq!(Language::of("a.test.tsx"), Some(Language::Tsx));
        assert_eq!(Language::of("src/.rs"), None);
        assert_eq!(Language::of("Makefile"), None);
    }
}
