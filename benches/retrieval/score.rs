//! How good a ranking is, as `trec_eval` counts it.

use std::{
    collections::{BTreeMap, HashMap},
    ops::AddAssign,
};

/// Scores of documents by query.
pub type Run = BTreeMap<String, HashMap<String, f64>>;

/// Means over all queries.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quality {
    pub ndcg_10: f64,
    pub recall_100: f64,
    pub mrr_10: f64,
}

/// Judges `run`. A query without results counts 0.
pub fn judge(relevant: &BTreeMap<String, HashMap<String, f64>>, run: &Run) -> Quality {
    let mut sum = Quality::default();
    for (query, documents) in relevant {
        if let Some(found) = run.get(query) {
            sum += one(documents, found);
        }
    }
    let count = relevant.len() as f64;
    Quality {
        ndcg_10: sum.ndcg_10 / count,
        recall_100: sum.recall_100 / count,
        mrr_10: sum.mrr_10 / count,
    }
}

/// By score, and among equals by id, both downwards.
pub fn ranked(found: &HashMap<String, f64>) -> Vec<(&str, f64)> {
    let mut ranked: Vec<(&str, f64)> = found
        .iter()
        .map(|(id, score)| (id.as_str(), *score))
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| b.0.cmp(a.0)));
    ranked
}

fn one(relevant: &HashMap<String, f64>, found: &HashMap<String, f64>) -> Quality {
    let gain = |(id, _): (&str, f64)| relevant.get(id).copied().unwrap_or(0.0).max(0.0);
    let gains: Vec<f64> = ranked(found).into_iter().map(gain).collect();
    let mut ideal: Vec<f64> = relevant.values().copied().filter(|g| *g > 0.0).collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let hits = gains.iter().take(100).filter(|gain| **gain > 0.0).count();
    let first = gains.iter().take(10).position(|gain| *gain > 0.0);
    Quality {
        ndcg_10: dcg(&gains) / dcg(&ideal),
        recall_100: hits as f64 / ideal.len() as f64,
        mrr_10: first.map_or(0.0, |place| 1.0 / (place as f64 + 1.0)),
    }
}

fn dcg(gains: &[f64]) -> f64 {
    let gains = gains.iter().take(10).enumerate();
    gains
        .map(|(place, gain)| gain / (place as f64 + 2.0).log2())
        .sum()
}

impl AddAssign for Quality {
    fn add_assign(&mut self, other: Self) {
        self.ndcg_10 += other.ndcg_10;
        self.recall_100 += other.recall_100;
        self.mrr_10 += other.mrr_10;
    }
}
