//! Search by meaning without a network: all-MiniLM-L6-v2, in the program.
//!
//! It knows English best, and reads the first 256 tokens of a passage.

mod asset;
mod forward;
mod tokens;

use std::sync::{Arc, OnceLock};

pub use asset::Damaged;
use fearless_simd::Level;
use forward::Model;
pub use tokens::Tokens;

/// Numbers of a vector.
pub const DIMENSIONS: usize = 384;
/// Tokens of a passage that it reads.
pub const WINDOW: usize = 256;
/// Tokens that go through together: as many as the second cache can hold the activations of.
const TOGETHER: usize = 256;

/// The built-in embedding model.
pub struct Builtin {
    model: Model,
    level: Level,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builtin").finish_non_exhaustive()
    }
}

impl Builtin {
    /// The one model, read at the first use.
    ///
    /// # Errors
    /// When the program's copy of it is damaged.
    pub fn shared() -> Result<Arc<Self>, Damaged> {
        static SHARED: OnceLock<Result<Arc<Builtin>, Damaged>> = OnceLock::new();
        let read = || asset::model().map(|model| Arc::new(Self::new(model, Level::new())));
        SHARED.get_or_init(read).clone()
    }

    fn new(model: Model, level: Level) -> Self {
        Self { model, level }
    }

    /// The vectors of `passages`, each of length 1. Works on the calling thread: some milliseconds for a sentence, about 30 for
    /// a passage that fills the window.
    pub fn embed(&self, passages: &[&str]) -> Vec<Vec<f32>> {
        let tokens = Tokens::shared();
        let mut vectors = Vec::with_capacity(passages.len());
        let mut batch: Vec<Vec<u32>> = Vec::new();
        let mut size = 0;
        for passage in passages {
            let ids = tokens.encode(passage, WINDOW);
            if size + ids.len() > TOGETHER && !batch.is_empty() {
                vectors.extend(self.model.forward(self.level, &batch));
                batch.clear();
                size = 0;
            }
            size += ids.len();
            batch.push(ids);
        }
        vectors.extend(self.model.forward(self.level, &batch));
        vectors
    }
}

#[cfg(test)]
mod tests;
