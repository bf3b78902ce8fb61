//! Python: <https://docs.python.org/3/reference/compound_stmts.html>

use tree_sitter::Node;

use super::{super::symbol::Kind, Around, Found, slice};

pub(super) fn definitions<'t>(node: Node<'t>, around: Around<'_>, found: &mut Vec<Found<'t>>) {
    let text = around.text;
    match node.kind() {
        "function_definition" => {
            let kind = if around.kind == Some(Kind::Class) {
                Kind::Method
            } else {
                Kind::Function
            };
            found.extend(Found::named(kind, node, text).map(decorated));
        }
        "class_definition" => found.extend(Found::named(Kind::Class, node, text).map(decorated)),
        "type_alias_statement" => {
            let name = node
                .child_by_field_name("left")
                .map(|left| first_identifier(left).unwrap_or(left));
            found.extend(name.map(|name| Found::at(Kind::Type, name, node, text)));
        }
        "assignment" => {
            let member = match around.kind {
                None => false,
                Some(Kind::Class) => true,
                Some(_) => return,
            };
            // `a = b = 1` holds the second assignment on its right: the walk comes there by itself.
            if let Some(left) = node.child_by_field_name("left") {
                targets(left, node, member, text, found);
            }
        }
        _ => {}
    }
}

/// The names that an assignment binds; attributes and subscripts bind none.
fn targets<'t>(
    left: Node<'t>,
    whole: Node<'t>,
    member: bool,
    text: &str,
    found: &mut Vec<Found<'t>>,
) {
    match left.kind() {
        "identifier" => {
            let name = slice(text, left.start_byte(), left.end_byte());
            let kind = if member {
                Kind::Field
            } else if is_constant(name) {
                Kind::Constant
            } else {
                Kind::Variable
            };
            found.push(Found::at(kind, left, whole, text).once());
        }
        "pattern_list" | "tuple_pattern" | "list_pattern" | "list_splat_pattern" => {
            let mut cursor = left.walk();
            for child in left.named_children(&mut cursor) {
                targets(child, whole, member, text, found);
            }
        }
        _ => {}
    }
}

/// PEP 8: constants are written in capital letters.
fn is_constant(name: &str) -> bool {
    name.chars().any(|c| c.is_ascii_uppercase()) && !name.chars().any(char::is_lowercase)
}

/// A definition with its decorators.
fn decorated(mut found: Found<'_>) -> Found<'_> {
    if let Some(parent) = found
        .whole
        .parent()
        .filter(|parent| parent.kind() == "decorated_definition")
    {
        found.whole = parent;
    }
    found
}

fn first_identifier(node: Node<'_>) -> Option<Node<'_>> {
    if node.kind() == "identifier" {
        return Some(node);
    }
    let mut cursor = node.walk();
    let first = node.named_children(&mut cursor).next();
    first.and_then(first_identifier)
}
