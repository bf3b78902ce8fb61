//! What is asked to be added, as callers send it and as a job keeps it.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::place::Origin;
use crate::{
    base::ids::RepoName,
    project::Scope,
    servers::knowledge_base::{
        engine::extract::{format_by_words, format_told, language_of},
        model::{Format, NewDocument, Realm},
    },
    tool::ToolError,
};

/// Bytes of JSON kept with a document.
const MAX_METADATA: usize = 8_000;
const MAX_TAGS: usize = 50;
const MAX_TAG: usize = 100;

/// Where a document comes from: exactly one of these.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
pub enum Source {
    /// The text itself.
    Text(#[garde(length(min = 1))] String),
    /// A file of your own workspace, by its path: markdown, text, code, HTML, PDF or DOCX.
    Path(#[garde(length(bytes, min = 1, max = 4_095))] String),
    /// A page or file on the web: http:// or https://, without credentials. Addresses of private networks are refused.
    Url(#[garde(length(bytes, min = 1, max = 2_000))] String),
    /// A file of a commit of the project's repository.
    Repo(#[garde(dive)] RepoFile),
}

/// A file of a commit.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct RepoFile {
    /// The repository; `main` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<RepoName>,
    /// Branch, tag or commit; your HEAD if left out.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// The file's path in the repository.
    #[garde(length(bytes, min = 1, max = 4_095))]
    pub path: String,
}

/// What is known of a document beside its content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct About {
    /// For whom it is added.
    pub by: Scope,
    /// Whether every project may read it.
    pub global: bool,
    /// The caller's own name for it.
    pub external_id: Option<String>,
    /// What to call it.
    pub title: Option<String>,
    /// Where it can be found.
    pub uri: Option<String>,
    /// Where it stands in its source.
    pub path: Option<String>,
    /// A group of documents.
    pub collection: Option<String>,
    /// What it is.
    pub format: Option<Format>,
    /// Words to filter by.
    pub tags: Vec<String>,
    /// The source that brings it.
    pub source_id: Option<String>,
    /// What the caller keeps with it.
    pub metadata: Value,
}

/// A document to add.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// What is known of it.
    pub about: About,
    /// Where its content is.
    pub source: Source,
}

impl Request {
    /// Names a document without a name by where it is, so that adding it again makes a new version.
    #[must_use]
    pub fn named(mut self) -> Self {
        let (name, path) = match &self.source {
            Source::Text(_) => return self,
            Source::Url(url) => (url.clone(), None),
            Source::Path(path) => (
                format!("{}/{path}", self.about.origin(None).locator()),
                Some(path),
            ),
            Source::Repo(file) => {
                let locator = self.about.origin(Some(file)).locator();
                (format!("{locator}/{}", file.path), Some(&file.path))
            }
        };
        self.about.path = self.about.path.or_else(|| path.cloned());
        if let Source::Url(url) = &self.source {
            self.about.uri.get_or_insert_with(|| url.clone());
        }
        self.about.external_id.get_or_insert(name);
        self
    }

    /// Refuses what cannot be kept.
    pub fn check(&self) -> Result<(), ToolError> {
        let about = &self.about;
        let text = match &self.source {
            Source::Text(text) => Some(text),
            _ => None,
        };
        // PostgreSQL stores no NUL character, and no text needs one.
        for (pointer, value) in [
            ("/source/text", text),
            ("/external_id", about.external_id.as_ref()),
            ("/title", about.title.as_ref()),
            ("/uri", about.uri.as_ref()),
            ("/collection", about.collection.as_ref()),
        ] {
            if value.is_some_and(|value| value.contains('\0')) {
                return Err(ToolError::invalid(
                    pointer,
                    "must be text: it holds a NUL character",
                ));
            }
        }
        kept(about.metadata.as_object().cloned()).map(drop)
    }

    /// What a job calls it.
    pub fn name(&self) -> String {
        let about = &self.about;
        let name = about.name().or(about.title.as_deref()).unwrap_or("text");
        name.chars().filter(|c| *c != '\0').take(300).collect()
    }

    /// Bytes that came with it.
    pub fn size(&self) -> usize {
        match &self.source {
            Source::Text(text) => text.len(),
            _ => 0,
        }
    }

    /// Whether its content is there already, so that adding it takes no time.
    pub fn is_quick(&self) -> bool {
        match &self.source {
            Source::Text(text) => !self.about.is_page(text),
            _ => false,
        }
    }
}

impl About {
    /// The name that says most about what it is.
    pub fn name(&self) -> Option<&str> {
        let names = [&self.path, &self.uri, &self.external_id];
        let mut names = names.into_iter().flatten().map(String::as_str);
        let first = names.next();
        let ending = |name: &&str| std::path::Path::new(name).extension().is_some();
        first.into_iter().chain(names).find(ending).or(first)
    }

    /// Whether its text is a web page, of which the text is still to be taken out.
    pub fn is_page(&self, text: &str) -> bool {
        let told = || format_told(self.name(), None, text.as_bytes());
        self.format.or_else(told) == Some(Format::Html)
    }

    /// The format of its text. Reads all of it where nothing tells.
    pub fn format_of_text(&self, text: &str) -> Result<Format, ToolError> {
        match self.format {
            Some(Format::Pdf | Format::Docx) => Err(ToolError::invalid(
                "/format",
                "is not text: give the file by path, url or repo",
            )),
            Some(Format::Memory) => Err(ToolError::invalid("/format", "is for save_memory")),
            Some(format) => Ok(format),
            None => Ok(match format_told(self.name(), None, text.as_bytes()) {
                Some(Format::Pdf | Format::Docx) => Format::Text,
                Some(format) => format,
                None => format_by_words(text),
            }),
        }
    }

    /// Where a file of the caller's is.
    pub fn origin(&self, file: Option<&RepoFile>) -> Origin {
        match file {
            Some(file) => Origin::Repository {
                scope: self.by.clone(),
                repo: file.repo.clone(),
                revision: file.revision.clone(),
            },
            None => Origin::Workspace {
                scope: self.by.clone(),
                repo: None,
            },
        }
    }

    /// The document with this text; its chunks are still to be cut.
    pub fn document(self, format: Format, title: Option<String>, text: String) -> NewDocument {
        let language = match format {
            Format::Code => language_of(self.name(), &text),
            _ => None,
        };
        NewDocument {
            realm: if self.global {
                Realm::Global
            } else {
                Realm::Project(self.by.project)
            },
            language: language.map(str::to_owned),
            title: self.title.or(title).unwrap_or_default(),
            external_id: self.external_id,
            uri: self.uri,
            collection: self.collection,
            format,
            path: self.path,
            tags: self.tags,
            source_id: self.source_id,
            content_hash: None,
            metadata: self.metadata.to_string(),
            text,
            text_hash: String::new(),
            chunks: Vec::new(),
        }
    }
}

/// What is kept of a document's metadata: it as JSON, and its `tags`, which searches filter by.
pub fn kept(metadata: Option<Map<String, Value>>) -> Result<(String, Vec<String>), ToolError> {
    let metadata = metadata.unwrap_or_default();
    let tags = match metadata.get("tags") {
        None => Vec::new(),
        Some(tags) => words(tags).ok_or_else(|| {
            ToolError::invalid(
                "/metadata/tags",
                format!("must be a list of at most {MAX_TAGS} words of 1 to {MAX_TAG} characters"),
            )
        })?,
    };
    let json = Value::Object(metadata).to_string();
    if json.len() > MAX_METADATA {
        let most = format!("must be at most {MAX_METADATA} bytes of JSON");
        return Err(ToolError::invalid("/metadata", most));
    }
    Ok((json, tags))
}

fn words(list: &Value) -> Option<Vec<String>> {
    let list = list.as_array().filter(|list| list.len() <= MAX_TAGS)?;
    let word = |word: &Value| {
        let word = word.as_str()?;
        ((1..=MAX_TAG).contains(&word.chars().count())).then(|| word.to_owned())
    };
    list.iter().map(word).collect()
}
