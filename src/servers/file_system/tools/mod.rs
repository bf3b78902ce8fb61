//! One tool a file.

pub mod edit_file;
pub mod list_directory;
pub mod read_text_file;
pub mod search_content;
pub mod write_file;

#[cfg(test)]
mod testing;
