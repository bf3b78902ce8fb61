//! From bytes to text: what a document is, and what stands in it.
//!
//! Plain text is decoded here. Web pages, PDFs and Word documents are taken apart in a process of its own ([`workers`]),
//! because their parsers can be made to panic, to loop or to fill the memory by whoever wrote the document.

mod detect;
mod docx;
mod encoding;
mod html;
mod pdf;
mod program;
pub mod worker;
pub mod workers;

pub use detect::{format_by_words, format_told, language_of};
pub use encoding::{decode, looks_binary};

use serde::{Deserialize, Serialize};

use crate::servers::knowledge_base::model::Format;

/// What was taken out of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// What the document calls itself.
    pub title: Option<String>,
    /// Its text: Markdown, or for a PDF plain text with a form feed between pages.
    pub text: String,
    /// Pages that could not be read, counted from 1: at most [`MOST_UNREAD`] of them.
    pub unread: Vec<u32>,
}

impl Extracted {
    /// All of it was read.
    fn whole(title: Option<String>, text: String) -> Self {
        let unread = Vec::new();
        Self {
            title,
            text,
            unread,
        }
    }
}

/// Pages that are told of when they could not be read.
const MOST_UNREAD: usize = 100;

/// Why no text was taken out of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Fault {
    /// It is not what it says it is, or damaged, or nothing can be read in it. What is wrong, and what to do.
    #[error("the document cannot be read: {0}")]
    Unreadable(String),
    /// It is larger than allowed, or grows larger when it is unpacked.
    #[error("the document is too large: {0}")]
    TooLarge(String),
    /// Reading it took too long.
    #[error("the document cannot be read within {0} s: split it, or give its text")]
    TimedOut(u64),
    /// No process could be started to read it.
    #[error("no reader could be started: {0}")]
    NoReader(String),
}

impl Fault {
    fn unreadable(why: impl Into<String>) -> Self {
        Self::Unreadable(why.into())
    }
}

/// Whether documents of this format have to be taken apart.
pub fn is_packed(format: Format) -> bool {
    matches!(format, Format::Html | Format::Pdf | Format::Docx)
}

/// Takes a document apart in this process. `most` bounds the text.
fn parse(
    format: Format,
    bytes: &[u8],
    charset: Option<&str>,
    most: usize,
) -> Result<Extracted, Fault> {
    let extracted = match format {
        Format::Html => html::read(&decode(bytes, charset.or(html::charset(bytes)))?)?,
        Format::Pdf => pdf::read(bytes)?,
        Format::Docx => docx::read(bytes, most)?,
        _ => Extracted::whole(None, decode(bytes, charset)?),
    };
    if extracted.text.len() > most {
        return Err(Fault::TooLarge(format!(
            "its text has {} bytes, more than {most}",
            extracted.text.len()
        )));
    }
    Ok(Extracted {
        // No database keeps a NUL, and no text needs one.
        text: without_nul(extracted.text),
        title: extracted.title.map(without_nul),
        unread: extracted.unread,
    })
}

fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "")
    } else {
        text
    }
}

#[cfg(test)]
mod tests;
