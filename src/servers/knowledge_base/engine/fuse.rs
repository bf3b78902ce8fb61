//! Two rankings into one: what a chunk means and which words it has, as numbers that can be added.
//!
//! A cosine and the part of the query that a text has (see [`super::lexical::Found`]) are both absolute: a query whose words are
//! nowhere lets meaning decide by itself, which adding ranks or numbers scaled to the best hit cannot do. Measured on three
//! public sets (abstracts, technical documentation, Python functions): better than reciprocal ranks at any constants.

use std::collections::HashMap;

use super::{lexical::Found, vectors::Near};

/// How much words count beside meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// In prose.
    pub prose: f32,
    /// In programs: they say little of what they do in the words that people ask with.
    pub code: f32,
    /// How far a query moves to the best passage, if that is prose, before all are ranked again; 0 leaves it.
    pub feedback: f32,
    /// How much a program gives way for being like many others; 0 for not at all.
    pub crowding: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            prose: 0.5,
            code: 0.05,
            feedback: 0.35,
            crowding: 0.25,
        }
    }
}

/// A chunk that one of the rankings has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candidate {
    /// The chunk.
    pub chunk_id: String,
    /// Its vector, of length 1, if it has one.
    pub vector: Option<Vec<f32>>,
    /// Whether it is a program.
    pub code: bool,
    /// How much of the query's words it has, and its place by that, counted from 1.
    pub words: Option<(f32, usize)>,
    /// Its place by meaning, counted from 1.
    pub meaning: Option<usize>,
    /// What it is ranked by.
    pub score: f32,
}

impl Candidate {
    /// One that only words brought.
    fn worded((chunk_id, words): (String, (f32, usize))) -> Self {
        Self {
            chunk_id,
            words: Some(words),
            ..Self::default()
        }
    }
}

impl From<Near> for Candidate {
    fn from(near: Near) -> Self {
        Self {
            chunk_id: near.chunk_id,
            vector: Some(near.vector),
            code: near.code,
            ..Self::default()
        }
    }
}

/// The chunks of both rankings, once each. `near` is in the order of meaning; `of` knows the vectors of chunks that are not in it.
pub fn candidates(
    words: Vec<Found>,
    near: Vec<Near>,
    of: impl FnOnce(&[String]) -> Vec<Near>,
) -> Vec<Candidate> {
    let mut words: HashMap<String, (f32, usize)> = (1..)
        .zip(words)
        .map(|(place, found)| (found.chunk_id, (found.score, place)))
        .collect();
    let near = (1..).zip(near).map(|(place, near)| Candidate {
        words: words.remove(&near.chunk_id),
        meaning: Some(place),
        ..near.into()
    });
    let mut all: Vec<Candidate> = near.collect();
    let rest: Vec<String> = words.keys().cloned().collect();
    all.extend(of(&rest).into_iter().map(|near| Candidate {
        words: words.remove(&near.chunk_id),
        ..near.into()
    }));
    all.extend(words.into_iter().map(Candidate::worded));
    all
}

/// Ranks `candidates` for a query's vector, best first.
pub fn fuse(candidates: &mut [Candidate], query: &[f32], weights: Weights) {
    rank(candidates, query, weights);
    let best = candidates.first().filter(|candidate| !candidate.code);
    if let Some(best) = best.and_then(|candidate| candidate.vector.as_deref())
        && weights.feedback > 0.0
    {
        let moved = moved(query, best, weights.feedback);
        rank(candidates, &moved, weights);
    }
}

/// Ranks `candidates` by what they mean alone, best first.
pub fn by_meaning(candidates: &mut [Candidate], query: &[f32]) {
    for candidate in candidates.iter_mut() {
        let own = candidate.vector.as_deref();
        candidate.score = own.map_or(0.0, |own| dot(own, query));
    }
    sort(candidates);
}

/// Ranks `candidates` by their words alone, best first.
pub fn by_words(candidates: &mut [Candidate]) {
    for candidate in candidates.iter_mut() {
        candidate.score = candidate.words.map_or(0.0, |(part, _)| part);
    }
    sort(candidates);
}

fn rank(candidates: &mut [Candidate], query: &[f32], weights: Weights) {
    let cosine = |candidate: &Candidate| Some(dot(candidate.vector.as_deref()?, query));
    let cosines: Vec<Option<f32>> = candidates.iter().map(cosine).collect();
    // What has no vector yet is as far as the farthest: its words may still bring it up.
    let farthest = cosines.iter().flatten().copied().fold(1.0, f32::min);
    for (candidate, cosine) in candidates.iter_mut().zip(cosines) {
        let weight = if candidate.code {
            weights.code
        } else {
            weights.prose
        };
        let words = candidate.words.map_or(0.0, |(part, _)| part);
        candidate.score = cosine.unwrap_or(farthest) + weight * words;
    }
    sort(candidates);
}

/// Sorts best first; equals stay in one order whatever order they came in.
pub fn sort(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| {
        let score = b.score.total_cmp(&a.score);
        score.then_with(|| a.chunk_id.cmp(&b.chunk_id))
    });
}

/// Rocchio's: `query` and, so much, `best`. Moving to more passages is more often wrong.
fn moved(query: &[f32], best: &[f32], much: f32) -> Vec<f32> {
    let mut moved: Vec<f32> = query.iter().zip(best).map(|(q, b)| q + much * b).collect();
    let scale = length(&moved).max(f32::MIN_POSITIVE);
    for value in &mut moved {
        *value /= scale;
    }
    moved
}

fn length(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt()
}

/// The product of two vectors: of length 1, their cosine.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Weights = Weights {
        prose: 0.5,
        code: 0.1,
        feedback: 0.0,
        crowding: 0.0,
    };

    fn found(chunk: &str, score: f32) -> Found {
        Found {
            chunk_id: chunk.into(),
            score,
        }
    }

    fn ranked(
        words: &[(&str, f32)],
        vectors: &[(&str, [f32; 2])],
        code: bool,
        weights: Weights,
    ) -> Vec<String> {
        let words = words
            .iter()
            .map(|(chunk, score)| found(chunk, *score))
            .collect();
        let near = vectors.iter().map(|(chunk, vector)| Near {
            chunk_id: (*chunk).to_owned(),
            code,
            vector: vector.to_vec(),
        });
        let mut all = candidates(words, near.collect(), |_| Vec::new());
        for candidate in &mut all {
            candidate.code = code;
        }
        fuse(&mut all, &[1.0, 0.0], weights);
        all.into_iter()
            .map(|candidate| candidate.chunk_id)
            .collect()
    }

    #[test]
    fn words_count_as_much_as_the_kind_says() {
        let vectors = [
            ("near", [0.8, 0.6]),
            ("both", [0.6, 0.8]),
            ("far", [0.0, 1.0]),
        ];
        let words = [("both", 0.9), ("new", 0.9), ("near", 0.1)];
        assert_eq!(
            ranked(&words, &vectors, false, PLAIN),
            ["both", "near", "new", "far"]
        );
        assert_eq!(
            ranked(&words, &vectors, true, PLAIN),
            ["near", "both", "new", "far"]
        );
        assert_eq!(ranked(&[], &vectors, false, PLAIN), ["near", "both", "far"]);
        assert_eq!(ranked(&words, &[], false, PLAIN), ["both", "new", "near"]);
    }

    #[test]
    fn feedback_brings_up_what_is_like_the_best_if_that_is_prose() {
        let vectors = [
            ("a", [0.9, 0.436]),
            ("b", [0.9, 0.435]),
            ("c", [0.89, 0.45]),
            ("like", [0.6, 0.8]),
            ("unlike", [0.61, -0.79]),
        ];
        let weights = Weights {
            feedback: 0.5,
            ..PLAIN
        };
        assert_eq!(ranked(&[], &vectors, false, PLAIN)[3], "unlike");
        assert_eq!(ranked(&[], &vectors, false, weights)[3], "like");
        assert_eq!(ranked(&[], &vectors, true, weights)[3], "unlike");
    }
}
