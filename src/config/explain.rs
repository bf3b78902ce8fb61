//! A configuration error as its author wants it: file, line, key, and the nearest key there is.

use figment::error::Kind;
use toml_edit::{ImDocument, Item, Value};

use crate::base::nearest::nearest;

/// The configuration file's text, for errors that name a place in it.
pub struct Text<'t> {
    text: &'t str,
    name: &'t str,
    document: Option<ImDocument<String>>,
}

impl<'t> Text<'t> {
    /// `text`, of the file `name`.
    pub fn new(text: &'t str, name: &'t str) -> Self {
        let document = text.parse().ok();
        Self {
            text,
            name,
            document,
        }
    }

    /// All errors in `error`, one a line. `section` is where the failing value stands in the file.
    pub fn explain(&self, error: figment::Error, section: &str) -> anyhow::Error {
        let lines: Vec<String> = error
            .into_iter()
            .map(|error| self.one(&error, section))
            .collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    }

    /// What is wrong with the value at `path`.
    pub fn wrong(&self, path: &[&str], problem: &str) -> anyhow::Error {
        anyhow::anyhow!("{}", self.at(path, problem))
    }

    fn one(&self, error: &figment::Error, section: &str) -> String {
        let mut path: Vec<&str> = section.split('.').filter(|part| !part.is_empty()).collect();
        path.extend(error.path.iter().map(String::as_str));
        let problem = match &error.kind {
            Kind::UnknownField(field, known) => {
                if path.last() != Some(&field.as_str()) {
                    path.push(field);
                }
                unknown(known, field)
            }
            Kind::MissingField(field) => format!("is missing {field:?}"),
            kind => kind.to_string(),
        };
        self.at(&path, &problem)
    }

    /// The line on which the key at `path` stands.
    pub fn line(&self, path: &[&str]) -> Option<usize> {
        let at = place(self.document.as_ref()?, path)?;
        Some(line_and_column(self.text, at).0)
    }

    fn at(&self, path: &[&str], problem: &str) -> String {
        let (name, key) = (self.name, path.join("."));
        let place = self.document.as_ref().and_then(|d| place(d, path));
        match place.map(|at| line_and_column(self.text, at)) {
            Some((line, column)) => format!("{name}:{line}:{column}: {key}: {problem}"),
            // Not in the file: it came from the environment.
            None => format!("SYNDARIX__{}: {problem}", path.join("__").to_uppercase()),
        }
    }
}

/// What to say of a key that is none.
pub fn unknown(known: &[&str], field: &str) -> String {
    match nearest(field, known.iter().copied()) {
        Some(near) => format!("unknown key; did you mean {near:?}?"),
        None => format!("unknown key; the keys here are {}", known.join(", ")),
    }
}

/// The byte at which the key (or else the value) at `path` stands.
fn place(document: &ImDocument<String>, path: &[&str]) -> Option<usize> {
    let mut item: &Item = document.as_item();
    let mut at = None;
    for part in path {
        if let Some(array) = item.as_array() {
            let value = part.parse().ok().and_then(|n: usize| array.get(n));
            return value.and_then(Value::span).map(|span| span.start).or(at);
        }
        let table = item.as_table_like()?;
        let (key, value) = table.get_key_value(part)?;
        let header = value.as_table().and_then(toml_edit::Table::span);
        at = key
            .span()
            .or(header)
            .or_else(|| value.span())
            .map(|span| span.start)
            .or(at);
        item = value;
    }
    at
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    (line, column)
}
