//! Nothing that is planted runs, and nothing is taken for what it is not.

use super::*;

#[test]
fn nothing_that_is_planted_runs() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    let path = RelPath::parse("a.txt").unwrap();
    let (old, new) = (Word::object(planted.first), Word::object(planted.second));
    let bare = || Place::bare(&planted.repository);
    let runs = [
        program
            .command(bare(), "log")
            .flag("-p")
            .flag("--no-ext-diff")
            .flag("--no-textconv")
            .word(new.clone())
            .paths([&path]),
        program
            .command(bare(), "blame")
            .flag("--porcelain")
            .flag("--no-textconv")
            .word(new.clone())
            .paths([&path]),
        program
            .command(bare(), "diff-tree")
            .flag("-p")
            .flag("-r")
            .flag("--no-ext-diff")
            .flag("--no-textconv")
            .word(old)
            .word(new)
            .paths([]),
        program
            .command(bare(), "commit-graph")
            .flag("write")
            .flag("--reachable")
            .flag("--changed-paths"),
        program.command(bare(), "pack-refs").flag("--all"),
    ];
    for run in runs {
        let name = run.name;
        let said = run.output(&go).unwrap();
        assert!(
            !matches!(name, "log" | "blame" | "diff-tree")
                || String::from_utf8_lossy(&said).contains("two"),
            "{name}"
        );
        assert!(
            !planted.mark().exists(),
            "{name}: {}",
            fs::read_to_string(planted.mark()).unwrap()
        );
    }
}

#[test]
fn what_looks_like_an_option_or_a_pattern_is_none() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    let bare = || Place::bare(&planted.repository);
    let log = || program.command(bare(), "log").flag("--format=%s");
    let out = planted.dir.path().join("out");
    // Values stay values.
    let said = log()
        .option("--grep=", format!("--output={}", out.display()))
        .word(Word::object(planted.second))
        .paths([])
        .output(&go);
    assert_eq!(said.unwrap(), b"");
    assert!(!out.exists());
    // Paths are names: neither options nor patterns, nor outside files to compare with.
    for odd in ["*", ":(glob)**", ":/", "--output=x"] {
        let path = RelPath::parse(odd).unwrap_or_default();
        if path.is_root() {
            continue;
        }
        let said = log()
            .word(Word::object(planted.second))
            .paths([&path])
            .output(&go)
            .unwrap();
        assert_eq!(said, b"", "{odd}");
    }
    let odd: [&[u8]; 2] = [b"/etc/passwd", b"/etc/group"];
    let said = program
        .command(bare(), "diff")
        .word(Word::object(planted.first))
        .raw_paths(odd)
        .output(&go);
    assert!(
        !matches!(&said, Ok(said) if said.windows(4).any(|w| w == b"root")),
        "{said:?}"
    );
}

#[test]
fn its_environment_is_what_we_say() {
    let Some(program) = program() else { return };
    let planted = Planted::new();
    let said = program
        .command(Place::tree(&planted.repository), "surroundings")
        .setting("alias.surroundings", "!env")
        .protocols(&["https"])
        .output(&go)
        .unwrap();
    let said = String::from_utf8(said).unwrap();
    let value = |name: &str| {
        said.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    assert_eq!(value("GIT_CONFIG_NOSYSTEM"), Some("1"));
    assert_eq!(value("GIT_ALLOW_PROTOCOL"), Some("https"));
    assert_eq!(value("HOME"), Some("/nonexistent"));
    assert!(value("GIT_WORK_TREE").is_some_and(|tree| tree.ends_with("/tree/")));
    for name in [
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "USER",
        "SSH_AUTH_SOCK",
        "XDG_CONFIG_HOME",
    ] {
        assert_eq!(value(name), None, "{name}");
    }
}
