//! Claim tokens and hashes of what must not be stored as it is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// 256 random bits, in URL-safe base 64.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// SHA-256 of `text`, in URL-safe base 64. Good for tokens of full entropy and for comparing texts.
pub fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// The claim token that belongs to `key` and the random `nonce`: the caller that repeats its key gets its token again,
/// though neither the token nor the key is stored.
pub fn derive(nonce: &str, key: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(nonce.as_bytes()) else {
        return hash(nonce);
    };
    mac.update(key.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_derived_ones_repeat() {
        let (a, b) = (random().unwrap(), random().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert_eq!(derive(&a, "k"), derive(&a, "k"));
        assert_ne!(derive(&a, "k"), derive(&b, "k"));
        assert_ne!(derive(&a, "k"), derive(&a, "k2"));
    }
}
