//! A person's words into a query. Never through tantivy's query parser: to it `a:b` is a field query and `->` an error.

use std::collections::HashSet;

use tantivy::{
    Term,
    query::{
        Bm25StatisticsProvider, BooleanQuery, BoostQuery, Occur, Query as TantivyQuery, TermQuery,
    },
    schema::{Field, IndexRecordOption},
    tokenizer::TextAnalyzer,
};

use super::{schema::Fields, stopwords::is_stopword, token};

/// Terms beyond this say nothing new about what is sought, and each costs time.
const MAX_TERMS: usize = 48;
/// Weights beside the body's 1.
const TITLE: f32 = 0.5;
const HEADING: f32 = 0.5;
const EXACT: f32 = 0.25;
/// tantivy's: how much more a word's tenth occurrence counts than its first.
const BM25_K1: f32 = 1.2;

/// Words to look for, taken apart.
#[derive(Debug, Clone)]
pub struct Query {
    /// Stems, for title, heading and body.
    pub stems: Vec<String>,
    /// Whole words.
    wholes: Vec<String>,
}

impl Query {
    /// Reads `text` as words; any text is fine.
    pub fn parse(text: &str) -> Self {
        let words = distinct(token::exact(), text);
        let meaning = words
            .iter()
            .any(|word| !is_stopword(word) && !single_cjk(word));
        // A stop word survives stemming as it is, so the same list serves both.
        let keep = |word: &String| !meaning || !is_stopword(word);
        let mut stems = distinct(token::body(), text);
        if stems.iter().any(|stem| !is_stopword(stem)) {
            stems.retain(keep);
        }
        let mut wholes = words;
        wholes.retain(keep);
        // A lone CJK character has no bigram: it is found through the exact field, which holds each character.
        wholes.retain(|word| !single_cjk(word) || stems.contains(word));
        stems.truncate(MAX_TERMS);
        wholes.truncate(MAX_TERMS);
        Self { stems, wholes }
    }

    /// Whether there is no word in it.
    pub fn is_empty(&self) -> bool {
        self.stems.is_empty() && self.wholes.is_empty()
    }

    /// Chunks with any of the words.
    pub(super) fn build(&self, fields: &Fields) -> BooleanQuery {
        let mut words: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
        let mut add = |field: Field, text: &str, boost: f32| {
            let term = Term::from_field_text(field, text);
            let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
            words.push((
                Occur::Should,
                Box::new(BoostQuery::new(Box::new(query), boost)),
            ));
        };
        for stem in &self.stems {
            add(fields.body, stem, 1.0);
            add(fields.heading, stem, HEADING);
            add(fields.title, stem, TITLE);
        }
        for word in &self.wholes {
            add(fields.exact, word, EXACT);
        }
        BooleanQuery::new(words)
    }

    /// What a chunk would score that says all of the words in its text over and over, and nothing else.
    pub(super) fn most(
        &self,
        fields: &Fields,
        counts: &impl Bm25StatisticsProvider,
    ) -> tantivy::Result<f32> {
        let chunks = counts.total_num_docs()?;
        let mut most = 0.0;
        for (field, words, weight) in [
            (fields.body, &self.stems, 1.0),
            (fields.exact, &self.wholes, EXACT),
        ] {
            for word in words {
                let with = counts
                    .doc_freq(&Term::from_field_text(field, word))?
                    .min(chunks);
                let rarity = (1.0 + ((chunks - with) as f32 + 0.5) / (with as f32 + 0.5)).ln();
                most += weight * rarity * (1.0 + BM25_K1);
            }
        }
        Ok(most)
    }
}

fn single_cjk(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(token::is_cjk) && chars.next().is_none()
}

fn distinct(mut analyzer: TextAnalyzer, text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    analyzer.token_stream(text).process(&mut |token| {
        if seen.insert(token.text.clone()) {
            out.push(token.text.clone());
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_go_unless_they_are_all_there_is() {
        assert_eq!(Query::parse("how to open the file").stems, ["open", "file"]);
        assert_eq!(
            Query::parse("to be or not to be").stems,
            ["to", "be", "or", "not"]
        );
    }

    #[test]
    fn operators_of_query_languages_are_only_text() {
        for text in [
            "a:b:c",
            "fn main() -> Result<()>",
            "\"open",
            "(((",
            "+x -y *",
            "[1 TO",
            "\\",
        ] {
            let query = Query::parse(text);
            assert_eq!(
                query.is_empty(),
                !text.contains(char::is_alphanumeric),
                "{text}"
            );
        }
    }

    #[test]
    fn a_lone_han_character_is_looked_up_whole() {
        assert_eq!(Query::parse("字").wholes, ["字"]);
        assert!(Query::parse("漢字").wholes.is_empty());
    }
}
