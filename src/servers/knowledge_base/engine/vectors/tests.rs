use proptest::prelude::*;

use super::*;

fn facts(document: &str, scope: &str) -> DocumentFacts {
    DocumentFacts {
        document_id: document.into(),
        scope: scope.into(),
        form: "text".into(),
        ..DocumentFacts::default()
    }
}

fn row(chunk: &str, vector: &[f32]) -> Row {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let unit = vector.iter().map(|x| x / length).collect();
    (chunk.into(), unit)
}

fn within(scopes: &[&str]) -> Filter {
    Filter {
        scopes: scopes.iter().map(|&scope| scope.into()).collect(),
        ..Filter::default()
    }
}

fn chunks(near: &[Near]) -> Vec<&str> {
    near.iter().map(|near| near.chunk_id.as_str()).collect()
}

#[test]
fn the_nearest_come_first_and_only_from_the_scopes_asked_for() {
    let vectors = Vectors::new(2);
    vectors.put(
        facts("a", "p"),
        vec![row("a0", &[1.0, 0.0]), row("a1", &[0.0, 1.0])],
    );
    vectors.put(facts("b", "q"), vec![row("b0", &[1.0, 0.1])]);
    vectors.put(
        facts("c", "p"),
        vec![row("c0", &[1.0, 1.0]), row("odd", &[1.0])],
    );
    assert_eq!(vectors.len(), 4);
    let found = vectors.search(&[1.0, 0.0], &within(&["p"]), 9);
    assert_eq!(chunks(&found), ["a0", "c0", "a1"]);
    assert!((found[1].vector[0] - std::f32::consts::FRAC_1_SQRT_2).abs() < 0.01);
    let named = ["c0", "b0", "none", "a1"].map(str::to_owned);
    assert_eq!(chunks(&vectors.of(&["p".into()], &named)), ["c0", "a1"]);
    let found = vectors.search(&[1.0, 0.0], &within(&["q", "p", "none"]), 2);
    assert_eq!(chunks(&found), ["a0", "b0"]);
    assert!(vectors.search(&[1.0], &within(&["p"]), 9).is_empty());
    assert!(vectors.search(&[1.0, 0.0], &within(&[]), 9).is_empty());
}

#[test]
fn what_is_put_again_or_removed_is_gone() {
    let vectors = Vectors::new(2);
    for n in 0..10 {
        vectors.put(
            facts(&format!("d{n}"), "p"),
            vec![row(&format!("d{n}"), &[1.0, n as f32])],
        );
    }
    vectors.put(facts("d1", "q"), vec![row("moved", &[1.0, 0.0])]);
    for n in 2..9 {
        vectors.remove(&format!("d{n}"));
        let found = vectors.search(&[1.0, 0.0], &within(&["p"]), 20);
        assert_eq!(found.len(), 10 - n);
        assert_eq!(found[0].chunk_id, "d0");
    }
    assert_eq!(
        chunks(&vectors.search(&[1.0, 0.0], &within(&["q"]), 9)),
        ["moved"]
    );
    vectors.put(facts("d1", "q"), Vec::new());
    assert_eq!(vectors.len(), 2);
    vectors.clear();
    assert!(vectors.is_empty());
}

/// Numbers that look like a model's: a sine of a hash.
fn noise(seed: usize) -> Vec<f32> {
    let one = |n: usize| ((seed * 389 + n * 7 + 1) as f32 * 12.989_8).sin() * 43_758.547;
    let values: Vec<f32> = (0..48).map(|n| one(n).fract() - 0.5).collect();
    let length = values.iter().map(|x| x * x).sum::<f32>().sqrt();
    values.iter().map(|x| x / length).collect()
}

#[test]
fn the_exact_best_are_among_four_times_as_many() {
    let vectors = Vectors::new(48);
    let rows: Vec<Vec<f32>> = (0..2_000).map(noise).collect();
    for (n, values) in rows.iter().enumerate() {
        vectors.put(
            facts(&n.to_string(), "p"),
            vec![(n.to_string(), values.clone())],
        );
    }
    for query in 5_000..5_040 {
        let query = noise(query);
        let product = |row: &Vec<f32>| row.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
        let mut exact: Vec<(f32, usize)> = rows
            .iter()
            .enumerate()
            .map(|(n, row)| (product(row), n))
            .collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0));
        let near = vectors.search(&query, &within(&["p"]), 40);
        for (_, n) in &exact[..10] {
            assert!(near.iter().any(|near| near.chunk_id == n.to_string()));
        }
    }
}

proptest! {
    #[test]
    fn any_order_of_changes_leaves_what_was_put_last(
        changes in proptest::collection::vec((0_u8..6, 0_usize..4, proptest::bool::ANY), 0..60),
    ) {
        let vectors = Vectors::new(2);
        let mut expected = HashMap::new();
        for (document, rows, other) in changes {
            let (id, scope) = (document.to_string(), if other { "q" } else { "p" });
            let put = (0..rows).map(|n| row(&format!("{id}-{n}"), &[1.0, n as f32])).collect();
            vectors.put(facts(&id, scope), put);
            expected.insert(id, (scope, rows));
        }
        for scope in ["p", "q"] {
            let of = expected.values().filter(|(at, _)| *at == scope).map(|(_, rows)| rows);
            prop_assert_eq!(vectors.search(&[1.0, 0.0], &within(&[scope]), 99).len(), of.sum::<usize>());
        }
    }
}
