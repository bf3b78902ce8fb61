use fearless_simd::Simd;

use super::*;

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let sum = |f: fn(f64, f64) -> f64| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f(f64::from(*a), f64::from(*b)))
            .sum()
    };
    sum(|a, b| a * b) / (sum(|a, _| a * a) * sum(|_, b| b * b)).sqrt()
}

#[test]
fn vectors_are_those_of_the_reference() {
    let texts: Vec<String> = serde_json::from_str(include_str!("../parity/vectors.json")).unwrap();
    let (numbers, _) = include_bytes!("../parity/vectors.bin").as_chunks();
    let numbers: Vec<f32> = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let best = Level::new();
    let avx2 = best.as_avx2().map(Simd::level);
    for level in [Some(best), avx2, Some(Level::baseline())]
        .into_iter()
        .flatten()
    {
        compare(
            &Builtin::new(asset::model().unwrap(), level),
            &texts,
            &numbers,
        );
    }
}

fn compare(model: &Builtin, texts: &[&str], numbers: &[f32]) {
    let together = model.embed(texts);
    assert_eq!(numbers.len(), texts.len() * 2 * DIMENSIONS);
    for ((text, vector), both) in texts
        .iter()
        .zip(together)
        .zip(numbers.chunks(2 * DIMENSIONS))
    {
        let (exact, small) = both.split_at(DIMENSIONS);
        let (exact, small) = (cosine(&vector, exact), cosine(&vector, small));
        assert!(
            exact > 0.998 && small > 0.999_999,
            "{text}: {exact} {small}"
        );
        assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-6);
        let length: f32 = vector.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
    }
}

#[test]
fn a_passage_means_the_same_alone_and_among_others() {
    let model = Builtin::shared().unwrap();
    let alone = model.embed(&["leases", ""]);
    let among = model.embed(&["other words before", "leases", "", "and after"]);
    assert!(cosine(&alone[0], &among[1]) > 0.999_999);
    assert!(cosine(&alone[1], &among[2]) > 0.999_999);
    assert!(model.embed(&[]).is_empty());
}
