//! The search index. It is derived from the database: one that is damaged can be thrown away.

use std::fs;

use super::{Finding, Patient};
use crate::{access::ServerId, servers::knowledge_base::engine::lexical};

const INDEX: &str = "search index";

pub fn check(patient: &Patient) -> Vec<Finding> {
    let common = patient.settings.servers.common(ServerId::KnowledgeBase);
    let folder = patient.data.join("index").join("knowledge");
    let Ok(generations) = fs::read_dir(&folder) else {
        let found = "there is none: the next start fills it from the database";
        return vec![Finding::ok(INDEX, found)];
    };
    if !common.enabled {
        return vec![Finding::ok(INDEX, "the knowledge base is disabled")];
    }
    let mut found = Vec::new();
    // Beside them is a file that says which one serves.
    let generations = generations.flatten().map(|entry| entry.path());
    for path in generations.filter(|path| path.is_dir()) {
        if let Err(problem) = lexical::sound(&path) {
            let found_so = format!("{} is damaged: {problem}", path.display());
            let finding = Finding::error(INDEX, found_so, "");
            found.push(if patient.runs {
                let next = "syndarix knowledge reindex fills it anew; the hub that runs serves what it can meanwhile";
                Finding {
                    next: Some(next.to_owned()),
                    ..finding
                }
            } else {
                let next = "delete it: the next start fills it anew from the database";
                let finding = Finding {
                    next: Some(next.to_owned()),
                    ..finding
                };
                finding.mended(patient.fix, || fs::remove_dir_all(&path))
            });
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(
            INDEX,
            "it can be read, and its checksums are right",
        ));
    }
    found
}
