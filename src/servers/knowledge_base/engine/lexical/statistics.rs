//! What BM25 counts, counted over the scopes that a search looks in alone. Counts over the whole index would let a project's
//! scores tell how often its words are used in others; and counts with deleted chunks, when others cause a merge.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tantivy::{
    DocSet, Opstamp, Searcher, SegmentReader, TERMINATED, Term,
    index::SegmentId,
    query::Bm25StatisticsProvider,
    schema::{Field, IndexRecordOption},
};

/// Masks and counts that are remembered; reaching it forgets all.
const MASKS: usize = 256;
const COUNTS: usize = 100_000;

/// A segment's state, and the scopes that are looked at.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Part {
    segment: SegmentId,
    deleted: Option<Opstamp>,
    scopes: Arc<str>,
}

/// What is counted in a part.
#[derive(PartialEq, Eq, Hash)]
enum What {
    /// Chunks with a term.
    Chunks(Term),
    /// Tokens of a field.
    Tokens(Field),
}

/// The chunks of a part: one bit each.
pub struct Mask {
    words: Vec<u64>,
    count: u64,
    /// Whether it is all that the segment has.
    whole: bool,
}

impl Mask {
    /// Whether `chunk` is one of them.
    pub fn has(&self, chunk: u32) -> bool {
        let word = self.words.get(chunk as usize / 64);
        word.is_some_and(|word| word >> (chunk % 64) & 1 == 1)
    }
}

/// What was counted before. Segments do not change, so it stays true as long as they are there.
#[derive(Default)]
pub struct Known {
    masks: HashMap<Part, Arc<Mask>>,
    counts: HashMap<(Part, What), u64>,
}

/// BM25's counts over some scopes.
pub struct ScopeStatistics<'s> {
    parts: Vec<(&'s SegmentReader, Part, Arc<Mask>)>,
    known: &'s Mutex<Known>,
}

impl<'s> ScopeStatistics<'s> {
    /// Of the chunks in `searcher` whose term of `field` is one of `scopes`.
    pub fn new(
        searcher: &'s Searcher,
        field: Field,
        scopes: &[String],
        known: &'s Mutex<Known>,
    ) -> tantivy::Result<Self> {
        let mut names: Vec<&str> = scopes.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        // No scope's name has a line break.
        let all: Arc<str> = names.join("\n").into();
        let mut parts = Vec::with_capacity(searcher.segment_readers().len());
        for segment in searcher.segment_readers() {
            let part = Part {
                segment: segment.segment_id(),
                deleted: segment.delete_opstamp(),
                scopes: Arc::clone(&all),
            };
            let before = lock(known).masks.get(&part).cloned();
            let mask = if let Some(mask) = before {
                mask
            } else {
                let mask = Arc::new(mask(segment, field, &names)?);
                let mut known = lock(known);
                if known.masks.len() >= MASKS {
                    known.masks.clear();
                }
                known.masks.insert(part.clone(), Arc::clone(&mask));
                mask
            };
            parts.push((segment, part, mask));
        }
        Ok(Self { parts, known })
    }

    /// The live chunks of the scopes, segment by segment.
    pub fn masks(&self) -> impl Iterator<Item = (&SegmentReader, &Mask)> {
        self.parts
            .iter()
            .map(|(segment, _, mask)| (*segment, &**mask))
    }

    fn sum(
        &self,
        what: impl Fn() -> What,
        count: impl Fn(&SegmentReader, &Mask) -> tantivy::Result<u64>,
    ) -> tantivy::Result<u64> {
        let mut sum = 0;
        for (segment, part, mask) in &self.parts {
            if mask.count == 0 {
                continue;
            }
            let key = (part.clone(), what());
            let before = lock(self.known).counts.get(&key).copied();
            sum += if let Some(counted) = before {
                counted
            } else {
                let counted = count(segment, mask)?;
                let mut known = lock(self.known);
                if known.counts.len() >= COUNTS {
                    known.counts.clear();
                }
                known.counts.insert(key, counted);
                counted
            };
        }
        Ok(sum)
    }
}

impl Bm25StatisticsProvider for ScopeStatistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.sum(
            || What::Tokens(field),
            |segment, mask| {
                // A field without lengths weighs nothing by length.
                let Ok(lengths) = segment.get_fieldnorms_reader(field) else {
                    return Ok(mask.count);
                };
                let chunks = (0..segment.max_doc()).filter(|chunk| mask.has(*chunk));
                Ok(chunks
                    .map(|chunk| u64::from(lengths.fieldnorm(chunk)))
                    .sum())
            },
        )
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.parts.iter().map(|(_, _, mask)| mask.count).sum())
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.sum(
            || What::Chunks(term.clone()),
            |segment, mask| {
                let index = segment.inverted_index(term.field())?;
                if mask.whole {
                    return Ok(u64::from(index.doc_freq(term)?));
                }
                let mut count = 0;
                if let Some(mut chunks) = index.read_postings(term, IndexRecordOption::Basic)? {
                    while chunks.doc() != TERMINATED {
                        count += u64::from(mask.has(chunks.doc()));
                        chunks.advance();
                    }
                }
                Ok(count)
            },
        )
    }
}

fn mask(segment: &SegmentReader, field: Field, scopes: &[&str]) -> tantivy::Result<Mask> {
    let index = segment.inverted_index(field)?;
    let mut words = vec![0_u64; segment.max_doc().div_ceil(64) as usize];
    let mut count = 0;
    for scope in scopes {
        let term = Term::from_field_text(field, scope);
        let Some(mut chunks) = index.read_postings(&term, IndexRecordOption::Basic)? else {
            continue;
        };
        while chunks.doc() != TERMINATED {
            let chunk = chunks.doc();
            if !segment.is_deleted(chunk)
                && let Some(word) = words.get_mut(chunk as usize / 64)
            {
                *word |= 1 << (chunk % 64);
                count += 1;
            }
            chunks.advance();
        }
    }
    let whole = count == u64::from(segment.max_doc());
    Ok(Mask {
        words,
        count,
        whole,
    })
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
