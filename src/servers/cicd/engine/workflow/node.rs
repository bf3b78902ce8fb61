//! A YAML document as a tree in which every node knows its place.
//!
//! Built from the parser's events rather than through serde, because serde would resolve scalars (`3.10` to a
//! float, `on` to a boolean) and lose the places of keys.

use std::{collections::HashMap, fmt, rc::Rc};

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle};

use super::Problem;

/// Nodes one document may expand to, so that nested aliases cannot blow it up.
const MAX_NODES: usize = 100_000;
/// Depth of nesting, well under what recursion over the tree can bear.
const MAX_DEPTH: usize = 64;

/// A place in a file, both numbers counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl Position {
    /// The first character of the file.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A YAML node. Aliases share the node they name but keep the place of the alias.
#[derive(Debug, Clone)]
pub struct Node {
    pub at: Position,
    pub value: Rc<Value>,
    size: usize,
}

#[derive(Debug)]
pub enum Value {
    /// The text as written; `plain` says it was not quoted, so `true`, `5` and `~` may be read as such.
    Scalar {
        text: String,
        plain: bool,
    },
    Seq(Vec<Node>),
    /// Keys are unique scalars, in the order of the file.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub struct Key {
    pub at: Position,
    pub text: String,
}

impl Node {
    /// Whether the value is absent: nothing, `~` or `null`.
    pub fn is_null(&self) -> bool {
        match &*self.value {
            Value::Scalar { text, plain: true } => {
                matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// What the node is, for messages.
    pub fn kind(&self) -> &'static str {
        match &*self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a scalar",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

enum Open {
    Seq {
        at: Position,
        anchor: usize,
        items: Vec<Node>,
        size: usize,
    },
    Map {
        at: Position,
        anchor: usize,
        entries: Vec<(Key, Node)>,
        key: Option<Key>,
        size: usize,
    },
}

/// Reads exactly one document.
pub fn parse(text: &str) -> Result<Node, Problem> {
    let mut builder = Builder::default();
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|err| Problem {
            at: position(*err.marker()),
            message: format!("not YAML: {err}"),
        })?;
        builder.event(event, position(span.start))?;
    }
    builder.root.ok_or_else(|| Problem {
        at: Position::START,
        message: "the file is empty".to_owned(),
    })
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                self.place(scalar(at, text.into_owned(), plain), anchor)
            }
            Event::Alias(id) => {
                let target = self.anchors.get(&id).cloned();
                let target =
                    target.ok_or_else(|| problem(at, "this alias stands inside what it names"))?;
                self.place(Node { at, ..target }, 0)
            }
            Event::SequenceStart(_, anchor, _) => self.open(
                Open::Seq {
                    at,
                    anchor,
                    items: Vec::new(),
                    size: 1,
                },
                at,
            ),
            Event::MappingStart(_, anchor, _) => self.open(
                Open::Map {
                    at,
                    anchor,
                    entries: Vec::new(),
                    key: None,
                    size: 1,
                },
                at,
            ),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::Seq {
                    at,
                    anchor,
                    items,
                    size,
                }) => self.place(
                    Node {
                        at,
                        value: Rc::new(Value::Seq(items)),
                        size,
                    },
                    anchor,
                ),
                Some(Open::Map {
                    at,
                    anchor,
                    entries,
                    size,
                    ..
                }) => self.place(
                    Node {
                        at,
                        value: Rc::new(Value::Map(entries)),
                        size,
                    },
                    anchor,
                ),
                None => Err(problem(at, "unbalanced document")),
            },
            _ => Ok(()),
        }
    }

    fn open(&mut self, open: Open, at: Position) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(problem(at, "nested too deeply"));
        }
        self.open.push(open);
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None if self.root.is_some() => {
                return Err(problem(
                    node.at,
                    "one file holds one workflow; this is a second document",
                ));
            }
            None => self.root = Some(node),
            Some(Open::Seq { items, size, .. }) => {
                grow(size, &node)?;
                items.push(node);
            }
            Some(Open::Map {
                entries, key, size, ..
            }) => match key.take() {
                None => *key = Some(as_key(&node, entries)?),
                Some(key) => {
                    grow(size, &node)?;
                    entries.push((key, node));
                }
            },
        }
        Ok(())
    }
}

fn as_key(node: &Node, entries: &[(Key, Node)]) -> Result<Key, Problem> {
    let Value::Scalar { text, .. } = &*node.value else {
        return Err(problem(node.at, "a key must be a scalar"));
    };
    if text == "<<" {
        return Err(problem(
            node.at,
            "YAML merge keys (`<<`) are not supported; write the keys out",
        ));
    }
    if entries.iter().any(|(key, _)| key.text == *text) {
        return Err(problem(
            node.at,
            format!("`{text}` is already defined in this mapping"),
        ));
    }
    Ok(Key {
        at: node.at,
        text: text.clone(),
    })
}

fn grow(size: &mut usize, node: &Node) -> Result<(), Problem> {
    *size = size.saturating_add(node.size).saturating_add(1);
    if *size > MAX_NODES {
        return Err(problem(node.at, "the document expands to too many nodes"));
    }
    Ok(())
}

fn scalar(at: Position, text: String, plain: bool) -> Node {
    Node {
        at,
        value: Rc::new(Value::Scalar { text, plain }),
        size: 1,
    }
}

fn problem(at: Position, message: impl Into<String>) -> Problem {
    Problem {
        at,
        message: message.into(),
    }
}

fn position(mark: serde_saphyr::granit_parser::Marker) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position {
        line: number(mark.line()).max(1),
        column: number(mark.col()).saturating_add(1),
    }
}
