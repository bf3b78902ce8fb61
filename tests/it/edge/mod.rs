//! What the edge owes to clients that mean well and to those that do not.

mod aggregate;
mod bad_input;
mod hygiene;
mod idempotency;
mod limits;
mod load;
mod media_types;
mod offers;
mod proxies;
mod restart;
mod resume;
mod sessions;
mod streaming;
mod streams;
mod subscriptions;
mod tasks;
mod tokens;
