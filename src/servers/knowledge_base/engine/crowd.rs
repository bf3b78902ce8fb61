//! Programs that are like many others are near to every question a little: such a passage gives way to one that stands alone.
//!
//! Hubs of high-dimensional neighbourhoods, and local scaling against them: Radovanović et al., "Hubs in Space" (JMLR 2010); the
//! correction is that of CSLS, Conneau et al., "Word Translation Without Parallel Data" (ICLR 2018), among the candidates alone.

use super::fuse::{Candidate, dot, sort};

/// Candidates that are compared with one another.
const COMPARED: usize = 50;
/// The nearest of the others, by which a candidate's crowd is measured.
const NEIGHBOURS: usize = 5;

/// Ranks the best programs among `ranked` again, each by `much` of its crowd lower or higher than the middle of them. All
/// others stay where they are.
pub fn thin(ranked: &mut [Candidate], much: f32) {
    let Some(best) = ranked.get_mut(..COMPARED.min(ranked.len())) else {
        return;
    };
    let crowds = crowds(best);
    let count = crowds.iter().flatten().count();
    if much <= 0.0 || count <= NEIGHBOURS {
        return;
    }
    let middle = crowds.iter().flatten().sum::<f32>() / count as f32;
    for (candidate, crowd) in best.iter_mut().zip(crowds) {
        if let Some(crowd) = crowd {
            candidate.score -= much * (crowd - middle);
        }
    }
    sort(best);
}

/// How near the nearest others are to each program, on average.
fn crowds(candidates: &[Candidate]) -> Vec<Option<f32>> {
    let program = |candidate: &'_ Candidate| candidate.code && candidate.vector.is_some();
    let own = candidates.iter().enumerate().map(|(at, candidate)| {
        let vector = candidate.vector.as_deref().filter(|_| program(candidate))?;
        let others = candidates.iter().enumerate();
        let others = others.filter(|(other, candidate)| *other != at && program(candidate));
        let mut near: Vec<f32> = others
            .filter_map(|(_, other)| Some(dot(other.vector.as_deref()?, vector)))
            .collect();
        near.sort_by(|a, b| b.total_cmp(a));
        near.truncate(NEIGHBOURS);
        Some(near.iter().sum::<f32>() / near.len().max(1) as f32)
    });
    own.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: usize, vector: [f32; 2], score: f32, code: bool) -> Candidate {
        Candidate {
            chunk_id: format!("c{id:02}"),
            vector: Some(vector.to_vec()),
            code,
            score,
            ..Candidate::default()
        }
    }

    #[test]
    fn a_program_that_stands_alone_passes_a_crowd_and_prose_stays() {
        let ranked = |code| {
            let mut all: Vec<Candidate> = (0..6)
                .map(|n| candidate(n, [1.0, 0.0], 0.82 - n as f32 / 1_000.0, code))
                .collect();
            all.push(candidate(6, [0.8, 0.6], 0.80, code));
            thin(&mut all, 0.25);
            all.iter().position(|c| c.chunk_id == "c06").unwrap()
        };
        assert_eq!((ranked(true), ranked(false)), (0, 6));
    }

    #[test]
    fn few_are_no_crowd_and_nothing_is_done_for_nothing() {
        let mut few: Vec<Candidate> = (0..5)
            .map(|n| candidate(n, [1.0, 0.0], 1.0 - n as f32, true))
            .collect();
        let before = few.clone();
        thin(&mut few, 0.25);
        assert_eq!(few, before);
        thin(&mut [], 0.25);
    }
}
