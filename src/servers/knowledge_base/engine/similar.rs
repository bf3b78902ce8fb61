//! How alike two short texts are.

use std::collections::HashSet;

use super::lexical::Query;

/// The share of words, by their stems, that two texts have in common (Jaccard), from 0 to 1.
pub fn similarity(a: &str, b: &str) -> f64 {
    let words = |text| -> HashSet<String> { Query::parse(text).stems.into_iter().collect() };
    let (a, b) = (words(a), words(b));
    let all = a.union(&b).count();
    if all == 0 {
        return 0.0;
    }
    a.intersection(&b).count() as f64 / all as f64
}

#[cfg(test)]
mod tests {
    use super::similarity;

    #[test]
    fn order_and_endings_do_not_count_and_other_words_do() {
        let text = "Deployments to production happen on Tuesdays";
        assert!(similarity(text, "On tuesdays production deployments happen.") > 0.95);
        assert!(similarity(text, "Deployments to staging happen on Fridays") < 0.5);
        assert!(similarity("", "a word").abs() < f64::EPSILON);
    }
}
