//! Definitions in a syntax tree, found by a walk that knows where it is.
//!
//! A walk rather than queries: whether an assignment is a field, a variable or nothing, and whether a function is a
//! method, depends on what surrounds it, and each definition is to be found once.

mod python;
mod rust;
mod typescript;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use tree_sitter::{Node, Tree};

use super::{
    language::Language,
    symbol::{Kind, Symbol},
};

/// Longest signature, in bytes.
const MAX_SIGNATURE: usize = 200;
/// Longest name, in bytes: real ones are far shorter.
const MAX_NAME: usize = 200;

/// A definition that a language's rules found at a node.
pub(super) struct Found<'t> {
    kind: Kind,
    /// Where the name stands.
    at: Node<'t>,
    name: String,
    /// What it is called as a container, where that is not its name.
    alias: Option<String>,
    /// All of it.
    whole: Node<'t>,
    /// Whether a further one of the same name in the same container is the same thing.
    once: bool,
    /// Whether it belongs to what the innermost definition is inside of.
    lifted: bool,
}

impl<'t> Found<'t> {
    /// The definition `whole` whose name is the field `name`.
    fn named(kind: Kind, whole: Node<'t>, text: &str) -> Option<Self> {
        Some(Self::at(
            kind,
            whole.child_by_field_name("name")?,
            whole,
            text,
        ))
    }

    /// The definition `whole` named by the node `at`.
    fn at(kind: Kind, at: Node<'t>, whole: Node<'t>, text: &str) -> Self {
        let name = words(slice(text, at.start_byte(), at.end_byte()), MAX_NAME);
        Self {
            kind,
            at,
            name,
            alias: None,
            whole,
            once: false,
            lifted: false,
        }
    }

    fn once(mut self) -> Self {
        self.once = true;
        self
    }
}

/// What surrounds a node.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// The innermost definition, nothing at the top of a file.
    kind: Option<Kind>,
    text: &'a str,
}

type Rules = for<'t> fn(Node<'t>, Around<'_>, &mut Vec<Found<'t>>);

pub fn symbols(language: Language, tree: &Tree, text: &str) -> Vec<Symbol> {
    let rules: Rules = match language {
        Language::Rust => rust::definitions,
        Language::Python => python::definitions,
        Language::TypeScript | Language::Tsx => typescript::definitions,
    };
    let mut walk = Walk {
        text,
        symbols: Vec::new(),
        containers: Vec::new(),
        parents: Vec::new(),
        twins: HashMap::new(),
        once: HashSet::new(),
    };
    // An explicit stack: syntax trees of hostile files are deeper than ours.
    let mut open: Vec<(Node<'_>, Option<usize>)> = vec![(tree.root_node(), None)];
    let mut found = Vec::new();
    while let Some((node, mut inside)) = open.pop() {
        if node.is_named() {
            let kind = inside
                .and_then(|at| walk.symbols.get(at))
                .map(|symbol| symbol.kind);
            rules(node, Around { kind, text }, &mut found);
            let only = found.len() == 1;
            for definition in found.drain(..) {
                let at = walk.add(definition, inside);
                if only {
                    inside = at.or(inside);
                }
            }
        }
        let first = open.len();
        let mut cursor = node.walk();
        if cursor.goto_first_child() {
            loop {
                open.push((cursor.node(), inside));
                if !cursor.goto_next_sibling() {
                    break;
                }
            }
        }
        if let Some(children) = open.get_mut(first..) {
            children.reverse();
        }
    }
    walk.symbols
}

struct Walk<'a> {
    text: &'a str,
    symbols: Vec<Symbol>,
    /// What each symbol is as a container.
    containers: Vec<String>,
    /// What each symbol is directly inside of.
    parents: Vec<Option<usize>>,
    twins: HashMap<(String, String), u32>,
    once: HashSet<(Option<usize>, String)>,
}

impl Walk<'_> {
    fn add(&mut self, found: Found<'_>, inside: Option<usize>) -> Option<usize> {
        let inside = if found.lifted {
            inside.and_then(|at| *self.parents.get(at)?)
        } else {
            inside
        };
        if found.name.is_empty() || found.once && !self.once.insert((inside, found.name.clone())) {
            return None;
        }
        let container = inside
            .and_then(|at| self.containers.get(at))
            .cloned()
            .unwrap_or_default();
        let depth = inside
            .and_then(|at| self.symbols.get(at))
            .map_or(0, |symbol| symbol.depth + 1);
        let twins = self
            .twins
            .entry((container.clone(), found.name.clone()))
            .or_default();
        let twin = *twins;
        *twins += 1;
        let own = found.alias.as_ref().unwrap_or(&found.name);
        self.containers.push(if container.is_empty() {
            own.clone()
        } else {
            format!("{container}/{own}")
        });
        let line = |row: usize| u32::try_from(row).unwrap_or(u32::MAX).saturating_add(1);
        self.parents.push(inside);
        self.symbols.push(Symbol {
            kind: found.kind,
            container,
            twin,
            depth,
            line: line(found.at.start_position().row),
            first_line: line(found.whole.start_position().row),
            last_line: line(found.whole.end_position().row),
            bytes: found.whole.byte_range(),
            signature: signature(found.whole, self.text),
            name: found.name,
        });
        Some(self.symbols.len() - 1)
    }
}

/// The head of a definition: without decorators before it and the body after it.
fn signature(whole: Node<'_>, text: &str) -> String {
    let head = whole.child_by_field_name("definition").unwrap_or(whole);
    let end = head
        .child_by_field_name("body")
        .map_or(head.end_byte(), |body| body.start_byte());
    let source = slice(text, head.start_byte(), end);
    let source = if head.child_by_field_name("body").is_some() {
        source
    } else {
        source.lines().next().unwrap_or_default()
    };
    let mut line = words(source, MAX_SIGNATURE);
    let trimmed = line.trim_end_matches(['{', ':', ';', ',', '=', ' ']).len();
    line.truncate(trimmed);
    line
}

/// The text with runs of white space as single spaces, at most `max` bytes of it.
fn words(text: &str, max: usize) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > max {
            out.truncate(out.floor_char_boundary(max));
            out.push('…');
            break;
        }
    }
    out
}

fn slice(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}
