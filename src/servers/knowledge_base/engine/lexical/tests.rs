use std::sync::Arc;

use super::*;
use crate::servers::knowledge_base::engine::filter::Filter;

fn put(document: &str, scope: &str, chunks: &[(&str, &str, &str)]) -> Change {
    let entries = chunks
        .iter()
        .enumerate()
        .map(|(n, (title, heading, text))| Entry {
            chunk_id: format!("{document}-{n}"),
            title: (*title).into(),
            heading: (*heading).into(),
            symbol: None,
            text: (*text).into(),
        });
    Change::Put(Put {
        facts: DocumentFacts {
            document_id: document.into(),
            scope: scope.into(),
            ..DocumentFacts::default()
        },
        entries: entries.collect(),
    })
}

#[allow(clippy::unnecessary_wraps, reason = "what apply takes")]
fn at(seq: i64) -> Option<Payload> {
    Some(Payload {
        schema: SCHEMA_VERSION,
        database: 7,
        seq,
        written_ms: 0,
    })
}

fn find(index: &LexicalIndex, scope: &str, text: &str) -> Vec<String> {
    let filter = Filter {
        scopes: vec![scope.into()],
        ..Filter::default()
    };
    let found = index.search(&Query::parse(text), &filter, 10).unwrap();
    found.into_iter().map(|f| f.chunk_id).collect()
}

#[test]
fn changes_are_found_once_committed_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let opened = LexicalIndex::open(dir.path()).unwrap();
    assert_eq!(opened.payload, None);
    let index = opened.index;
    index
        .apply(
            vec![put(
                "d1",
                "p:a",
                &[("T", "", "leases expire"), ("T", "", "other")],
            )],
            at(3),
        )
        .unwrap();
    assert_eq!(find(&index, "p:a", "lease"), ["d1-0"]);
    index
        .apply(vec![put("d1", "p:a", &[("T", "", "claims")])], at(4))
        .unwrap();
    assert!(find(&index, "p:a", "lease").is_empty());
    assert_eq!(index.chunks(), 1);
    drop(index);
    let again = LexicalIndex::open(dir.path()).unwrap();
    assert_eq!(again.payload, at(4));
    assert_eq!(find(&again.index, "p:a", "claim"), ["d1-0"]);
}

#[test]
fn a_scope_sees_only_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let index = LexicalIndex::open(dir.path()).unwrap().index;
    let changes = vec![
        put("d1", "p:a", &[("", "", "secret plan")]),
        put("d2", "p:b", &[("", "", "secret plan")]),
    ];
    index.apply(changes, at(1)).unwrap();
    assert_eq!(find(&index, "p:a", "secret"), ["d1-0"]);
    assert_eq!(find(&index, "p:c", "secret"), [""; 0]);
    let nowhere = index
        .search(&Query::parse("secret"), &Filter::default(), 10)
        .unwrap();
    assert!(nowhere.is_empty());
}

#[test]
fn equals_come_in_one_order_whatever_was_written_first() {
    let dir = tempfile::tempdir().unwrap();
    let index = LexicalIndex::open(dir.path()).unwrap().index;
    for (seq, document) in [(1, "d2"), (2, "d3"), (3, "d1")] {
        let same = put(document, "p:a", &[("T", "", "a lease")]);
        index.apply(vec![same], at(seq)).unwrap();
    }
    assert_eq!(find(&index, "p:a", "lease"), ["d1-0", "d2-0", "d3-0"]);
}

#[test]
fn titles_and_headings_lift_and_identifiers_match_in_part_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let index = LexicalIndex::open(dir.path()).unwrap().index;
    let changes = vec![
        put(
            "body",
            "s",
            &[("misc", "notes", "about rate limits and more words here")],
        ),
        put(
            "title",
            "s",
            &[(
                "rate limits",
                "notes",
                "about rate limits and more words here",
            )],
        ),
        put("code", "s", &[("x", "", "fn parse_config_file(path)")]),
        put("near", "s", &[("x", "", "parse the config, then the file")]),
        put("cjk", "s", &[("x", "", "全文検索エンジン")]),
    ];
    index.apply(changes, at(1)).unwrap();
    assert_eq!(find(&index, "s", "rate limits"), ["title-0", "body-0"]);
    assert_eq!(find(&index, "s", "parse_config_file")[0], "code-0");
    assert_eq!(find(&index, "s", "parseConfigFile").len(), 2);
    assert_eq!(find(&index, "s", "検索"), ["cjk-0"]);
    assert_eq!(find(&index, "s", "索"), ["cjk-0"]);
    assert_eq!(find(&index, "s", "a:b OR (parse").len(), 2);
}

#[test]
fn an_unfinished_or_foreign_index_has_no_payload() {
    let dir = tempfile::tempdir().unwrap();
    let index = LexicalIndex::open(dir.path()).unwrap().index;
    index
        .apply(vec![put("d1", "s", &[("", "", "word")])], None)
        .unwrap();
    drop(index);
    assert_eq!(LexicalIndex::open(dir.path()).unwrap().payload, None);

    std::fs::write(dir.path().join("meta.json"), "{broken").unwrap();
    let mended = LexicalIndex::open(dir.path()).unwrap();
    assert_eq!((mended.payload, mended.index.chunks()), (None, 0));

    let old = Payload {
        schema: SCHEMA_VERSION + 1,
        database: 7,
        seq: 1,
        written_ms: 0,
    };
    mended
        .index
        .apply(vec![put("d1", "s", &[("", "", "word")])], Some(old))
        .unwrap();
    drop(mended);
    let newer = LexicalIndex::open(dir.path()).unwrap();
    assert_eq!((newer.payload, newer.index.chunks()), (None, 0));
}

fn facts() -> impl proptest::strategy::Strategy<Value = DocumentFacts> {
    use proptest::{option, prelude::*, sample::select};
    let word = |words: &'static [&'static str]| select(words).prop_map(Arc::<str>::from);
    (
        word(&["p", "q", "global"]),
        option::of(word(&["ops", "dev"])),
        word(&["text", "code", "memory"]),
        option::of(word(&["rust", "go"])),
        option::of(word(&["a.rs", "src/a.rs", "src/b/c.md", "docs/x y.md"])),
        proptest::collection::vec(word(&["x", "y", "z"]), 0..3),
        0_i64..4,
    )
        .prop_map(
            |(scope, collection, form, language, path, tags, updated_ms)| DocumentFacts {
                document_id: "".into(),
                scope,
                collection,
                form,
                language,
                path,
                tags,
                updated_ms,
            },
        )
}

fn filter() -> impl proptest::strategy::Strategy<Value = Filter> {
    use crate::servers::knowledge_base::engine::filter::PathGlob;
    use proptest::{collection::vec, option, prelude::*, sample::select};
    let word = |words: &'static [&'static str]| select(words).prop_map(str::to_owned);
    (
        vec(word(&["p", "global"]), 1..3),
        option::of(word(&["ops"])),
        vec(word(&["text", "code", "memory"]), 0..3),
        vec(word(&["rust", "go"]), 0..2),
        option::of(select(&["*.rs", "**/*.rs", "src/**", "docs/*", "none"][..])),
        vec(word(&["x", "y"]), 0..2),
        option::of(0_i64..4),
    )
        .prop_map(
            |(scopes, collection, kinds, languages, glob, tags, since_ms)| Filter {
                scopes,
                collection,
                kinds,
                languages,
                path_glob: glob.map(|glob| PathGlob::new(glob).unwrap()),
                tags,
                since_ms,
            },
        )
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(12))]
    /// A filter lets the same documents through to the index, to the vectors and by itself.
    #[test]
    fn a_filter_means_the_same_everywhere(
        documents in proptest::collection::vec(facts(), 1..30),
        filters in proptest::collection::vec(filter(), 1..30),
    ) {
        use crate::servers::knowledge_base::engine::vectors::Vectors;
        let dir = tempfile::tempdir().unwrap();
        let index = LexicalIndex::open(dir.path()).unwrap().index;
        let vectors = Vectors::new(1);
        let mut changes = Vec::new();
        let mut known = Vec::new();
        for (n, facts) in documents.into_iter().enumerate() {
            let facts = DocumentFacts { document_id: format!("d{n:02}").into(), ..facts };
            let chunk_id = facts.document_id.to_string();
            vectors.put(facts.clone(), vec![(chunk_id.clone(), vec![1.0])]);
            let entry = Entry { chunk_id, title: String::new(), heading: String::new(), symbol: None, text: "word".into() };
            changes.push(Change::Put(Put { facts: facts.clone(), entries: vec![entry] }));
            known.push(facts);
        }
        index.apply(changes, at(1)).unwrap();
        for filter in filters {
            let itself = known.iter().filter(|facts| filter.matches(facts));
            let expected: Vec<String> = itself.map(|facts| facts.document_id.to_string()).collect();
            let sorted = |mut ids: Vec<String>| { ids.sort(); ids };
            let words = index.search(&Query::parse("word"), &filter, 100).unwrap();
            let words = words.into_iter().map(|found| found.chunk_id).collect();
            proptest::prop_assert_eq!(&sorted(words), &expected, "{:?}", filter);
            let near = vectors.search(&[1.0], &filter, 100);
            let near = near.into_iter().map(|found| found.chunk_id).collect();
            proptest::prop_assert_eq!(&sorted(near), &expected, "{:?}", filter);
        }
    }
}

#[test]
fn scores_say_how_much_of_the_query_a_text_has() {
    let dir = tempfile::tempdir().unwrap();
    let index = LexicalIndex::open(dir.path()).unwrap().index;
    let mut changes: Vec<Change> = (0..50)
        .map(|n| {
            put(
                &format!("d{n}"),
                "s",
                &[("", "", "filler text of some words")],
            )
        })
        .collect();
    changes.push(put("all", "s", &[("", "", "zebra quagga okapi")]));
    changes.push(put("some", "s", &[("", "", "zebra and other things")]));
    index.apply(changes, at(1)).unwrap();
    let filter = Filter {
        scopes: vec!["s".into()],
        ..Filter::default()
    };
    let found = index
        .search(&Query::parse("zebra quagga okapi"), &filter, 10)
        .unwrap();
    assert_eq!((found.len(), found[0].chunk_id.as_str()), (2, "all-0"));
    assert!(found[0].score > 0.45 && found[0].score <= 1.0, "{found:?}");
    assert!(found[1].score < 0.2, "{found:?}");
    let texts = index.texts(&["some-0".into(), "none".into()]).unwrap();
    assert_eq!(
        texts.into_iter().collect::<Vec<_>>(),
        [("some-0".into(), "zebra and other things".into())]
    );
}

#[test]
fn what_other_scopes_hold_and_delete_changes_no_score() {
    let dir = tempfile::tempdir().unwrap();
    let index = LexicalIndex::open(dir.path()).unwrap().index;
    let ours = [
        put("d1", "p:a", &[("Plan", "Secret", "the secret plan")]),
        put(
            "d2",
            "p:a",
            &[("", "", "another plan, longer than the first")],
        ),
        put("d3", "global", &[("", "", "a plan for everybody")]),
    ];
    index.apply(ours.to_vec(), at(1)).unwrap();
    let scores = || {
        let filter = Filter {
            scopes: vec!["p:a".into(), "global".into()],
            ..Filter::default()
        };
        let found = index.search(&Query::parse("secret plan"), &filter, 10);
        let found = found.unwrap().into_iter();
        found.map(|f| (f.chunk_id, f.score)).collect::<Vec<_>>()
    };
    let alone = scores();
    assert_eq!(alone.len(), 3);
    for n in 0..20 {
        let theirs = vec![
            put(&format!("t{n}"), "p:b", &[("Plan", "", "plan plan secret")]),
            put("moving", "p:b", &[("", "", "plan")]),
        ];
        index.apply(theirs, at(2)).unwrap();
        assert_eq!(scores(), alone);
    }
    // Our own deletes count at once, and not when others cause a merge.
    let removed = Change::Remove {
        document_id: "d2".into(),
    };
    index.apply(vec![removed], at(3)).unwrap();
    let fewer = scores();
    assert_ne!(fewer[0], alone[0]);
    index.erase(&["d2".into()]).unwrap();
    assert_eq!(scores(), fewer);
}

#[test]
fn what_was_counted_of_segments_that_are_gone_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let index = LexicalIndex::open(dir.path()).unwrap().index;
    for n in 0..30 {
        let text = format!("word{n} and more");
        let changes = vec![put("d1", "p:a", &[("", "", &text)])];
        index.apply(changes, at(n)).unwrap();
        assert_eq!(find(&index, "p:a", "more"), ["d1-0"]);
        let segments = index.reader.searcher().segment_readers().len();
        assert_eq!(index.counted.lock().unwrap().parts(), segments);
    }
}

#[test]
fn what_is_passed_over_is_not_among_the_best() {
    let dir = tempfile::tempdir().unwrap();
    let index = LexicalIndex::open(dir.path()).unwrap().index;
    let mut state = 1_u64;
    let mut chance = |most: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % most
    };
    // Words from common to rare; one scope's texts are far longer than the other's.
    let mut text = |scope: &str| {
        let count = if scope == "p:a" { 8 } else { 120 };
        let words = (0..count).map(|_| format!("w{}", chance(30) * chance(30) / 29));
        words.collect::<Vec<_>>().join(" ")
    };
    for round in 0..3 {
        let mut changes = Vec::new();
        for n in 0..700 {
            let scope = if n % 3 == 0 { "p:b" } else { "p:a" };
            let text = text(scope);
            changes.push(put(&format!("{round}-{n}"), scope, &[("", "", &text)]));
        }
        index.apply(changes, at(round)).unwrap();
    }
    let gone = (0..500).map(|n| Change::Remove {
        document_id: format!("1-{n}"),
    });
    index.apply(gone.collect(), at(4)).unwrap();
    for scope in ["p:a", "p:b"] {
        let filter = Filter {
            scopes: vec![scope.into()],
            ..Filter::default()
        };
        for words in ["w0 w7", "w3 w12 w25", "w1", "w28 w29 w2 w5 w9"] {
            let query = Query::parse(words);
            let scores = |limit| {
                let found = index.search(&query, &filter, limit).unwrap();
                // Which word is added first is not always the same.
                let round = |one: Found| (one.score * 1e5).round();
                found.into_iter().map(round).collect::<Vec<_>>()
            };
            let all = scores(10_000);
            assert!(all.len() > 20, "{words}");
            assert_eq!(scores(10), all[..10], "{scope} {words}");
        }
    }
}
