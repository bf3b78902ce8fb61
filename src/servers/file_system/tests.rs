//! What every tool has in common: attacks that all must refuse, and writers that all must keep from losing anything.

mod attack;
mod lost_updates;
