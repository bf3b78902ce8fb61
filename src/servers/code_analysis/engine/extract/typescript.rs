//! TypeScript, TSX and JavaScript: <https://tc39.es/ecma262/>, <https://www.typescriptlang.org/docs/handbook/>

use tree_sitter::Node;

use super::{super::symbol::Kind, Around, Found, slice};

pub(super) fn definitions<'t>(node: Node<'t>, around: Around<'_>, found: &mut Vec<Found<'t>>) {
    let text = around.text;
    let kind = match node.kind() {
        "function_declaration" | "generator_function_declaration" | "function_signature" => {
            Kind::Function
        }
        "class_declaration" | "abstract_class_declaration" => Kind::Class,
        "interface_declaration" => Kind::Interface,
        "enum_declaration" => Kind::Enum,
        "enum_assignment" => Kind::Variant,
        "type_alias_declaration" => Kind::Type,
        "internal_module" | "module" => Kind::Module,
        "public_field_definition" | "field_definition" => {
            let name = node
                .child_by_field_name("name")
                .or_else(|| node.child_by_field_name("property"));
            found.extend(name.map(|name| quoted(Found::at(Kind::Field, name, node, text))));
            return;
        }
        "method_definition" | "abstract_method_signature" | "method_signature" => {
            let in_type = matches!(around.kind, Some(Kind::Interface | Kind::Type));
            // The methods of a bare object, or of a type written in a signature, are nobody's members.
            if around.kind == Some(Kind::Class) || node.kind() == "method_signature" && in_type {
                let method = Found::named(Kind::Method, node, text).map(quoted);
                found.extend(method.map(|found| match found.name.as_str() {
                    "constructor" if around.kind == Some(Kind::Class) => Found {
                        kind: Kind::Constructor,
                        ..found
                    },
                    _ => found,
                }));
            }
            return;
        }
        "property_signature" => {
            if matches!(around.kind, Some(Kind::Interface | Kind::Type)) {
                found.extend(Found::named(Kind::Field, node, text).map(quoted));
            }
            return;
        }
        "property_identifier" | "string" => {
            // A member of an enum without a value is its bare name.
            if node
                .parent()
                .is_some_and(|parent| parent.kind() == "enum_body")
            {
                found.push(quoted(Found::at(Kind::Variant, node, node, text)));
            }
            return;
        }
        "required_parameter" | "optional_parameter" => {
            found.extend(parameter_property(node, around));
            return;
        }
        "variable_declarator" => {
            variables(node, around, found);
            return;
        }
        _ => return,
    };
    found.extend(Found::named(kind, node, text).map(quoted));
}

/// `constructor(private readonly name: string)` declares a field.
fn parameter_property<'t>(node: Node<'t>, around: Around<'_>) -> Option<Found<'t>> {
    if around.kind != Some(Kind::Constructor) {
        return None;
    }
    let mut cursor = node.walk();
    let declares = node
        .children(&mut cursor)
        .any(|child| matches!(child.kind(), "accessibility_modifier" | "readonly"));
    let name = node
        .child_by_field_name("pattern")
        .filter(|name| name.kind() == "identifier")?;
    declares.then(|| Found {
        lifted: true,
        ..Found::at(Kind::Field, name, node, around.text)
    })
}

/// `const`, `let` and `var` outside of bodies.
fn variables<'t>(node: Node<'t>, around: Around<'_>, found: &mut Vec<Found<'t>>) {
    if around.kind.is_some_and(|kind| kind != Kind::Module) {
        return;
    }
    let Some(declaration) = node.parent() else {
        return;
    };
    if declaration
        .parent()
        .is_some_and(|parent| parent.kind().starts_with("for_"))
        || in_block(declaration)
    {
        return;
    }
    let Some(name) = node.child_by_field_name("name") else {
        return;
    };
    let kind = match node.child_by_field_name("value").map(|value| value.kind()) {
        Some("arrow_function" | "function_expression" | "generator_function") => Kind::Function,
        Some("class") => Kind::Class,
        _ if slice(
            around.text,
            declaration.start_byte(),
            declaration.end_byte(),
        )
        .starts_with("const") =>
        {
            Kind::Constant
        }
        _ => Kind::Variable,
    };
    bindings(name, node, kind, around.text, found);
}

/// Whether a declaration is local to a block or an unnamed function, such as a test's callback.
fn in_block(declaration: Node<'_>) -> bool {
    let mut above = declaration.parent();
    while let Some(node) = above {
        match node.kind() {
            "program" | "internal_module" | "module" => return false,
            "arrow_function"
            | "function_expression"
            | "generator_function"
            | "method_definition"
            | "if_statement"
            | "for_statement"
            | "for_in_statement"
            | "while_statement"
            | "try_statement"
            | "switch_statement" => return true,
            _ => above = node.parent(),
        }
    }
    false
}

/// The names that a pattern binds.
fn bindings<'t>(
    name: Node<'t>,
    whole: Node<'t>,
    kind: Kind,
    text: &str,
    found: &mut Vec<Found<'t>>,
) {
    match name.kind() {
        "identifier" | "shorthand_property_identifier_pattern" => {
            found.push(Found::at(kind, name, whole, text));
        }
        "pair_pattern" => {
            if let Some(value) = name.child_by_field_name("value") {
                bindings(value, whole, kind, text, found);
            }
        }
        "assignment_pattern" | "object_assignment_pattern" => {
            if let Some(left) = name.child_by_field_name("left") {
                bindings(left, whole, kind, text, found);
            }
        }
        "object_pattern" | "array_pattern" | "rest_pattern" => {
            let mut cursor = name.walk();
            for child in name.named_children(&mut cursor) {
                bindings(child, whole, kind, text, found);
            }
        }
        _ => {}
    }
}

/// A name without the quotes it may be written in.
fn quoted(mut found: Found<'_>) -> Found<'_> {
    let bare = found.name.trim_matches(['"', '\'', '`']);
    if bare.len() != found.name.len() {
        found.name = bare.to_owned();
    }
    found
}
