//! Anthropic's messages. <https://docs.anthropic.com/en/api/messages>

mod answer;
mod decoder;
mod encoder;
mod generation;
mod read_content;
mod read_request;
mod reasoning;
#[cfg(test)]
mod tests;
mod usage;
mod write_request;

pub use answer::{read_answer, write_answer};
pub use decoder::decoder;
pub use encoder::encoder;
pub use read_request::read_request;
pub use write_request::write_request;
