//! A test set as it is usually given: `docs.jsonl` or `docs.jsonl.gz`, `queries.jsonl` and `qrels.jsonl`.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// A text with its id.
pub struct Text {
    pub id: String,
    pub title: String,
    pub text: String,
}

/// Documents, questions, and which documents answer them.
pub struct Set {
    pub name: String,
    pub documents: Vec<Text>,
    pub queries: Vec<Text>,
    /// Of each query that has a relevant document: how relevant each is.
    pub relevant: BTreeMap<String, HashMap<String, f64>>,
}

impl Set {
    /// Reads the set in `dir`; what is wrong, with its file and line.
    pub fn read(dir: &Path) -> Result<Self, String> {
        let documents = texts(dir, "docs", &["doc_id", "_id", "id"])?;
        let queries = texts(dir, "queries", &["query_id", "_id", "id"])?;
        let mut relevant: BTreeMap<String, HashMap<String, f64>> = BTreeMap::new();
        for (place, line) in lines(dir, "qrels")? {
            let (query, document, degree) =
                judged(&line).ok_or_else(|| format!("{place}: no query_id, doc_id and rel"))?;
            relevant.entry(query).or_default().insert(document, degree);
        }
        relevant.retain(|_, documents| documents.values().any(|degree| *degree > 0.0));
        let asked = |query: &&Text| relevant.contains_key(&query.id);
        let missing = relevant.len() - queries.iter().filter(asked).count();
        if missing > 0 {
            eprintln!("{missing} judged queries are not in queries.jsonl: they count 0");
        }
        if relevant.is_empty() {
            return Err(format!(
                "{}: no query has a relevant document",
                dir.join("qrels.jsonl").display()
            ));
        }
        let name = dir.file_name().unwrap_or(dir.as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            documents,
            queries,
            relevant,
        })
    }
}

/// A line of qrels: a JSON object, or TREC's four columns.
fn judged(line: &str) -> Option<(String, String, f64)> {
    if line.starts_with('{') {
        let line: Value = serde_json::from_str(line).ok()?;
        let degree = match &line["rel"] {
            Value::Number(number) => number.as_f64()?,
            other => other.as_str()?.parse().ok()?,
        };
        return Some((word(&line["query_id"])?, word(&line["doc_id"])?, degree));
    }
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [query, _, document, degree] = columns[..] else {
        return None;
    };
    Some((query.to_owned(), document.to_owned(), degree.parse().ok()?))
}

fn texts(dir: &Path, file: &str, ids: &[&str]) -> Result<Vec<Text>, String> {
    let read = |(place, line): (String, String)| {
        let line: Value =
            serde_json::from_str(&line).map_err(|error| format!("{place}: {error}"))?;
        let id = ids.iter().find_map(|id| word(&line[id]));
        let text = line["text"].as_str();
        let (Some(id), Some(text)) = (id, text) else {
            return Err(format!("{place}: no {} or no text", ids[0]));
        };
        Ok(Text {
            id,
            title: line["title"].as_str().unwrap_or_default().trim().to_owned(),
            text: text.to_owned(),
        })
    };
    let texts: Vec<Text> = lines(dir, file)?
        .into_iter()
        .map(read)
        .collect::<Result<_, _>>()?;
    if texts.is_empty() {
        return Err(format!("{}: {file}.jsonl is empty", dir.display()));
    }
    Ok(texts)
}

/// An id: a word, or a number.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(word) if !word.is_empty() => Some(word.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The lines of `file` that have something in them, each with its place.
fn lines(dir: &Path, file: &str) -> Result<Vec<(String, String)>, String> {
    let plain = dir.join(format!("{file}.jsonl"));
    let packed = dir.join(format!("{file}.jsonl.gz"));
    let path = if plain.exists() { plain } else { packed };
    let name = path.display().to_string();
    let said = |error: std::io::Error| format!("{name}: {error}");
    let opened = File::open(&path).map_err(said)?;
    let reader: Box<dyn Read> = if name.ends_with(".gz") {
        Box::new(MultiGzDecoder::new(opened))
    } else {
        Box::new(opened)
    };
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(reader).lines()) {
        let line = line.map_err(said)?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if !line.is_empty() {
            lines.push((format!("{name}:{number}"), line.to_owned()));
        }
    }
    Ok(lines)
}
