//! What the index holds, document by document: to be compared with the database.

use std::collections::BTreeSet;

use tantivy::{
    DocAddress, DocSet, TERMINATED, TantivyDocument, Term,
    schema::{IndexRecordOption, Value},
};

use super::{LexicalError, LexicalIndex};
use crate::servers::knowledge_base::engine::digest::digest;

/// A chunk in the index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Its id in the database.
    pub chunk_id: String,
    /// Hash of its text.
    pub text_hash: String,
    /// Whether it is in the scope that was asked for.
    pub in_scope: bool,
}

impl LexicalIndex {
    /// The chunks of a document, in the order of their ids.
    pub fn held(&self, document_id: &str, scope: &str) -> Result<Vec<Held>, LexicalError> {
        let searcher = self.reader.searcher();
        let document = Term::from_field_text(self.fields.document_id, document_id);
        let scope = Term::from_field_text(self.fields.scope, scope);
        let basic = IndexRecordOption::Basic;
        let mut held = Vec::new();
        for (ordinal, segment) in (0_u32..).zip(searcher.segment_readers()) {
            let ids = segment.inverted_index(self.fields.document_id)?;
            let Some(mut chunks) = ids.read_postings(&document, basic)? else {
                continue;
            };
            let scopes = segment.inverted_index(self.fields.scope)?;
            let mut scoped = scopes.read_postings(&scope, basic)?;
            while chunks.doc() != TERMINATED {
                let chunk = chunks.doc();
                if !segment.is_deleted(chunk) {
                    let in_scope = scoped.as_mut().is_some_and(|scoped| {
                        scoped.doc() == chunk || scoped.doc() < chunk && scoped.seek(chunk) == chunk
                    });
                    let stored: TantivyDocument = searcher.doc(DocAddress::new(ordinal, chunk))?;
                    let text = |field| {
                        let value = stored.get_first(field).and_then(|value| value.as_str());
                        value.unwrap_or_default().to_owned()
                    };
                    held.push(Held {
                        chunk_id: text(self.fields.chunk_id),
                        text_hash: digest(&text(self.fields.body)),
                        in_scope,
                    });
                }
                chunks.advance();
            }
        }
        held.sort();
        Ok(held)
    }

    /// The documents that have a chunk in the index.
    pub fn documents(&self) -> Result<BTreeSet<String>, LexicalError> {
        let mut documents = BTreeSet::new();
        for segment in self.reader.searcher().segment_readers() {
            let ids = segment.inverted_index(self.fields.document_id)?;
            let mut terms = ids.terms().stream()?;
            while terms.advance() {
                let mut chunks =
                    ids.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
                while chunks.doc() != TERMINATED && segment.is_deleted(chunks.doc()) {
                    chunks.advance();
                }
                if chunks.doc() != TERMINATED {
                    documents.insert(String::from_utf8_lossy(terms.key()).into_owned());
                }
            }
        }
        Ok(documents)
    }
}
