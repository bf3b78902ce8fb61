//! What makes tampering show: each link of a chain has a mac over the one before it, its place and what it says. The key is not in the
//! database: whoever can only write there cannot make links. `docs/decisions` says what shows and what does not.

use ring::hmac;

use super::{Record, store::Chain};
use crate::base::hex::hex;

/// What a link says of its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The call begins.
    Begun,
    /// The call has ended so.
    Ended,
}

/// Makes the macs of links. Cheap to clone.
#[derive(Clone)]
pub struct ChainKey(hmac::Key);

impl std::fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChainKey")
    }
}

impl ChainKey {
    /// The key that hubs with the same key of tokens share.
    pub fn of(hub: &[u8; 32]) -> Self {
        let hub = hmac::Key::new(hmac::HMAC_SHA256, hub);
        let own = hmac::sign(&hub, b"syndarix audit chain 1");
        Self(hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()))
    }

    /// The mac of link `seq` of `chain`, which comes after the one with the mac `before`.
    pub fn link(&self, before: &str, chain: &str, seq: i64, half: Half, entry: &Record) -> String {
        let mut mac = Mac::new(&self.0, "link");
        let ended = half == Half::Ended;
        let optional = [&entry.parent_id, &entry.request_id, &entry.arguments];
        mac.text(before).text(chain).number(seq).text(&entry.id);
        mac.number(i64::from(ended)).number(entry.started_ms);
        let texts = [
            &entry.principal_id,
            &entry.project_id,
            &entry.agent_id,
            &entry.server,
            &entry.tool,
            &entry.access,
            &entry.origin,
        ];
        for text in texts {
            mac.text(text);
        }
        for text in optional {
            mac.optional(text.as_deref());
        }
        if ended {
            mac.text(&entry.outcome).optional(entry.code.as_deref());
            match entry.duration_us {
                Some(us) => mac.number(us),
                None => mac.optional(None),
            };
        }
        mac.end()
    }

    /// The seal of a chain's own row.
    pub fn seal(&self, chain: &Chain) -> String {
        let mut mac = Mac::new(&self.0, "chain");
        mac.text(&chain.id).number(chain.created_ms);
        mac.number(chain.anchor_seq).text(&chain.anchor_mac);
        mac.number(chain.seq).text(&chain.mac);
        mac.end()
    }
}

/// Macs values so that no two lists of them look alike: each with its kind and its length before it.
struct Mac(hmac::Context);

impl Mac {
    fn new(key: &hmac::Key, what: &str) -> Self {
        let mut mac = Self(hmac::Context::with_key(key));
        mac.text(what);
        mac
    }

    fn value(&mut self, kind: u8, bytes: &[u8]) -> &mut Self {
        self.0.update(&[kind]);
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.value(1, text.as_bytes())
    }

    fn number(&mut self, number: i64) -> &mut Self {
        self.value(2, &number.to_le_bytes())
    }

    fn optional(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.value(0, &[]),
        }
    }

    fn end(self) -> String {
        hex(self.0.sign().as_ref())
    }
}
