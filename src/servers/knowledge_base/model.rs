//! What the knowledge base holds.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    base::ids::ProjectId,
    servers::knowledge_base::engine::chunk::{Chunk, Form},
};

/// Where a document is visible.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Realm {
    /// In every project.
    Global,
    /// In this project alone.
    Project(ProjectId),
}

impl Realm {
    /// The project it belongs to, unless it is global.
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::Global => None,
            Self::Project(id) => Some(id.as_str()),
        }
    }
}

/// As stored and as the index's scope term. No project's name has a `:`, so the two cannot meet.
impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Project(id) => write!(f, "project:{id}"),
        }
    }
}

/// What a document is, and so how its text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Format {
    /// CommonMark with tables: chunks follow headings; fenced code and tables stay whole.
    Markdown,
    /// Anything else: chunks follow paragraphs.
    Text,
    /// A web page: its text is taken out as Markdown.
    Html,
    /// A PDF: its text is taken out page by page.
    Pdf,
    /// A Word document: its text is taken out as Markdown.
    Docx,
    /// A program: chunks follow its syntax tree.
    Code,
    /// What save_memory was told.
    Memory,
}

impl Format {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Markdown, "markdown"),
        (Self::Text, "text"),
        (Self::Html, "html"),
        (Self::Pdf, "pdf"),
        (Self::Docx, "docx"),
        (Self::Code, "code"),
        (Self::Memory, "memory"),
    ];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(format, _)| *format == self)
            .map_or("text", |(_, word)| word)
    }

    /// The format that `word` stands for.
    pub fn from_word(word: &str) -> Self {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == word)
            .map_or(Self::Text, |(format, _)| *format)
    }

    /// How the chunker reads it.
    pub fn form(self) -> Form {
        match self {
            Self::Markdown | Self::Html | Self::Docx => Form::Markdown,
            Self::Text | Self::Pdf | Self::Code | Self::Memory => Form::Plain,
        }
    }
}

/// A document to add.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// Where it is visible.
    pub realm: Realm,
    /// The caller's own name for it.
    pub external_id: Option<String>,
    /// What to call it.
    pub title: String,
    /// Where it came from.
    pub uri: Option<String>,
    /// A group of documents.
    pub collection: Option<String>,
    /// How its text is read.
    pub format: Format,
    /// The programming language of a program, e.g. `rust`.
    pub language: Option<String>,
    /// Where it stands in its source, for filters: a relative path.
    pub path: Option<String>,
    /// Words to filter by.
    pub tags: Vec<String>,
    /// The source that brought it.
    pub source_id: Option<String>,
    /// Hash of the bytes that its text was taken out of, where they are not the text.
    pub content_hash: Option<String>,
    /// What the caller keeps with it, a JSON object.
    pub metadata: String,
    /// Its text.
    pub text: String,
    /// Hash of `text`.
    pub text_hash: String,
    /// Its chunks with the hashes of their texts.
    pub chunks: Vec<(Chunk, String)>,
}

impl NewDocument {
    /// What makes a document the same when it is added again: its external id, else its text.
    pub fn identity(&self) -> String {
        match &self.external_id {
            Some(id) => format!("x:{id}"),
            None if self.format == Format::Memory => format!("m:{}", self.text_hash),
            None => format!("h:{}", self.text_hash),
        }
    }
}

/// What adding a document did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Outcome {
    /// There was none of this identity.
    Created,
    /// There was one and it has a new version now.
    Updated,
    /// It was there, just so.
    Unchanged,
}

impl Outcome {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }

    /// The outcome that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Created, Self::Updated, Self::Unchanged]
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }
}

/// A document that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its id.
    pub document_id: String,
    /// Its version now.
    pub version: i64,
    /// What was done.
    pub outcome: Outcome,
    /// The outbox entry after which the index has it.
    pub seq: i64,
    /// How many chunks it has.
    pub chunks: i64,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum JobState {
    /// Nobody works on it yet.
    Queued,
    /// It is being worked on.
    Running,
    /// It was worked on to its end; documents may have failed.
    Done,
    /// It could not be worked on to its end.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl JobState {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Queued, "queued"),
        (Self::Running, "running"),
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::Cancelled, "cancelled"),
    ];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("failed", |(_, word)| word)
    }

    /// The state that `word` stands for.
    pub fn from_word(word: &str) -> Self {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == word)
            .map_or(Self::Failed, |(state, _)| *state)
    }

    /// Whether nothing more will be done.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What came of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)]
pub struct JobReport {
    /// Documents that were new.
    pub created: i64,
    /// Documents that have a new version.
    pub updated: i64,
    /// Documents that were there, just so.
    pub unchanged: i64,
    /// Documents that are not in the source any more.
    pub deleted: i64,
    /// Files that are no documents: binary, or empty.
    pub skipped: i64,
    /// Why the job could not be worked on to its end, or does not go on at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl JobReport {
    /// Counts one document.
    pub fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }
}
