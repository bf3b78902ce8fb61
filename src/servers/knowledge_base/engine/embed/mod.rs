//! Texts to vectors: a stand-in that hashes words, until the model is there.

use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

/// What the vectors are kept under.
pub const MODEL: &str = "builtin/all-minilm-l6-v2";
/// Numbers in a vector.
pub const DIMENSIONS: usize = 384;

/// The built-in model.
#[derive(Debug)]
pub struct Builtin;

impl Builtin {
    /// The one instance of this process.
    pub fn shared() -> Result<Arc<Self>, std::io::Error> {
        static SHARED: OnceLock<Arc<Builtin>> = OnceLock::new();
        Ok(Arc::clone(SHARED.get_or_init(|| Arc::new(Self))))
    }

    /// A vector of length 1 for each text.
    pub fn embed(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let one = |text: &&str| {
            let mut vector = vec![0.0_f32; DIMENSIONS];
            for word in text.split(|c: char| !c.is_alphanumeric()) {
                let hash = Sha256::digest(word.to_lowercase());
                let at = hash
                    .iter()
                    .take(4)
                    .fold(0_usize, |at, b| (at << 8) | usize::from(*b));
                if let Some(slot) = vector.get_mut(at % DIMENSIONS).filter(|_| !word.is_empty()) {
                    *slot += 1.0;
                }
            }
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-9);
            vector.iter().map(|x| x / length).collect()
        };
        texts.iter().map(one).collect()
    }
}

/// The text that is embedded for a chunk.
pub fn passage(_title: &str, _heading_path: &[String], text: &str) -> String {
    text.to_owned()
}
