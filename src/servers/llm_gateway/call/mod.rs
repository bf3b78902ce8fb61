//! One call of a model, from what was asked to what is answered.

pub mod flights;
