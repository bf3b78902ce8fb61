//! What every tool has in common: attacks that all must refuse, and writers that all must keep from losing anything.

mod attack;
mod git_patch;
mod lost_updates;
