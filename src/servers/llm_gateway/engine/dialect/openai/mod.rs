//! OpenAI's chat completions and embeddings, and what is compatible with them.
//! <https://platform.openai.com/docs/api-reference/chat>

mod answer;
mod decoder;
pub mod embeddings;
mod encoder;
mod read_request;
#[cfg(test)]
mod tests;
mod tools;
mod write_request;

pub use answer::write_answer;
pub use decoder::{decoder, read_answer};
pub use encoder::encoder;
pub use read_request::{effort, read_request};
pub use tools::{read_arguments, read_choice, read_format, read_schema, read_tools};
pub use write_request::write_request;
