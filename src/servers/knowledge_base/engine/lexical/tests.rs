use super::*;

fn put(document: &str, scope: &str, chunks: &[(&str, &str, &str)]) -> Change {
    let entries = chunks
        .iter()
        .enumerate()
        .map(|(n, (title, heading, text))| Entry {
            chunk_id: format!("{document}-{n}"),
            title: (*title).into(),
            heading: (*heading).into(),
            text: (*text).into(),
        });
    Change::Put(Put {
        document_id: document.into(),
        scope: scope.into(),
        collection: None,
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
        collection: None,
    };
    let found = index.search(&Query::parse(text), &filter, 0, 10).unwrap();
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
        .search(&Query::parse("secret"), &Filter::default(), 0, 10)
        .unwrap();
    assert!(nowhere.is_empty());
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
            &[("rate limits", "notes", "about this and more words here too")],
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
        let found = index.search(&Query::parse("secret plan"), &filter, 0, 10);
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
