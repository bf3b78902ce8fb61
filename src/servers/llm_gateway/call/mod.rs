//! One call of a model, from what was asked to what is answered: [`attempts`] finds who answers, [`lanes`] put the call to a
//! target, [`request`] keeps the books, [`shared`] answers more than once.

pub mod attempts;
pub mod flights;
pub mod lanes;
pub mod live;

pub mod refusal;
pub mod request;
pub mod shared;

use std::sync::Arc;

use super::{engine::dialect::Dialect, record::Kind, routing::plan::Wants};

/// What a call asks for, whichever face it came by.
#[derive(Debug, Clone)]
pub struct Asked {
    pub kind: Kind,
    /// The dialect that it is said in; none for the hub's own tools.
    pub dialect: Option<Dialect>,
    /// Model or route.
    pub model: Arc<str>,
    /// Models or routes to be asked when that one fails.
    pub fallbacks: Vec<String>,
    pub stream: bool,
    pub wants: Wants,
    /// Input tokens, as an estimate.
    pub input: u64,
    pub max_tokens: Option<u32>,
}
