use super::super::tests::{add, refused, team, titles};
use serde_json::json;

#[tokio::test]
async fn a_hit_says_where_it_stands_and_why() {
    let team = team().await;
    let more = json!({"uri": "https://x/y.md", "collection": "ops", "external_id": "y.md"});
    let added = add(&team, "# Runbook\n\nRestart the gateway with care.", more).await;
    let sent =
        json!({"query": "how to restart gateways?", "mode": "lexical", "min_seq": added["seq"]});
    let found = team.call_json("search_knowledge", sent).await.unwrap();
    assert_eq!(
        (&found["mode_used"], &found["index_seq"]),
        (&json!("lexical"), &added["seq"])
    );
    let hit = &found["hits"][0];
    for (field, expected) in [
        ("document_id", added["document_id"].clone()),
        ("version", json!(1)),
        ("title", json!("Runbook")),
        ("uri", json!("https://x/y.md")),
        ("heading_path", json!(["Runbook"])),
        ("bytes", json!([0, 41])),
        ("lines", json!([1, 3])),
        ("highlights", json!([[11, 18], [23, 30]])),
        ("scope", json!("project")),
    ] {
        assert_eq!(hit[field], expected, "{field}");
    }
    assert_eq!(
        titles(
            &team,
            json!({"query": "gateway", "filters": {"collection": "dev"}})
        )
        .await,
        [""; 0]
    );
    assert_eq!(
        titles(
            &team,
            json!({"query": "gateway", "filters": {"collection": "ops"}})
        )
        .await
        .len(),
        1
    );
}

#[tokio::test]
async fn nothing_of_another_project_shows() {
    let team = team().await;
    add(&team.at("elsewhere", "eve"), "the secret plan", json!({})).await;
    for scope in ["project", "global", "both"] {
        assert_eq!(
            titles(&team, json!({"query": "secret plan", "scope": scope})).await,
            [""; 0]
        );
    }
}

#[tokio::test]
async fn pages_join_and_a_small_room_cuts_whole_hits() {
    let team = team().await;
    for n in 0..7 {
        add(&team, &format!("common word number{n}"), json!({})).await;
    }
    for sent in [json!({"limit": 3}), json!({"max_tokens": 200})] {
        let mut sent = sent;
        sent["query"] = "common".into();
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let page = team
                .call_json("search_knowledge", sent.clone())
                .await
                .unwrap();
            let hits = page["hits"].as_array().unwrap();
            assert!(!hits.is_empty());
            seen.extend(hits.iter().map(|hit| hit["title"].to_string()));
            pages += 1;
            let Some(cursor) = page.get("next_cursor") else {
                break;
            };
            sent["cursor"] = cursor.clone();
        }
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), pages >= 3), (7, true));
        sent["query"] = "other".into();
        assert_eq!(
            refused(team.call_json("search_knowledge", sent).await).0,
            "invalid_argument"
        );
    }
}

#[tokio::test]
async fn words_that_are_syntax_elsewhere_are_only_words() {
    let team = team().await;
    add(
        &team,
        "fn main() -> Result<()> { read_config() }",
        json!({"title": "main"}),
    )
    .await;
    for query in [
        "fn main() -> Result<()>",
        "read_config",
        "readConfig",
        "main:result",
        "\"main",
        "a:b:c main",
    ] {
        assert_eq!(
            titles(&team, json!({"query": query})).await,
            ["main"],
            "{query}"
        );
    }
    assert_eq!(titles(&team, json!({"query": "(*:?)"})).await, [""; 0]);
}

#[tokio::test]
async fn meaning_finds_what_has_none_of_the_words() {
    let team = team().await;
    let added = add(
        &team,
        "The cat sleeps on the sofa all day.",
        json!({"title": "A"}),
    )
    .await;
    add(
        &team,
        "Interest rates rose last quarter.",
        json!({"title": "B"}),
    )
    .await;
    let search = async |mode: &str| {
        let sent =
            json!({"query": "a pet naps on furniture", "mode": mode, "min_seq": added["seq"]});
        team.call_json("search_knowledge", sent).await.unwrap()
    };
    // Vectors are made in the background.
    let found = loop {
        let found = search("semantic").await;
        if found["mode_used"] == "semantic" && found.get("mode_reason").is_none() {
            break found;
        }
        assert!(found["mode_reason"].is_string());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(found["hits"][0]["title"], "A");
    assert_eq!(found["hits"][0]["ranks"], json!({"semantic": 1}));
    let found = search("auto").await;
    assert_eq!(
        (&found["mode_used"], &found["hits"][0]["title"]),
        (&json!("hybrid"), &json!("A"))
    );
    let found = search("lexical").await;
    assert_eq!(
        (&found["mode_used"], &found["hits"]),
        (&json!("lexical"), &json!([]))
    );
}

#[tokio::test]
async fn filters_narrow_both_ways_of_looking() {
    let team = team().await;
    add(
        &team,
        "words about leases",
        json!({"title": "md", "format": "markdown"}),
    )
    .await;
    let added = add(
        &team,
        "words about leases",
        json!({"title": "txt", "format": "text", "external_id": "t"}),
    )
    .await;
    for (filters, expected) in [
        (json!({"kind": ["text"]}), vec!["txt"]),
        (json!({"kind": ["memory"]}), vec![]),
        (json!({"since": "2999-01-01"}), vec![]),
        (json!({"path_glob": "**/*.rs"}), vec![]),
        (json!({"tags": ["none"]}), vec![]),
    ] {
        for mode in ["lexical", "hybrid"] {
            let sent = json!({"query": "leases", "mode": mode, "filters": filters, "min_seq": added["seq"]});
            assert_eq!(titles(&team, sent).await, expected, "{filters} {mode}");
        }
    }
    let wrong = team
        .call_json(
            "search_knowledge",
            json!({"query": "x", "filters": {"since": "soon"}}),
        )
        .await;
    assert_eq!(refused(wrong).0, "invalid_argument");
}
