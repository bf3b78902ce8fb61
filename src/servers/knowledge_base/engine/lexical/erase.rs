//! Erasing: a deleted document's words stay in the segments that held it until these are merged.

use std::{collections::HashSet, sync::PoisonError, time::Duration};

use tantivy::{Term, index::SegmentId};

use super::{LexicalError, LexicalIndex};

/// How often it is tried, and the pause between. Merges of the policy's own, and searches that read, are over by then.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

impl LexicalIndex {
    /// Rewrites every segment that ever held one of `documents`, whose removal is committed, and removes its files.
    ///
    /// # Errors
    /// When a segment is still merged or read by others after some seconds: to be tried again.
    pub fn erase(&self, documents: &[String]) -> Result<(), LexicalError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old: HashSet<String> = HashSet::new();
        for _ in 0..TRIES {
            // Without a reload the reader would keep the files of merged segments.
            self.reader.reload()?;
            let holding = self.holding(documents)?;
            for segment in &holding {
                old.insert(segment.uuid_string());
                // Refused while a merge of the policy's own has it: that one's outcome is looked at in the next round.
                if let Err(error) = writer.merge(&[*segment]).wait() {
                    tracing::debug!(%error, "a segment is being merged already");
                }
            }
            if holding.is_empty() {
                writer.garbage_collect_files().wait()?;
                if !self.has_files_of(&old) {
                    return Ok(());
                }
            }
            std::thread::sleep(PAUSE);
        }
        Err(LexicalError::InUse)
    }

    /// The segments in whose dictionary one of `documents` is, deleted or not.
    fn holding(&self, documents: &[String]) -> Result<Vec<SegmentId>, LexicalError> {
        let mut holding = Vec::new();
        for segment in self.reader.searcher().segment_readers() {
            let ids = segment.inverted_index(self.fields.document_id)?;
            for document in documents {
                let term = Term::from_field_text(self.fields.document_id, document);
                if ids.get_term_info(&term)?.is_some() {
                    holding.push(segment.segment_id());
                    break;
                }
            }
        }
        Ok(holding)
    }

    fn has_files_of(&self, segments: &HashSet<String>) -> bool {
        let searcher = self.reader.searcher();
        let managed = searcher.index().directory().list_managed_files();
        managed.iter().any(|file| {
            let name = file.to_string_lossy();
            segments
                .iter()
                .any(|segment| name.starts_with(segment.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Change, DocumentFacts, Entry, Put};
    use super::*;

    fn put(id: &str, text: &str) -> Change {
        Change::Put(Put {
            facts: DocumentFacts {
                document_id: id.into(),
                scope: "global".into(),
                ..DocumentFacts::default()
            },
            entries: vec![Entry {
                chunk_id: format!("{id}-1"),
                title: String::new(),
                heading: String::new(),
                symbol: None,
                text: text.into(),
            }],
        })
    }

    fn files_with(dir: &std::path::Path, word: &str) -> usize {
        let files = std::fs::read_dir(dir).unwrap();
        let has = |bytes: Vec<u8>| {
            bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        };
        files
            .filter(|file| has(std::fs::read(file.as_ref().unwrap().path()).unwrap()))
            .count()
    }

    #[test]
    fn no_file_has_a_word_of_what_was_erased() {
        let dir = tempfile::tempdir().unwrap();
        let index = LexicalIndex::open(dir.path()).unwrap().index;
        for n in 0..20 {
            let text = format!("common words of document number{n}");
            index
                .apply(vec![put(&format!("doc{n}"), &text)], None)
                .unwrap();
        }
        let together = vec![
            put("doc20", "zanzibarq common"),
            put("doc21", "quillonz common"),
        ];
        index.apply(together, None).unwrap();
        assert!(files_with(dir.path(), "zanzibarq") > 0);
        let removed = Change::Remove {
            document_id: "doc20".into(),
        };
        index.apply(vec![removed], None).unwrap();
        index.erase(&["doc20".into()]).unwrap();
        for word in ["zanzibarq", "doc20"] {
            assert_eq!(files_with(dir.path(), word), 0, "{word}");
        }
        assert!(files_with(dir.path(), "quillonz") > 0);
        assert_eq!(index.chunks(), 21);
        index.erase(&["doc20".into()]).unwrap();
    }
}
