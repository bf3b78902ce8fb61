//! OpenAI's responses. <https://platform.openai.com/docs/api-reference/responses>

mod answer;
mod encoder;
mod read_input;
mod read_request;
#[cfg(test)]
mod tests;

pub use answer::write_answer;
pub use encoder::encoder;
pub use read_request::read_request;
