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

/// Parts that are remembered, and counts of each; reaching it forgets them.
const PARTS: usize = 128;
const COUNTS: usize = 2_000;

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

/// A part's chunks, and what was counted of them before. Segments do not change, so it stays true as long as they are there.
struct Counted {
    mask: Mask,
    counts: Mutex<HashMap<What, u64>>,
}

/// What was counted before.
#[derive(Default)]
pub struct Known(HashMap<Part, Arc<Counted>>);

impl Known {
    /// Remembers `counted`, and forgets what `searcher` does not see: segments that were merged or had chunks deleted.
    fn keep(&mut self, part: Part, counted: &Arc<Counted>, searcher: &Searcher) {
        let segments = searcher.segment_readers();
        self.0.retain(|part, _| {
            segments.iter().any(|segment| {
                segment.segment_id() == part.segment && segment.delete_opstamp() == part.deleted
            })
        });
        if self.0.len() >= PARTS {
            self.0.clear();
        }
        self.0.insert(part, Arc::clone(counted));
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> usize {
        self.0.len()
    }
}

/// BM25's counts over some scopes.
pub struct ScopeStatistics<'s> {
    parts: Vec<(&'s SegmentReader, Arc<Counted>)>,
}

impl<'s> ScopeStatistics<'s> {
    /// Of the chunks in `searcher` whose term of `field` is one of `scopes`.
    pub fn new(
        searcher: &'s Searcher,
        field: Field,
        scopes: &[String],
        known: &Mutex<Known>,
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
            let before = lock(known).0.get(&part).cloned();
            let counted = if let Some(counted) = before {
                counted
            } else {
                let counted = Arc::new(Counted {
                    mask: mask(segment, field, &names)?,
                    counts: Mutex::default(),
                });
                lock(known).keep(part, &counted, searcher);
                counted
            };
            parts.push((segment, counted));
        }
        Ok(Self { parts })
    }

    /// The live chunks of the scopes, segment by segment.
    pub fn masks(&self) -> impl Iterator<Item = (&SegmentReader, &Mask)> {
        self.parts
            .iter()
            .map(|(segment, counted)| (*segment, &counted.mask))
    }

    fn sum(
        &self,
        what: impl Fn() -> What,
        count: impl Fn(&SegmentReader, &Mask) -> tantivy::Result<u64>,
    ) -> tantivy::Result<u64> {
        let mut sum = 0;
        for (segment, part) in &self.parts {
            let Counted { mask, counts } = &**part;
            if mask.count == 0 {
                continue;
            }
            let what = what();
            let before = lock(counts).get(&what).copied();
            sum += if let Some(counted) = before {
                counted
            } else {
                let counted = count(segment, mask)?;
                let mut counts = lock(counts);
                if counts.len() >= COUNTS {
                    counts.clear();
                }
                counts.insert(what, counted);
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
        Ok(self.parts.iter().map(|(_, part)| part.mask.count).sum())
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

fn lock<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
