//! A text on its way to rows: hashed, cut and named.

use super::{fault, request::About};
use crate::{
    servers::knowledge_base::{
        engine::{
            chunk::{self, Form, Grammar, Limits},
            digest::digest,
        },
        model::{Format, NewDocument},
    },
    tool::ToolError,
};

/// More chunks mean data, not prose.
const MOST_CHUNKS: usize = 20_000;
/// Characters of a title.
const MOST_TITLE: usize = 200;

/// The document of a `text` that needs no more than to be cut.
pub fn prepare_text(about: About, text: String, most: usize) -> Result<NewDocument, ToolError> {
    let format = about.format_of_text(&text)?;
    prepare(about.document(format, None, text), most)
}

/// Hashes and cuts the text of `new`, at most `most` bytes of it, and finds a title where there is none.
pub fn prepare(mut new: NewDocument, most: usize) -> Result<NewDocument, ToolError> {
    if new.text.len() > most {
        return Err(fault::too_long(new.text.len(), most));
    }
    new.text_hash = digest(&new.text);
    let form = form(&new);
    let chunks = chunk::chunk(&new.text, form, Limits::default());
    if chunks.is_empty() {
        return Err(ToolError::invalid("/source", "has nothing but white space"));
    }
    if chunks.len() > MOST_CHUNKS {
        return Err(
            ToolError::too_large(format!("the text has more than {MOST_CHUNKS} sections"))
                .hint("add it in parts, or with format text"),
        );
    }
    let hashed = chunks.into_iter().map(|chunk| {
        let hash = digest(chunk.text(&new.text));
        (chunk, hash)
    });
    new.chunks = hashed.collect();
    if new.title.trim().is_empty() {
        new.title = title(&new, form).unwrap_or_else(|| "Untitled".into());
    }
    if new.title.chars().count() > MOST_TITLE {
        new.title = new.title.chars().take(MOST_TITLE).collect();
    }
    Ok(new)
}

fn form(new: &NewDocument) -> Form {
    let grammar = new.language.as_deref().and_then(Grammar::of);
    match grammar {
        Some(grammar) if new.format == Format::Code => Form::Code(grammar),
        _ => new.format.form(),
    }
}

/// A program's first line says less of it than its place does.
fn title(new: &NewDocument, form: Form) -> Option<String> {
    let place = [&new.path, &new.uri, &new.external_id]
        .into_iter()
        .flatten()
        .next();
    match new.format {
        Format::Code if place.is_some() => place.cloned(),
        _ => chunk::title_of(&new.text, form),
    }
}
