//! The fields of the index.

use tantivy::{
    Index,
    schema::{
        FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
    },
    tokenizer::TokenizerManager,
};

use super::token;

/// The field of chunk ids, by which it is found as a column.
pub const CHUNK_ID: &str = "chunk_id";
/// The field of paths, likewise.
pub const PATH: &str = "path";

/// Handles of the fields, in the order of [`schema`].
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    pub chunk_id: Field,
    pub document_id: Field,
    pub scope: Field,
    pub collection: Field,
    pub form: Field,
    pub language: Field,
    pub path: Field,
    pub tag: Field,
    /// When the document last changed, in milliseconds since the Unix epoch.
    pub updated: Field,
    pub title: Field,
    pub heading: Field,
    /// The text, its identifiers taken apart; the only text that is stored.
    pub body: Field,
    /// The text, its identifiers whole.
    pub exact: Field,
}

pub fn schema() -> (Schema, Fields) {
    let text = |tokenizer: &str| {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_index_option(IndexRecordOption::WithFreqs),
        )
    };
    let mut builder = Schema::builder();
    let fields = Fields {
        chunk_id: builder.add_text_field(CHUNK_ID, STRING | STORED | FAST),
        document_id: builder.add_text_field("document_id", STRING),
        scope: builder.add_text_field("scope", STRING),
        collection: builder.add_text_field("collection", STRING),
        form: builder.add_text_field("form", STRING),
        language: builder.add_text_field("language", STRING),
        path: builder.add_text_field(PATH, STRING | FAST),
        tag: builder.add_text_field("tag", STRING),
        updated: builder.add_i64_field("updated", FAST),
        title: builder.add_text_field("title", text(token::BODY)),
        heading: builder.add_text_field("heading", text(token::BODY)),
        body: builder.add_text_field("body", text(token::BODY).set_stored()),
        exact: builder.add_text_field("exact", text(token::EXACT)),
    };
    (builder.build(), fields)
}

/// Tokenisers are not kept with an index: each opening names them again.
pub fn register(index: &Index) {
    let manager: &TokenizerManager = index.tokenizers();
    manager.register(token::BODY, token::body());
    manager.register(token::EXACT, token::exact());
}
