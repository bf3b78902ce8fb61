//! What the documentation says of the source is so.

use std::{fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands in backticks and begins like a path of the source.
fn named(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter(|word| word.starts_with("src/") || word.starts_with("tests/"))
        .collect()
}

#[test]
fn the_tests_that_security_rests_on_are_there() {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let mut tests = 0;
    for name in named(&text) {
        let (path, test) = match name.split_once("::") {
            Some((path, test)) => (path, Some(test)),
            None => (name, None),
        };
        let full = root().join(path);
        assert!(
            full.exists(),
            "docs/security.md names {path}, which is not there"
        );
        let Some(test) = test else { continue };
        let source = fs::read_to_string(full).unwrap();
        let at = source.find(&format!("fn {test}("));
        let at = at.unwrap_or_else(|| panic!("docs/security.md names {name}, which is not there"));
        let before: Vec<&str> = source[..at].lines().rev().take(4).collect();
        // A suite is run on both databases by a macro.
        let is_test = before
            .iter()
            .any(|l| l.contains("test]") || l.contains("test("))
            || test == "suite";
        assert!(is_test, "{name} is no test");
        tests += 1;
    }
    assert!(tests > 20, "{tests}");
    for item in 1..=10 {
        let row = format!("| MCP{item:02} ");
        assert!(text.contains(&row), "no row of {row}");
    }
}
