//! What the edge owes to clients that mean well and to those that do not.

mod bad_input;
mod hygiene;
mod sessions;
mod streaming;
