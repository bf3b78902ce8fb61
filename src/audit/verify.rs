//! Whether the log is what was written.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;

use super::{
    chain::{ChainKey, Half},
    head::{self, Head},
    store::{self, Chain, Linked},
};
use crate::{
    base::clock::{Millis, rfc3339},
    db::{Db, DbError},
};

/// Links read at a time.
const PAGE: i64 = 1000;
/// Problems told of each chain.
const MOST: usize = 20;

/// What a verification found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The chains, the oldest first.
    pub chains: Vec<Verified>,
    /// What is not as it was written; nothing if all is well.
    pub problems: Vec<String>,
}

/// A chain that was followed.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// Its id.
    pub chain: String,
    /// When it began.
    pub created_ms: Millis,
    /// Its first and last link that are kept.
    pub first: i64,
    /// The last one.
    pub last: i64,
    /// The mac of the last one: noted elsewhere, it shows later that nothing before was cut off.
    pub mac: String,
}

/// Follows every chain from its anchor to its end. `known` are links that must be there.
pub async fn verify(
    db: &Db,
    key: &ChainKey,
    data: &Path,
    known: &[Head],
) -> Result<Report, DbError> {
    let mut report = Report::default();
    let mut heads: Vec<(String, Head)> = known
        .iter()
        .map(|head| ("noted".to_owned(), head.clone()))
        .collect();
    for (path, head) in head::all(data)? {
        heads.push((path.display().to_string(), head));
    }
    for mut chain in store::chains(db).await? {
        loop {
            let mut problems = follow(db, key, &chain, &heads).await?;
            let now = store::chain(db, &chain.id).await?;
            let pruned = now.filter(|now| now.anchor_seq != chain.anchor_seq);
            match pruned {
                // Meanwhile what was being read.
                Some(now) if !problems.is_empty() => chain = now,
                _ => {
                    report.problems.append(&mut problems);
                    break;
                }
            }
        }
        heads.retain(|(_, head)| head.chain != chain.id);
        report.chains.push(Verified {
            first: chain.anchor_seq + 1,
            last: chain.seq,
            chain: chain.id,
            created_ms: chain.created_ms,
            mac: chain.mac,
        });
    }
    for (place, head) in heads {
        let chain = head.chain;
        let gone = format!("chain {chain} is gone, of which {place} knows");
        report.problems.push(gone);
    }
    for id in store::strays(db, MOST as i64).await? {
        let stray = format!("entry {id} was put in or changed: no chain has it as it is");
        report.problems.push(stray);
    }
    Ok(report)
}

/// What is wrong with a chain.
async fn follow(
    db: &Db,
    key: &ChainKey,
    chain: &Chain,
    heads: &[(String, Head)],
) -> Result<Vec<String>, DbError> {
    let mut follow = Follow::new(key, chain, heads);
    if key.seal(chain) != chain.seal {
        follow.tell("the record of the chain itself was changed");
    }
    follow.all(db).await?;
    Ok(follow.problems)
}

/// A chain on the way.
struct Follow<'v> {
    key: &'v ChainKey,
    chain: &'v Chain,
    /// Macs that links must have: by link, where that is known from and the mac.
    must: BTreeMap<i64, (&'v str, &'v str)>,
    /// The link that comes next.
    next: i64,
    /// The mac of the one before it, if that is known.
    before: Option<String>,
    problems: Vec<String>,
}

impl<'v> Follow<'v> {
    fn new(key: &'v ChainKey, chain: &'v Chain, heads: &'v [(String, Head)]) -> Self {
        let own = heads.iter().filter(|(_, head)| head.chain == chain.id);
        Self {
            key,
            chain,
            must: own
                .map(|(place, head)| (head.seq, (place.as_str(), head.mac.as_str())))
                .collect(),
            next: chain.anchor_seq + 1,
            before: Some(chain.anchor_mac.clone()),
            problems: Vec::new(),
        }
    }

    fn tell(&mut self, problem: &str) {
        if self.problems.len() < MOST {
            let chain = &self.chain.id;
            self.problems.push(format!("chain {chain}: {problem}"));
        }
    }

    /// Merges beginnings and ends into the one order they were linked in.
    async fn all(&mut self, db: &Db) -> Result<(), DbError> {
        let id = self.chain.id.as_str();
        let (mut begun_after, mut ended_after) = (self.chain.anchor_seq, self.chain.anchor_seq);
        loop {
            let last = self.chain.seq;
            let begun = store::links(db, id, Half::Begun, (begun_after, last), PAGE).await?;
            let ended = store::links(db, id, Half::Ended, (ended_after, last), PAGE).await?;
            // Beyond the shorter page's end, what comes between is not known yet.
            let begun_to = end(&begun, last, |l| l.begun_seq);
            let ended_to = end(&ended, last, |l| l.seq);
            let to = begun_to.min(ended_to);
            let begun = begun
                .iter()
                .filter_map(|l| Some((l.begun_seq?, Half::Begun, l)));
            let ended = ended.iter().filter_map(|l| Some((l.seq?, Half::Ended, l)));
            let mut links: Vec<_> = begun.chain(ended).filter(|(seq, ..)| *seq <= to).collect();
            links.sort_by_key(|(seq, ..)| *seq);
            for (seq, half, linked) in links {
                self.link(seq, half, linked);
            }
            (begun_after, ended_after) = (to, to);
            if to >= last {
                break;
            }
        }
        self.missing(self.chain.seq + 1);
        if self.problems.is_empty() && self.before.as_ref() != Some(&self.chain.mac) {
            self.tell("its last link is not the one that was written last");
        }
        let cut: Vec<String> = self
            .must
            .range(self.chain.seq + 1..)
            .map(|(seq, (place, _))| {
                let last = self.chain.seq;
                format!(
                    "it ends with link {last}, but {place} knows of link {seq}: its end was cut off"
                )
            })
            .collect();
        for problem in cut {
            self.tell(&problem);
        }
        Ok(())
    }

    fn link(&mut self, seq: i64, half: Half, linked: &Linked) {
        let id = &linked.record.id;
        if seq < self.next {
            return self.tell(&format!("entry {id} was put in: link {seq} is there twice"));
        }
        self.missing(seq);
        let before = self.before.as_deref();
        let mac = before.map(|mac| (self.key).link(mac, &self.chain.id, seq, half, &linked.record));
        // A beginning's mac gives way to that of the end.
        let is_kept = half == Half::Ended || linked.seq.is_none();
        let kept = linked.mac.clone().filter(|_| is_kept);
        let differs = mac.is_some() && kept.is_some() && mac != kept;
        if differs {
            let when = rfc3339(linked.record.started_ms);
            self.tell(&format!(
                "entry {id} of {when} (link {seq}), or one of those between it and the last good one, was changed"
            ));
        }
        if let Some((place, must)) = self.must.get(&seq).copied()
            && self.problems.is_empty()
            && mac.as_deref() != Some(must)
        {
            self.tell(&format!("link {seq} is not the one that {place} knows"));
        }
        // Going on from what is written tells what else was changed.
        self.before = kept.or(mac);
        self.next = seq + 1;
    }

    fn missing(&mut self, seq: i64) {
        if seq > self.next {
            let (first, last) = (self.next, seq - 1);
            self.tell(&format!(
                "links {first} to {last} are missing: entries were deleted"
            ));
            self.next = seq;
            self.before = None;
        }
    }
}

/// How far a page reaches: to its last link if it is full, else to the chain's end.
fn end(page: &[Linked], last: i64, seq: impl Fn(&Linked) -> Option<i64>) -> i64 {
    let full = page.len() as i64 >= PAGE;
    page.last().filter(|_| full).and_then(seq).unwrap_or(last)
}
