//! One tool a file.

pub mod chat;
pub mod count_tokens;
pub mod embed;
pub mod explain_route;
pub mod get_budget;
pub mod get_provider_status;
pub mod get_request;
pub mod get_usage;
pub mod list_models;
pub mod purge_cache;
pub mod set_budget;
mod turn;
