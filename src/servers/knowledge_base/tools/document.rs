//! A document as callers describe it, one or many at a time.

use serde_json::{Map, Value};

use super::Owner;
use crate::{
    servers::knowledge_base::{
        ingest::request::{About, Request, Source},
        model::Format,
    },
    tool::prelude::*,
};

/// A document to add.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct Document {
    /// Where it comes from: one of `text`, `path`, `url` and `repo`.
    #[garde(dive)]
    pub source: Source,
    /// How it is read; told by its ending, its sender or its content, if left out.
    pub format: Option<Format>,
    /// Your own name for it. Adding it again under this name makes a new version instead of a second document. Left out, its
    /// place is the name, or the text itself.
    #[garde(length(chars, min = 1, max = 512))]
    pub external_id: Option<String>,
    /// What to call it; what it calls itself, if left out.
    #[garde(length(chars, min = 1, max = 200))]
    pub title: Option<String>,
    /// Where it can be found, shown with every hit.
    #[garde(length(chars, min = 1, max = 2_000))]
    pub uri: Option<String>,
    /// A group of documents to search in, e.g. "decisions".
    #[garde(length(chars, min = 1, max = 100))]
    pub collection: Option<String>,
    /// Anything to keep with it: a JSON object of at most 8,000 bytes. Its `tags`, a list of words, are for the filters of
    /// search_knowledge.
    pub metadata: Option<Map<String, Value>>,
}

impl Document {
    /// What is asked for by the caller, for `owner`.
    pub fn request(self, ctx: &Ctx, owner: Owner) -> Request {
        let metadata = self.metadata.unwrap_or_default();
        let tags = metadata.get("tags").and_then(Value::as_array);
        let tags = tags.into_iter().flatten().filter_map(Value::as_str);
        let about = About {
            by: ctx.scope().clone(),
            global: owner == Owner::Global,
            external_id: self.external_id,
            title: self.title,
            uri: self.uri,
            path: None,
            collection: self.collection,
            format: self.format,
            tags: tags.map(str::to_owned).collect(),
            source_id: None,
            metadata: Value::Object(metadata),
        };
        Request {
            about,
            source: self.source,
        }
        .named()
    }
}
