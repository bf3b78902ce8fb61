//! Choosing passages that together say most: each next one is good, and unlike those chosen (maximal marginal relevance).

use super::fuse::{Candidate, dot};

/// What being like a chosen passage costs, beside what the score counts.
const COST: f32 = 0.3;
/// More alike than this is the same said twice.
const SAME: f32 = 0.97;

/// Chosen one after the other.
pub struct Diverse {
    rest: Vec<Candidate>,
    /// The vectors of those chosen.
    chosen: Vec<Vec<f32>>,
}

impl Diverse {
    /// Of `candidates`, best first.
    pub fn new(candidates: Vec<Candidate>) -> Self {
        Self {
            rest: candidates,
            chosen: Vec::new(),
        }
    }

    fn likeness(&self, candidate: &Candidate) -> f32 {
        let Some(own) = &candidate.vector else {
            return 0.0;
        };
        let cosines = self.chosen.iter().map(|other| dot(own, other));
        cosines.fold(0.0, f32::max)
    }
}

impl Iterator for Diverse {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        let likeness: Vec<f32> = self.rest.iter().map(|one| self.likeness(one)).collect();
        let worth = self.rest.iter().zip(&likeness).enumerate();
        let (at, _) = worth
            .filter(|(_, (_, like))| **like < SAME)
            .map(|(at, (one, like))| (at, one.score - COST * like))
            // Of equals the first: max_by would take the last.
            .reduce(|best, other| if other.1 > best.1 { other } else { best })?;
        let next = self.rest.remove(at);
        self.chosen.extend(next.vector.clone());
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_already_comes_late_or_never() {
        let one = |chunk: &str, score: f32, vector: Option<[f32; 2]>| Candidate {
            chunk_id: chunk.into(),
            score,
            vector: vector.map(|v| v.to_vec()),
            ..Candidate::default()
        };
        let candidates = vec![
            one("best", 0.9, Some([1.0, 0.0])),
            one("twice", 0.89, Some([1.0, 0.01])),
            one("like", 0.8, Some([0.9, 0.436])),
            one("other", 0.7, Some([0.0, 1.0])),
            one("unknown", 0.6, None),
        ];
        let order: Vec<String> = Diverse::new(candidates).map(|c| c.chunk_id).collect();
        assert_eq!(order, ["best", "other", "unknown", "like"]);
    }
}
