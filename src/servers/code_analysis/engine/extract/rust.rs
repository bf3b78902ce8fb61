//! Rust: <https://doc.rust-lang.org/reference/items.html>

use tree_sitter::Node;

use super::{super::symbol::Kind, Around, Found, slice, words};

pub(super) fn definitions<'t>(node: Node<'t>, around: Around<'_>, found: &mut Vec<Found<'t>>) {
    let text = around.text;
    let kind = match node.kind() {
        "function_item" | "function_signature_item" => match around.kind {
            Some(Kind::Impl | Kind::Trait) => Kind::Method,
            _ => Kind::Function,
        },
        "struct_item" => Kind::Struct,
        "union_item" => Kind::Union,
        "enum_item" => Kind::Enum,
        "enum_variant" => Kind::Variant,
        "field_declaration" => Kind::Field,
        "trait_item" => Kind::Trait,
        "type_item" | "associated_type" => Kind::Type,
        "const_item" => Kind::Constant,
        "static_item" => Kind::Static,
        "mod_item" => Kind::Module,
        "macro_definition" => Kind::Macro,
        "impl_item" => {
            found.extend(implementation(node, text));
            return;
        }
        _ => return,
    };
    // `const _: () = …` has no name to be found by.
    found.extend(Found::named(kind, node, text).filter(|found| found.name != "_"));
}

/// `impl Trait for Type`: its own name says both, and what is inside belongs to the type.
fn implementation<'t>(node: Node<'t>, text: &str) -> Option<Found<'t>> {
    let target = node.child_by_field_name("type")?;
    let of = words(slice(text, target.start_byte(), target.end_byte()), 150);
    let mut found = Found::at(Kind::Impl, target, node, text);
    found.name = match node.child_by_field_name("trait") {
        Some(of_trait) => {
            let of_trait = words(slice(text, of_trait.start_byte(), of_trait.end_byte()), 150);
            format!("impl {of_trait} for {of}")
        }
        None => format!("impl {of}"),
    };
    found.alias = Some(bare(target, text));
    found.at = node;
    Some(found)
}

/// `Type` of `a::Type<T>`.
fn bare(node: Node<'_>, text: &str) -> String {
    let inner = match node.kind() {
        "generic_type" | "reference_type" => node.child_by_field_name("type"),
        "scoped_type_identifier" => node.child_by_field_name("name"),
        _ => None,
    };
    inner.map_or_else(
        || words(slice(text, node.start_byte(), node.end_byte()), 150),
        |inner| bare(inner, text),
    )
}
