//! The work of the server: asking models, wherever they are.

pub mod chat;
pub mod dialect;
pub mod directive;
pub mod failure;
pub mod foreign;
pub mod http;
pub mod mock;
pub mod native;
pub mod prices;
pub mod providers;
pub mod relay;
pub mod secret;
pub mod sse;
pub mod tokens;
pub mod upstream;
