//! The light mode: three tools that find, describe and call all others. A hundred definitions would cost a client tens of
//! thousands of tokens before its first question.

use std::{collections::HashMap, sync::Arc};

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::surface::View;
use crate::{
    access::{Principal, ServerId},
    tool::{Reach, Spec, ToolError},
};

pub const SEARCH: &str = "search_tools";
pub const DESCRIBE: &str = "describe_tool";
pub const CALL: &str = "call_tool";

/// Hits of a search that names no limit.
const LIMIT: usize = 10;
const MOST: usize = 50;

/// The three tools.
pub fn tools() -> [Tool; 3] {
    let reads = |title: &str| {
        ToolAnnotations::with_title(title)
            .read_only(true)
            .open_world(false)
    };
    let servers: Vec<&str> = ServerId::ALL.map(ServerId::as_str).to_vec();
    [
        tool(
            SEARCH,
            "Find tools by what they do. This hub has tools for language models, git, a knowledge base, issues, files, code \
             analysis and CI; none of them is listed here. Search first, then describe_tool, then call_tool. Returns names with \
             one sentence each, best match first.",
            json!({"query": {"type": "string", "minLength": 1, "maxLength": 200,
                        "description": "What you want to do, e.g. \"commit changes\"; \"*\" lists all."},
                   "server": {"type": "string", "enum": servers, "description": "Only tools of this server."},
                   "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "Most tools to return; 10 if left out."}}),
            &["query"],
            json!({"items": {"type": "array", "description": "The tools, best match first.", "items": {"type": "object",
                        "properties": {"name": {"type": "string", "description": "For describe_tool and call_tool."},
                                       "server": {"type": "string", "description": "The server it belongs to."},
                                       "about": {"type": "string", "description": "What it does, in one sentence."}},
                        "required": ["name", "server", "about"]}},
                   "more": {"type": "integer", "description": "How many more match, where the limit cut them off."}}),
            &["items"],
            reads("Search tools"),
        ),
        tool(
            DESCRIBE,
            "Show a tool's full description and the JSON Schema of its arguments and answer. Use it before call_tool.",
            json!({"name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "The tool, from search_tools."}}),
            &["name"],
            json!({"name": {"type": "string", "description": "The tool."},
                   "server": {"type": "string", "description": "The server it belongs to."},
                   "description": {"type": "string", "description": "What it does and when to use it."},
                   "read_only": {"type": "boolean", "description": "Whether it changes nothing."},
                   "input_schema": {"type": "object", "description": "JSON Schema of `arguments` for call_tool."},
                   "output_schema": {"type": "object", "description": "JSON Schema of the answer."}}),
            &[
                "name",
                "server",
                "description",
                "read_only",
                "input_schema",
                "output_schema",
            ],
            reads("Describe tool"),
        ),
        tool(
            CALL,
            "Call a tool by its name with the arguments that describe_tool shows. Returns that tool's answer.",
            json!({"name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "The tool, from search_tools."},
                   "arguments": {"type": "object", "description": "Its arguments, as describe_tool shows them."}}),
            &["name"],
            json!({}),
            &[],
            ToolAnnotations::with_title("Call tool").read_only(false),
        ),
    ]
}

fn tool(
    name: &'static str,
    about: &'static str,
    input: Value,
    needed: &[&str],
    output: Value,
    always: &[&str],
    annotations: ToolAnnotations,
) -> Tool {
    let input = json!({"type": "object", "properties": input, "required": needed, "additionalProperties": false});
    let output = json!({"type": "object", "properties": output, "required": always});
    let mut tool = Tool::new(name, about, object(input));
    tool.title.clone_from(&annotations.title);
    tool.output_schema = Some(object(output));
    tool.annotations = Some(annotations);
    tool
}

fn object(value: Value) -> Arc<JsonObject> {
    match value {
        Value::Object(map) => Arc::new(map),
        _ => Arc::default(),
    }
}

/// What a client sends to `call_tool`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
    server: Option<ServerId>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    name: String,
}

/// What a caller may look at.
pub struct Shown<'a> {
    /// The tools.
    pub view: &'a View,
    /// Those of them that the endpoint shows.
    pub reach: &'a Reach,
    /// Who looks.
    pub principal: &'a Principal,
    /// Whether project and agent need not be named.
    pub pinned: bool,
}

impl<'a> Shown<'a> {
    /// The tools, in a fixed order.
    pub fn specs(&self) -> impl Iterator<Item = &'a Spec> {
        let (registry, reach, principal) = (&self.view.registry, self.reach, self.principal);
        registry
            .servers()
            .flat_map(move |server| registry.visible(server, principal))
            .map(|tool| &**tool.spec())
            .filter(move |spec| reach.shows(spec))
    }

    /// Answers `search_tools`.
    pub fn search(&self, args: Map<String, Value>) -> Result<Value, ToolError> {
        let args: Search = read(args)?;
        let limit = args.limit.unwrap_or(LIMIT).clamp(1, MOST);
        let specs: Vec<&Spec> = self
            .specs()
            .filter(|s| args.server.is_none_or(|server| s.server == server))
            .collect();
        let mut ranked = rank(&specs, &args.query);
        let more = ranked.len().saturating_sub(limit);
        ranked.truncate(limit);
        let items: Vec<Value> = ranked
            .into_iter()
            .map(|s| json!({"name": s.name, "server": s.server, "about": sentence(s.about)}))
            .collect();
        Ok(if more > 0 {
            json!({"items": items, "more": more})
        } else {
            json!({ "items": items })
        })
    }

    /// Answers `describe_tool`.
    pub fn describe(&self, args: Map<String, Value>) -> Result<Value, ToolError> {
        let args: Describe = read(args)?;
        let spec = self
            .specs()
            .find(|s| s.name == args.name)
            .ok_or_else(|| no_tool(&args.name))?;
        let input = if self.pinned {
            &spec.input_pinned
        } else {
            &spec.input
        };
        Ok(json!({
            "name": spec.name,
            "server": spec.server,
            "description": spec.about,
            "read_only": spec.access == crate::access::Access::Read,
            "input_schema": **input,
            "output_schema": *spec.output,
        }))
    }
}

/// Reads the arguments of one of the three tools.
pub fn read<'de, A: Deserialize<'de>>(args: Map<String, Value>) -> Result<A, ToolError> {
    A::deserialize(Value::Object(args)).map_err(|error| ToolError::invalid("", error.to_string()))
}

/// There is no such tool for the caller.
pub fn no_tool(name: &str) -> ToolError {
    ToolError::not_found("tool", name).hint("search_tools finds those that there are")
}

/// Words at the start of a description that say what the tool does to what: `read a text file`.
const OPENING: usize = 4;

/// `specs` by how well they fit `query`: words in the name weigh most, then those that its description begins with, and a rare
/// word more than a common one.
fn rank<'a>(specs: &[&'a Spec], query: &str) -> Vec<&'a Spec> {
    let wanted = words(query);
    if query.trim() == "*" {
        return specs.to_vec();
    }
    let texts: Vec<(Vec<String>, Vec<String>)> = specs
        .iter()
        .map(|s| (words(&format!("{} {}", s.name, s.server)), words(s.about)))
        .collect();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for word in &wanted {
        let count = texts
            .iter()
            .filter(|(name, about)| has(name, word) || has(about, word))
            .count();
        known.insert(word, count);
    }
    let all = specs.len() as f64;
    let mut scored: Vec<(f64, &Spec)> = specs
        .iter()
        .zip(&texts)
        .map(|(spec, (name, about))| {
            let score = wanted.iter().map(|word| {
                let seen = known.get(word.as_str()).copied().unwrap_or(0) as f64;
                let rare = (1.0 + all / (1.0 + seen)).ln();
                let opening = about.get(..OPENING.min(about.len())).unwrap_or_default();
                let counts = |weight, there| if there { weight } else { 0.0 };
                rare * (counts(3.0, has(name, word))
                    + counts(1.0, has(about, word))
                    + counts(1.0, has(opening, word)))
            });
            (score.sum::<f64>(), *spec)
        })
        .filter(|(score, _)| *score > 0.0)
        .collect();
    scored.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.name.cmp(y.name)));
    scored.into_iter().map(|(_, spec)| spec).collect()
}

/// Whether a word is there, in whatever grammatical form: they share a long enough start.
fn has(words: &[String], wanted: &str) -> bool {
    let stem = |word: &str| word.chars().take(5).collect::<String>();
    words.iter().any(|word| {
        word == wanted
            || (word.len() >= 4 && wanted.len() >= 4 && {
                let (a, b) = (stem(word), stem(wanted));
                a.starts_with(&b) || b.starts_with(&a)
            })
    })
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 1)
        .map(str::to_lowercase)
        .collect()
}

fn sentence(about: &str) -> &str {
    about
        .find(". ")
        .and_then(|end| about.get(..=end))
        .unwrap_or(about)
}
