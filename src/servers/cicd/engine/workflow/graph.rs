//! `needs`: names to places, unknown names and cycles refused.

use std::collections::HashMap;

use super::{
    job::Unresolved,
    model::Job,
    read::{Problems, complain},
};

pub fn resolve(unresolved: Vec<Unresolved>, problems: &mut Problems) -> Vec<Job> {
    let places: HashMap<String, usize> = unresolved
        .iter()
        .enumerate()
        .map(|(place, entry)| (entry.job.id.clone(), place))
        .collect();
    let mut jobs = Vec::with_capacity(unresolved.len());
    for Unresolved { mut job, needs } in unresolved {
        for (name, at) in needs {
            match places.get(&name) {
                Some(_) if name == job.id => {
                    complain(at, format!("job `{name}` needs itself"), problems);
                }
                Some(&place) if !job.needs.contains(&place) => job.needs.push(place),
                Some(_) => {}
                None => complain(
                    at,
                    format!("job `{}` needs `{name}`, which is not in `jobs`", job.id),
                    problems,
                ),
            }
        }
        jobs.push(job);
    }
    // Kahn's algorithm: what cannot be ordered is on a cycle or behind one.
    let mut done = vec![false; jobs.len()];
    loop {
        let ready: Vec<usize> = jobs
            .iter()
            .enumerate()
            .filter(|(place, job)| {
                !is(&done, *place) && job.needs.iter().all(|need| is(&done, *need))
            })
            .map(|(place, _)| place)
            .collect();
        if ready.is_empty() {
            break;
        }
        for place in ready {
            if let Some(done) = done.get_mut(place) {
                *done = true;
            }
        }
    }
    let stuck: Vec<&Job> = jobs
        .iter()
        .enumerate()
        .filter(|(place, _)| !is(&done, *place))
        .map(|(_, job)| job)
        .collect();
    if let Some(first) = stuck.first() {
        let ids: Vec<&str> = stuck.iter().map(|job| job.id.as_str()).collect();
        complain(
            first.at,
            format!("`needs` goes in a circle: {}", ids.join(", ")),
            problems,
        );
    }
    jobs
}

fn is(done: &[bool], place: usize) -> bool {
    done.get(place).copied().unwrap_or_default()
}
