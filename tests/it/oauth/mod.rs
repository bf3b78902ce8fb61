//! OAuth 2: the hub as resource server, its own authorization server, and issuers beside it.

mod client;
mod consent;
mod documents;
mod given;
mod grants;
mod idp;
mod jwt;
mod resource;
mod two_hubs;

pub use client::{REDIRECT, VERIFIER, challenge};
