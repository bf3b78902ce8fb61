//! The text of a PDF, page by page, with a form feed between pages as other tools write it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document, Object, PlainTextOutput, output_doc_page};

use super::{Extracted, Fault, MOST_UNREAD};

/// Pages that are read.
const MOST_PAGES: usize = 5_000;

pub fn read(bytes: &[u8]) -> Result<Extracted, Fault> {
    let mut document = Document::load_mem(bytes)
        .map_err(|error| Fault::unreadable(format!("it is no PDF, or damaged ({error})")))?;
    if document.is_encrypted() && document.decrypt("").is_err() {
        return Err(Fault::unreadable(
            "it is protected by a password: add it without one",
        ));
    }
    let pages = document.get_pages();
    if pages.len() > MOST_PAGES {
        return Err(Fault::TooLarge(format!(
            "it has {} pages, more than {MOST_PAGES}: split it",
            pages.len()
        )));
    }
    let mut unread = Vec::new();
    let texts: Vec<String> = pages
        .keys()
        .map(|number| {
            page(&document, *number).unwrap_or_else(|| {
                unread.push(*number);
                String::new()
            })
        })
        .collect();
    if texts.iter().all(String::is_empty) {
        return Err(Fault::unreadable(if unread.is_empty() {
            "it has no text: scanned pages need text recognition (OCR) first"
        } else {
            "none of its pages can be read: export it anew, or give its text"
        }));
    }
    unread.truncate(MOST_UNREAD);
    Ok(Extracted {
        title: title(&document),
        text: texts.join("\n\u{c}"),
        unread,
    })
}

/// One page's text; a page that the parser cannot take does not cost the others.
fn page(document: &Document, number: u32) -> Option<String> {
    let mut text = String::new();
    let read = catch_unwind(AssertUnwindSafe(|| {
        let mut output = PlainTextOutput::new(&mut text);
        output_doc_page(document, &mut output, number).is_ok()
    }));
    matches!(read, Ok(true)).then(|| tidy(&text))
}

/// Line ends without blanks before them, and no more than one empty line in a row.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    // A form feed within a page would count as its end.
    for line in text.replace('\u{c}', " ").lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 && !(line.is_empty() && out.is_empty()) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn title(document: &Document) -> Option<String> {
    let info = document.trailer.get(b"Info").ok()?;
    let info = match info {
        Object::Reference(id) => document.get_dictionary(*id).ok()?,
        other => other.as_dict().ok()?,
    };
    let bytes = info.get(b"Title").ok()?.as_str().ok()?;
    // PDFDocEncoding is close to Latin-1; anything else is UTF-16 with its mark.
    let text = super::decode(bytes, Some("windows-1252")).ok()?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}
