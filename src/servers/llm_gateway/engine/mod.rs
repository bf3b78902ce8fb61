//! The work of the server: asking models, wherever they are.

pub mod chat;
pub mod dialect;
pub mod directive;
pub mod failure;
pub mod mock;
pub mod price;
pub mod provider;
pub mod remote;
pub mod secret;
pub mod upstream;
