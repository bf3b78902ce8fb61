//! Definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a definition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Function,
    Method,
    Constructor,
    Class,
    Interface,
    Struct,
    Union,
    Enum,
    Variant,
    Field,
    Trait,
    Impl,
    Type,
    Constant,
    Static,
    Variable,
    Module,
    Macro,
}

impl Kind {
    /// Whether names defined inside are local to a body.
    pub fn is_body(self) -> bool {
        matches!(self, Self::Function | Self::Method | Self::Constructor)
    }
}

/// One definition. Lines are counted from 1, bytes from 0 in the decoded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    pub kind: Kind,
    /// Names of what it is inside of, joined by `/`; empty at the top of a file.
    pub container: String,
    /// How many definitions of the same qualified name come before it in the file.
    pub twin: u32,
    /// How deep it is nested, 0 at the top of a file.
    pub depth: u32,
    /// Line of its name.
    pub line: u32,
    pub first_line: u32,
    pub last_line: u32,
    pub bytes: std::ops::Range<usize>,
    /// Its head without its body, on one line.
    pub signature: String,
}

impl Symbol {
    /// `Container/name`, and `~2` and so on for the second and further ones of that name in the file.
    pub fn qualified(&self) -> String {
        let mut text = String::with_capacity(self.container.len() + self.name.len() + 4);
        text.push_str(&self.container);
        if !self.container.is_empty() {
            text.push('/');
        }
        text.push_str(&self.name);
        if self.twin > 0 {
            text.push('~');
            text.push_str(&(self.twin + 1).to_string());
        }
        text
    }

    /// `path#Container/name`.
    pub fn id(&self, path: &str) -> String {
        format!("{path}#{}", self.qualified())
    }
}
