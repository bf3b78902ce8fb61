//! The languages whose programs are cut along their syntax tree, and what is an item in each.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use tree_sitter::{Node, ParseOptions, Parser, Tree};

/// Longest parse. Real files take milliseconds; only hostile ones come here.
const PATIENCE: Duration = Duration::from_secs(2);

/// A language whose grammar is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX; its grammar reads JavaScript too.
    Tsx,
    /// Go.
    Go,
    /// Java.
    Java,
}

/// A definition in a program.
pub struct Item<'t> {
    /// What it is called.
    pub name: String,
    /// Where its members are, if it has any.
    pub body: Option<Node<'t>>,
}

impl Grammar {
    /// The grammar of a language by its name, as a document has it.
    pub fn of(language: &str) -> Option<Self> {
        Some(match language {
            "rust" => Self::Rust,
            "python" => Self::Python,
            "typescript" => Self::TypeScript,
            "tsx" | "javascript" => Self::Tsx,
            "go" => Self::Go,
            "java" => Self::Java,
            _ => return None,
        })
    }

    /// What stands between the names of nested items.
    pub fn separator(self) -> &'static str {
        match self {
            Self::Rust => "::",
            _ => ".",
        }
    }

    /// The syntax tree of `text`; none when that takes too long.
    pub fn parse(self, text: &str) -> Option<Tree> {
        let language = match self {
            Self::Rust => tree_sitter_rust::LANGUAGE.into(),
            Self::Python => tree_sitter_python::LANGUAGE.into(),
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Self::Go => tree_sitter_go::LANGUAGE.into(),
            Self::Java => tree_sitter_java::LANGUAGE.into(),
        };
        let mut parser = Parser::new();
        parser.set_language(&language).ok()?;
        let until = Instant::now() + PATIENCE;
        let mut stop = |_: &tree_sitter::ParseState| {
            if Instant::now() < until {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let options = ParseOptions::new().progress_callback(&mut stop);
        let bytes = text.as_bytes();
        let mut read = |offset: usize, _| bytes.get(offset..).unwrap_or_default();
        parser.parse_with_options(&mut read, None, Some(options))
    }

    /// Whether `kind` belongs to the item below it: a comment, an attribute.
    pub fn is_prefix(kind: &str) -> bool {
        matches!(
            kind,
            "comment" | "line_comment" | "block_comment" | "attribute_item" | "decorator"
        )
    }

    /// The item that `node` is.
    pub fn item<'t>(self, node: Node<'t>, text: &str) -> Option<Item<'t>> {
        let node = unwrapped(node);
        let name_in = |node: Node<'t>, field: &str| {
            let name = node.child_by_field_name(field)?;
            Some(text.get(name.byte_range())?.to_owned())
        };
        let (name, has_body) = match (self, node.kind()) {
            (Self::Rust, "impl_item") => (bare(&name_in(node, "type")?), true),
            (
                Self::Rust,
                "function_item"
                | "function_signature_item"
                | "struct_item"
                | "enum_item"
                | "union_item"
                | "macro_definition"
                | "type_item"
                | "const_item"
                | "static_item",
            )
            | (Self::Python, "function_definition")
            | (Self::Go, "function_declaration")
            | (Self::Java, "method_declaration" | "constructor_declaration")
            | (
                Self::TypeScript | Self::Tsx,
                "function_declaration"
                | "generator_function_declaration"
                | "method_definition"
                | "enum_declaration"
                | "type_alias_declaration",
            ) => (name_in(node, "name")?, false),
            (Self::Rust, "trait_item" | "mod_item")
            | (Self::Python, "class_definition")
            | (
                Self::Java,
                "class_declaration"
                | "interface_declaration"
                | "enum_declaration"
                | "record_declaration"
                | "annotation_type_declaration",
            )
            | (
                Self::TypeScript | Self::Tsx,
                "class_declaration"
                | "abstract_class_declaration"
                | "interface_declaration"
                | "internal_module"
                | "module",
            ) => (name_in(node, "name")?, true),
            (Self::TypeScript | Self::Tsx, "lexical_declaration" | "variable_declaration") => {
                let declared = node.named_child(0)?;
                let value = declared.child_by_field_name("value")?.kind();
                let callable = ["arrow_function", "function_expression", "class"];
                if !callable.contains(&value) {
                    return None;
                }
                (name_in(declared, "name")?, false)
            }
            (Self::Go, "method_declaration") => {
                let receiver = name_in(node, "receiver")?;
                let receiver = receiver.trim_matches(['(', ')']);
                let of = receiver.rsplit([' ', '*']).next().unwrap_or_default();
                (format!("{}.{}", bare(of), name_in(node, "name")?), false)
            }
            (Self::Go, "type_declaration") => (name_in(node.named_child(0)?, "name")?, false),
            _ => return None,
        };
        let body = node.child_by_field_name("body").filter(|_| has_body);
        Some(Item { name, body })
    }
}

/// The definition within what only decorates or exports it.
fn unwrapped(node: Node<'_>) -> Node<'_> {
    let field = match node.kind() {
        "decorated_definition" => "definition",
        "export_statement" => "declaration",
        _ => return node,
    };
    node.child_by_field_name(field).unwrap_or(node)
}

/// A type's name without its parameters.
fn bare(name: &str) -> String {
    name.split(['<', '['])
        .next()
        .unwrap_or(name)
        .trim()
        .to_owned()
}
