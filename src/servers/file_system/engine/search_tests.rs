use super::search::*;
use crate::base::beneath::{Beneath, RelPath};

fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Beneath) {
    let outer = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let at = outer.path().join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, text).unwrap();
    }
    let top = Beneath::open(outer.path()).unwrap();
    (outer, top)
}

fn query(pattern: &str) -> Query {
    Query {
        pattern: pattern.into(),
        ..Query::default()
    }
}

fn places(page: &Page) -> Vec<(String, u64)> {
    page.hits
        .iter()
        .map(|hit| (hit.path.clone(), hit.line.unwrap_or_default()))
        .collect()
}

const FILES: &[(&str, &str)] = &[
    ("a.rs", "fn one() {}\nlet x = 1;\nfn two() {}\r\n"),
    ("b/c.py", "def one():\n  fn = 1\n"),
    ("b/d.rs", "fn three() {\n  fn_inner();\n}\n"),
    ("build/out.rs", "fn generated() {}\n"),
    (".gitignore", "build\n"),
    (".env.rs", "fn hidden() {}\n"),
    ("bin", "fn\0binary"),
];

#[test]
fn lines_come_in_order_with_their_context_and_ignored_files_do_not() {
    let (_keep, top) = tree(FILES);
    let page = search(
        &top,
        &Query {
            context: 1,
            ..query(r"fn \w+\(\) \{")
        },
        None,
        50,
        &|| false,
    )
    .unwrap();
    assert_eq!(
        places(&page),
        [("a.rs".into(), 1), ("a.rs".into(), 3), ("b/d.rs".into(), 1)]
    );
    assert_eq!(page.hits[0].after, ["let x = 1;"]);
    assert!(page.hits[1].before.is_empty(), "a line is shown once");
    assert_eq!(page.hits[1].text, "fn two() {}");
    assert_eq!(page.next, None);
}

#[test]
fn globs_types_words_and_literals_narrow() {
    let (_keep, top) = tree(FILES);
    let count = |query: Query| {
        search(&top, &query, None, 50, &|| false)
            .unwrap()
            .hits
            .len()
    };
    assert_eq!(count(query("fn")), 5);
    assert_eq!(
        count(Query {
            types: vec!["py".into()],
            ..query("fn")
        }),
        1
    );
    assert_eq!(
        count(Query {
            globs: vec!["*.rs".into()],
            ..query("fn")
        }),
        4
    );
    assert_eq!(
        count(Query {
            globs: vec!["b/*.rs".into()],
            ..query("fn")
        }),
        2
    );
    assert_eq!(
        count(Query {
            word: true,
            ..query("fn")
        }),
        4
    );
    assert_eq!(
        count(Query {
            literal: true,
            ..query("two()")
        }),
        1
    );
    assert_eq!(
        count(Query {
            ignore_case: true,
            ..query("FN TWO")
        }),
        1
    );
    assert_eq!(
        count(Query {
            hidden: true,
            ignored: true,
            ..query("fn ")
        }),
        6
    );
    assert_eq!(
        count(Query {
            path: RelPath::parse("b").unwrap(),
            ..query("fn")
        }),
        3
    );
    assert_eq!(
        count(Query {
            path: RelPath::parse("a.rs").unwrap(),
            ..query("fn")
        }),
        2
    );
    assert_eq!(
        count(Query {
            multiline: true,
            ..query(r"one\(\) \{\}\nlet")
        }),
        1
    );
    assert_eq!(count(query("two.*\\}$")), 1);
}

#[test]
fn files_and_counts_are_one_hit_a_file() {
    let (_keep, top) = tree(FILES);
    let of = |output| {
        search(
            &top,
            &Query {
                output,
                ..query("fn")
            },
            None,
            50,
            &|| false,
        )
        .unwrap()
    };
    assert_eq!(of(Output::Files).hits.len(), 3);
    let counts: Vec<_> = of(Output::Count).hits.iter().map(|hit| hit.count).collect();
    assert_eq!(counts, [Some(2), Some(1), Some(2)]);
}

#[test]
fn pages_join_to_the_whole_whatever_their_size() {
    let (_keep, top) = tree(FILES);
    for output in [Output::Lines, Output::Files, Output::Count] {
        let query = Query {
            output,
            ..query("fn")
        };
        let whole = search(&top, &query, None, 50, &|| false).unwrap().hits;
        for limit in 1..4 {
            let (mut after, mut hits) = (None, Vec::new());
            loop {
                let page = search(&top, &query, after.as_ref(), limit, &|| false).unwrap();
                assert!(page.hits.len() <= limit);
                hits.extend(page.hits);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(hits, whole, "limit {limit}");
        }
    }
}

#[test]
fn what_cannot_be_compiled_is_said() {
    let (_keep, top) = tree(FILES);
    let error = |query: Query| search(&top, &query, None, 5, &|| false).unwrap_err();
    assert!(matches!(error(query("(")), SearchError::Pattern(_)));
    assert!(matches!(error(query("a\nb")), SearchError::Pattern(_)));
    assert!(matches!(
        error(Query {
            types: vec!["klingon".into()],
            ..query("a")
        }),
        SearchError::Type(_)
    ));
    assert!(matches!(
        error(Query {
            globs: vec!["{a".into()],
            ..query("a")
        }),
        SearchError::Glob(_)
    ));
    assert!(matches!(
        search(&top, &query("fn"), None, 5, &|| true),
        Err(SearchError::Stopped)
    ));
}

#[test]
fn a_search_does_not_leave_through_links_or_hang_on_special_files() {
    let (keep, top) = tree(FILES);
    std::os::unix::fs::symlink("/etc", keep.path().join("etc")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", keep.path().join("b/.gitignore")).unwrap();
    let fifo = keep.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let page = search(&top, &query("root|fn"), None, 50, &|| false).unwrap();
    assert_eq!(page.hits.len(), 5);
}
