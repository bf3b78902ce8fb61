//! Opaque, versioned keyset cursors. The server keeps no state: a cursor carries the last key seen, bound to the
//! filter and scope that made it, so that it cannot be carried over to another question.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// First byte of every cursor; raised when the layout changes.
const VERSION: u8 = 1;
/// Bytes of the hash that binds a cursor to its question.
const BINDING: usize = 8;
/// Longer text is no cursor of ours: a key may be a path of 4,095 bytes, escaped and in base 64.
const MAX_LEN: usize = 16 * 1024;

/// The cursor was not made for this question: damaged, of another version, or of another filter or caller.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the cursor does not belong to this list: repeat the call without a cursor to start again")]
pub struct BadCursor;

/// A cursor that continues after `key`. `binding` is what the list depends on: scope, caller and filter.
pub fn encode<K: Serialize>(binding: &impl Serialize, key: &K) -> String {
    let key = serde_json::to_vec(key).unwrap_or_default();
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&bind(binding, &key));
    bytes.extend_from_slice(&key);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The key that `cursor` continues after.
pub fn decode<K: DeserializeOwned>(binding: &impl Serialize, cursor: &str) -> Result<K, BadCursor> {
    if cursor.len() > MAX_LEN {
        return Err(BadCursor);
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| BadCursor)?;
    let (&version, rest) = bytes.split_first().ok_or(BadCursor)?;
    let (bound, key) = rest.split_at_checked(BINDING).ok_or(BadCursor)?;
    if version != VERSION || bound != bind(binding, key) {
        return Err(BadCursor);
    }
    serde_json::from_slice(key).map_err(|_| BadCursor)
}

/// Characters of a seal: [`BINDING`] bytes in base 64.
const SEAL: usize = 11;

/// `cursor`, good for `owner` alone.
pub fn seal(owner: &str, cursor: &str) -> String {
    URL_SAFE_NO_PAD.encode(bind(&owner, cursor.as_bytes())) + cursor
}

/// What [`seal`] made of a cursor for this `owner`, as it was before.
pub fn unseal<'a>(owner: &str, sealed: &'a str) -> Result<&'a str, BadCursor> {
    let (tag, cursor) = sealed.split_at_checked(SEAL).ok_or(BadCursor)?;
    let own = URL_SAFE_NO_PAD.encode(bind(&owner, cursor.as_bytes()));
    if tag == own {
        Ok(cursor)
    } else {
        Err(BadCursor)
    }
}

fn bind(binding: &impl Serialize, key: &[u8]) -> [u8; BINDING] {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(binding).unwrap_or_default());
    hash.update([0]);
    hash.update(key);
    let mut out = [0; BINDING];
    for (to, from) in out.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_returns_its_key_to_the_same_question_only() {
        let cursor = encode(&("p1", "open"), &(17, "iss_1"));
        assert_eq!(
            decode::<(i64, String)>(&("p1", "open"), &cursor),
            Ok((17, "iss_1".into()))
        );
        assert_eq!(
            decode::<(i64, String)>(&("p2", "open"), &cursor),
            Err(BadCursor)
        );
        assert_eq!(
            decode::<(i64, String)>(&("p1", "done"), &cursor),
            Err(BadCursor)
        );
    }

    #[test]
    fn the_longest_path_makes_a_cursor() {
        let path = "\u{1}".repeat(2_000);
        assert_eq!(decode::<String>(&"p", &encode(&"p", &path)), Ok(path));
        assert_eq!(decode::<i64>(&"p", &"x".repeat(100_000)), Err(BadCursor));
    }

    #[test]
    fn a_sealed_cursor_is_good_for_its_owner_only() {
        let sealed = seal("tok_a", "next");
        assert_eq!(unseal("tok_a", &sealed), Ok("next"));
        assert_eq!(unseal("tok_b", &sealed), Err(BadCursor));
        assert_eq!(unseal("tok_a", "next"), Err(BadCursor));
    }

    proptest::proptest! {
        #[test]
        fn no_seal_makes_it_panic(text in "\\PC{0,30}") {
            proptest::prop_assert!(unseal("x", &text).is_err());
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            proptest::prop_assert!(decode::<i64>(&"x", &text).is_err());
        }
    }
}
