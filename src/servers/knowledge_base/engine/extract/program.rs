//! Programs among texts that nobody named: a text is one when its grammar reads it nearly without a fault, and finds
//! definitions in it.

use tree_sitter::{Node, Tree};

use crate::servers::knowledge_base::engine::chunk::Grammar;

/// Longer texts without a name are data more often than programs.
const MOST_BYTES: usize = 512 << 10;
/// Lines that are looked at for a word that programs begin lines with.
const MOST_LINES: usize = 2_000;
/// Of a program, what its grammar may not understand: one part in so many. Dialects differ, and callers send fragments.
const FAULTS: usize = 25;

/// A language, its grammar, and what lines at the margin begin with in nearly every program of it. Where a text is right in
/// two of them, the first is the likelier.
const KNOWN: [(&str, Grammar, &[&str]); 5] = [
    (
        "rust",
        Grammar::Rust,
        &[
            "fn ",
            "pub ",
            "pub(",
            "impl",
            "struct ",
            "enum ",
            "trait ",
            "mod ",
            "async fn ",
            "unsafe ",
            "macro_rules!",
        ],
    ),
    ("go", Grammar::Go, &["package ", "func ", "type "]),
    (
        "python",
        Grammar::Python,
        &["def ", "async def ", "class ", "import ", "from "],
    ),
    (
        "typescript",
        Grammar::Tsx,
        &[
            "function ",
            "function*",
            "async function ",
            "class ",
            "abstract class ",
            "export ",
            "const ",
            "interface ",
            "import ",
            "type ",
            "enum ",
            "let ",
            "var ",
        ],
    ),
    (
        "java",
        Grammar::Java,
        &[
            "public ",
            "class ",
            "interface ",
            "enum ",
            "final ",
            "abstract ",
            "record ",
            "@interface ",
        ],
    ),
];

/// The language of `text`, if it is a program in one whose grammar is known.
pub fn language_in(text: &str) -> Option<&'static str> {
    // Programs with fences exist; Markdown with fences is the rule.
    if text.len() > MOST_BYTES || lines(text).any(|line| line.starts_with("```")) {
        return None;
    }
    let (language, _) = KNOWN
        .iter()
        .filter(|(.., words)| {
            lines(text).any(|line| words.iter().any(|word| line.starts_with(word)))
        })
        .find_map(|(language, grammar, _)| {
            let tree = grammar.parse(text)?;
            is_program(*grammar, &tree, text).then_some((*language, tree))
        })
        .map(|(language, tree)| match language {
            "typescript" if !has_types(tree.root_node()) => ("javascript", tree),
            _ => (language, tree),
        })?;
    Some(language)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take(MOST_LINES)
}

fn is_program(grammar: Grammar, tree: &Tree, text: &str) -> bool {
    let root = tree.root_node();
    let faults = faults(root);
    if faults * FAULTS > text.trim().len() {
        return false;
    }
    let mut cursor = root.walk();
    let (mut items, mut imports, mut others) = (0, 0, 0);
    for node in root.named_children(&mut cursor) {
        let kind = node.kind();
        if node.is_error() || node.is_extra() || Grammar::is_prefix(kind) {
            continue;
        }
        if grammar.item(node, text).is_some() {
            items += 1;
        } else if kind.starts_with("import") || kind.starts_with("package") || is_declaration(kind)
        {
            imports += 1;
        } else {
            others += 1;
        }
    }
    match grammar {
        // Statements may stand beside definitions; where there are none, imports make a script.
        Grammar::Python | Grammar::TypeScript | Grammar::Tsx => {
            items > 0 || imports > 0 && others > 1 && faults == 0
        }
        Grammar::Rust | Grammar::Go | Grammar::Java => items > 0 && others == 0,
    }
}

/// What stands beside definitions in a program and is none itself.
fn is_declaration(kind: &str) -> bool {
    matches!(
        kind,
        "use_declaration"
            | "extern_crate_declaration"
            | "inner_attribute_item"
            | "macro_invocation"
            | "empty_statement"
            | "const_declaration"
            | "var_declaration"
            | "module_declaration"
    )
}

/// Bytes that the grammar did not understand; what it missed counts as one.
fn faults(node: Node<'_>) -> usize {
    let mut cursor = node.walk();
    let mut faults = 0;
    loop {
        let here = cursor.node();
        if here.is_error() {
            faults += here.byte_range().len();
        } else if here.is_missing() {
            faults += 1;
        } else if here.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return faults;
            }
        }
    }
}

/// Whether a program says of what type things are, and so is no JavaScript.
fn has_types(node: Node<'_>) -> bool {
    let mut cursor = node.walk();
    loop {
        if matches!(
            cursor.node().kind(),
            "type_annotation"
                | "interface_declaration"
                | "type_alias_declaration"
                | "type_arguments"
                | "enum_declaration"
                | "as_expression"
                | "abstract_class_declaration"
                | "type_parameters"
        ) {
            return true;
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::language_in;

    #[test]
    fn programs_are_told_by_their_grammar() {
        for (text, language) in [
            (
                "# Reads\ndef read(path):\n    return open(path).read()\n",
                "python",
            ),
            (
                "def f(x):\n    \"\"\"Doc.\n    \"\"\"\n    print \"old\", x\n",
                "python",
            ),
            (
                "import os\nimport sys\n\nfor one in os.listdir(sys.argv[1]):\n    print(one)\nprint('done')\n",
                "python",
            ),
            (
                "@cached\nclass A(B):\n    x: int = 1\n\n    async def go(self) -> None:\n        pass\n",
                "python",
            ),
            (
                "use std::fmt;\n\n/// Says it.\npub fn say(x: &str) -> String { format!(\"{x}\") }\n",
                "rust",
            ),
            (
                "impl<T> Iterator for It<T> {\n    type Item = T;\n    fn next(&mut self) -> Option<T> { None }\n}\n",
                "rust",
            ),
            (
                "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hi\") }\n",
                "go",
            ),
            (
                "func (s *Store) Get(id string) (int, error) { return 0, nil }\n",
                "go",
            ),
            (
                "export function add(a: number, b: number): number { return a + b }\n",
                "typescript",
            ),
            (
                "const x = require('x');\nfunction go(a) {\n  return a => x(a);\n}\nmodule.exports = go;\n",
                "javascript",
            ),
            (
                "import java.util.List;\n\npublic class A {\n  private int x;\n  int get(List<String> l) { return x; }\n}\n",
                "java",
            ),
        ] {
            assert_eq!(language_in(text), Some(language), "{text}");
        }
        for (name, language) in [
            ("store.py", "python"),
            ("store.rs", "rust"),
            ("store.go", "go"),
            ("store.ts", "typescript"),
            ("Store.java", "java"),
        ] {
            let path = format!("{}/tests/documents/{name}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(language_in(&text), Some(language), "{name}");
        }
    }

    #[test]
    fn what_only_looks_like_a_program_is_none() {
        for text in [
            "import tariffs",
            "import tariffs\nfrom abroad\n",
            "class struggle is the topic.\ntype of work: essays\n",
            "from here on, the class is about the import of goods.\n",
            "let me say this: public transport is late.\nconst is a keyword.\n",
            "pub quiz on Friday\nmod night on Sunday\n",
            "func and type are words.\npackage holidays: Spain, Italy\n",
            "# Title\n\nUse it so:\n\n```python\ndef f(): pass\n```\n",
            "# Guide\n\nimport the data first.\n\n    def f():\n        pass\n\nThen export it.\n",
            "def: short for definition\nclass: a group\n",
            "{\"import\": [1, 2, {\"class\": \"x\"}]}",
            "[\n  {\"a\": 1},\n  {\"def\": 2}\n]\n",
            "import,class,def\n1,2,3\n4,5,6\n",
            "from 2026-01-01 ERROR import failed\nfrom 2026-01-02 INFO class loaded\n",
            "2026-01-01T00:00:00Z ERROR def f(): failed\n",
            "class:\n  - name: a\nimport: b\n",
            "[package]\nname = \"x\"\n\n[dependencies]\na = \"1\"\n",
            "type,count\nconst ,1\n",
            "select * from a where b = 1;\n",
            "public notice: class of 1984\nfinal call\n",
            "",
            "x",
        ] {
            assert_eq!(language_in(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn words_in_lines_are_no_program(lines in prop::collection::vec(
            "(import|from|class|def|type|const|let|pub|fn|func|public|export|package) [a-z]{2,8}( [a-z]{2,8}){2,9}[.,:]?", 1..12,
        )) {
            let text = lines.join("\n");
            // `from a import b` and `import a as b` are English only by chance.
            prop_assume!(!text.contains(" import ") && !text.contains(" as "));
            prop_assert_eq!(language_in(&text), None);
        }

        #[test]
        fn any_text_is_looked_at_without_harm(text in "(def |class |fn |import |[a-z(){}:;\n\"'` #<>=]){0,60}") {
            let _any = language_in(&text);
        }
    }
}
