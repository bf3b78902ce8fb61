//! The rules of the house, checked by reading its source.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Longest file, in lines.
const MAX_LINES: usize = 400;

/// The floors, lowest first. A module imports from its own floor's folder and from lower floors only.
const FLOORS: [&[&str]; 7] = [
    &["base"],
    &["observe", "db"],
    &["project", "access", "audit", "backup"],
    &["tool"],
    &["servers"],
    &["edge"],
    &["config", "app", "cli"],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    fn walk(dir: &Path, ending: &str, out: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(dir) else {
            return;
        };
        for path in entries.map(|e| e.unwrap().path()) {
            if path.is_dir() {
                walk(&path, ending, out);
            } else if path.to_string_lossy().ends_with(ending) {
                out.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(folder), ending, &mut paths);
    paths.sort();
    let name = |p: &Path| {
        p.strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    paths
        .iter()
        .map(|p| (name(p), fs::read_to_string(p).unwrap()))
        .collect()
}

/// The source, without files that hold tests alone: they may reach higher.
fn source(folder: &str) -> Vec<(String, String)> {
    let tests = ["/tests.rs", "/testing.rs", "src/test.rs"];
    files(folder, ".rs")
        .into_iter()
        .filter(|(name, _)| !tests.iter().any(|end| name.ends_with(end)))
        .collect()
}

/// The floor of a top-level module.
fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// Source without its unit tests and comments: they may reach higher.
fn body(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every path after `crate::` that `text` names, with groups written out: `crate::{a::b, c::{d, e}}` names `a::b`, `c::d`, `c::e`.
fn paths(text: &str) -> BTreeSet<String> {
    fn tree(
        prefix: &str,
        rest: &mut std::iter::Peekable<std::str::Chars>,
        out: &mut BTreeSet<String>,
    ) {
        let mut path = prefix.to_owned();
        loop {
            match rest.peek() {
                Some('{') => {
                    rest.next();
                    while rest.peek().is_some_and(|c| *c != '}') {
                        tree(&path, rest, out);
                        while rest.peek().is_some_and(|c| *c == ',' || c.is_whitespace()) {
                            rest.next();
                        }
                    }
                    rest.next();
                    return;
                }
                Some(c) if c.is_alphanumeric() || matches!(c, '_' | ':' | '*') => path.push(*c),
                _ => break,
            }
            rest.next();
        }
        // `as name`, or whatever else stands before the next item of the group.
        while rest
            .peek()
            .is_some_and(|c| !matches!(c, ',' | '}' | ';' | '\n'))
        {
            rest.next();
        }
        if !path.is_empty() {
            out.insert(path);
        }
    }
    let mut out = BTreeSet::new();
    for (at, found) in text.match_indices("crate::") {
        tree(
            "",
            &mut text[at + found.len()..].chars().peekable(),
            &mut out,
        );
    }
    out
}

/// The top-level modules among them.
fn imports(text: &str) -> BTreeSet<String> {
    let first = |path: &String| path.split("::").next().unwrap_or_default().to_owned();
    paths(text).iter().map(first).collect()
}

#[test]
fn imports_are_read_as_they_are_written() {
    let text = "use crate::{\n    base::{ids::A, clock as c},\n    db::Db,\n    servers::{a, git::tools::x::{self, Y}},\n};\n\
                use crate::tool::X;\nlet x = crate::on_tx!(a);";
    let expected = [
        "base::clock",
        "base::ids::A",
        "db::Db",
        "on_tx",
        "servers::a",
        "servers::git::tools::x::Y",
        "servers::git::tools::x::self",
        "tool::X",
    ];
    assert_eq!(
        paths(text).iter().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(
        imports(text).iter().map(String::as_str).collect::<Vec<_>>(),
        ["base", "db", "on_tx", "servers", "tool"]
    );
}

#[test]
fn a_module_imports_from_lower_floors_only() {
    let mut wrong = Vec::new();
    for (name, text) in source("src") {
        let module = name
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .unwrap()
            .to_owned();
        let Some(own) = floor(&module) else { continue };
        for import in imports(&body(&text)) {
            // Floors 2 and up hold modules that know each other; servers may not (see below).
            if floor(&import).is_some_and(|other| other > own) {
                wrong.push(format!(
                    "{name} (floor {own}) imports {import} (a higher floor)"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_edge_knows_axum_and_rmcp() {
    for (name, text) in source("src") {
        let outside = !name.starts_with("src/edge/");
        let knows = ["axum::", "rmcp::", "use axum", "use rmcp"]
            .iter()
            .any(|word| body(&text).contains(word));
        assert!(!(outside && knows), "{name} knows axum or rmcp");
    }
}

#[test]
fn sql_is_in_stores_only() {
    for (name, text) in source("src") {
        let store = name.contains("store") || name.starts_with("src/db/");
        assert!(
            store || !body(&text).contains("sqlx::query"),
            "{name} holds SQL"
        );
    }
}

#[test]
fn a_server_names_of_another_only_tools_that_it_lists() {
    let servers: BTreeSet<String> = files("src/servers", "mod.rs")
        .iter()
        .filter_map(|(name, _)| {
            name.strip_prefix("src/servers/")?
                .split_once('/')
                .map(|(s, _)| s.to_owned())
        })
        .collect();
    for (name, text) in source("src/servers") {
        let Some((own, _)) = name
            .strip_prefix("src/servers/")
            .and_then(|n| n.split_once('/'))
        else {
            continue;
        };
        for path in paths(&body(&text)) {
            let Some(inner) = path.strip_prefix("servers::") else {
                continue;
            };
            let other = inner.split("::").next().unwrap_or_default();
            let foreign = other != own && servers.contains(other);
            assert!(
                !foreign || inner.starts_with(&format!("{other}::tools::")),
                "{name} reaches into {path}"
            );
        }
    }
}

#[test]
fn engines_know_no_tools_databases_or_other_floors() {
    for (name, text) in files("src/servers", ".rs")
        .iter()
        .filter(|(name, _)| name.contains("/engine/"))
    {
        for import in imports(&body(text)) {
            let allowed = ["base", "project", "servers"].contains(&import.as_str())
                || floor(&import).is_none();
            assert!(allowed, "{name} imports {import}");
        }
        assert!(!body(text).contains("sqlx"), "{name} knows SQL");
    }
}

#[test]
fn no_file_is_longer_than_the_limit() {
    for folder in ["src", "tests", "benches"] {
        for (name, text) in files(folder, ".rs") {
            let lines = text.lines().count();
            assert!(lines <= MAX_LINES, "{name} has {lines} lines: split it");
        }
    }
}

#[test]
fn migrations_come_in_pairs() {
    let names = |folder: &str| -> Vec<String> {
        files(&format!("migrations/{folder}"), ".sql")
            .iter()
            .map(|(n, _)| n.rsplit('/').next().unwrap().to_owned())
            .collect()
    };
    let sqlite = names("sqlite");
    assert_eq!(sqlite, names("postgres"));
    let numbers: BTreeSet<&str> = sqlite
        .iter()
        .map(|n| n.split('_').next().unwrap())
        .collect();
    assert_eq!(numbers.len(), sqlite.len(), "two migrations of one number");
}

#[test]
fn no_test_file_is_forgotten() {
    let all: BTreeMap<String, String> = files("tests/it", ".rs").into_iter().collect();
    for name in all.keys().filter(|n| *n != "tests/it/main.rs") {
        let path = Path::new(name);
        let (dir, stem) = if path.ends_with("mod.rs") {
            let dir = path.parent().unwrap();
            (dir.parent().unwrap(), dir.file_name().unwrap())
        } else {
            (path.parent().unwrap(), path.file_stem().unwrap())
        };
        let owners = [dir.join("mod.rs"), dir.join("main.rs")];
        let declared = owners
            .iter()
            .filter_map(|owner| all.get(owner.to_str().unwrap()))
            .any(|text| text.contains(&format!("mod {};", stem.to_str().unwrap())));
        assert!(declared, "{name} is in no mod.rs: it never runs");
    }
}

#[test]
fn every_tool_file_is_mounted() {
    for (name, text) in files("src/servers", ".rs")
        .iter()
        .filter(|(n, _)| n.contains("/tools/"))
    {
        let Some(at) = text.find("\nimpl Tool for ") else {
            continue;
        };
        let marker: String = text[at + "\nimpl Tool for ".len()..]
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        let server = name.split('/').nth(2).unwrap();
        let mount =
            fs::read_to_string(root().join(format!("src/servers/{server}/mod.rs"))).unwrap();
        assert!(
            mount.contains(&format!("{marker}>")),
            "{marker} ({name}) is not added in {server}/mod.rs"
        );
    }
}

#[test]
fn dependencies_are_locked_by_checksum() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    assert!(packages.len() > 100);
    for package in packages {
        let own = !package.contains("\nsource = ");
        let checked =
            package.contains("\nsource = \"registry+") && package.contains("\nchecksum = ");
        assert!(own || checked, "{package}");
    }
}
