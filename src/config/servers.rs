//! `[servers.<id>]`: what every server has, and each server's own settings.

use figment::{
    Error,
    error::Kind,
    value::{Dict, Value},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::explain;
use crate::{
    access::ServerId,
    servers::{cicd, code_analysis, file_system, git, issues, knowledge_base, llm_gateway},
};

/// What can be set for every server.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Common {
    /// Whether it is there at all: its port, prefix, routes and tools.
    pub enabled: bool,
    /// Its own address and port; `off` for its prefix on the main port alone.
    pub listen: Option<String>,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: None,
        }
    }
}

const COMMON_KEYS: [&str; 2] = ["enabled", "listen"];

macro_rules! sections {
    ($($field:ident $id:ident),*) => {
        /// The settings of the seven servers.
        #[derive(Debug, Clone, Default)]
        pub struct Servers {
            common: [Common; 7],
            $(
                #[doc = concat!("`[servers.", stringify!($field), "]`.")]
                pub $field: $field::Config,
            )*
        }

        impl Servers {
            /// Reads all sections. `explain` turns an error within a section into one that names the place.
            pub fn read(
                mut sections: Dict,
                explain: impl Fn(Error, &str) -> anyhow::Error,
            ) -> anyhow::Result<Self> {
                let mut out = Self::default();
                $(
                    if let Some(section) = sections.remove(stringify!($field)) {
                        let name = concat!("servers.", stringify!($field));
                        let (common, own) = split(section).map_err(|e| explain(*e, name))?;
                        if let Some(slot) = out.common.get_mut(ServerId::$id as usize) {
                            *slot = common;
                        }
                        out.$field = own;
                    }
                )*
                if let Some(unknown) = sections.into_keys().next() {
                    let error = Error::from(Kind::UnknownField(unknown, &[$(stringify!($field)),*]));
                    return Err(explain(error, "servers"));
                }
                Ok(out)
            }
        }
    };
}

sections! {
    llm_gateway LlmGateway,
    git Git,
    knowledge_base KnowledgeBase,
    issues Issues,
    file_system FileSystem,
    code_analysis CodeAnalysis,
    cicd Cicd
}

impl Servers {
    /// What is set for every server alike, for this one.
    pub fn common(&self, server: ServerId) -> &Common {
        static DEFAULT: Common = Common {
            enabled: true,
            listen: None,
        };
        self.common.get(server as usize).unwrap_or(&DEFAULT)
    }
}

/// A section's common settings, and its server's own.
fn split<C: DeserializeOwned>(section: Value) -> Result<(Common, C), Box<Error>> {
    let Value::Dict(tag, mut own) = section else {
        return Err(Box::new(Error::from("must be a table".to_owned())));
    };
    let mut common = Dict::new();
    for key in COMMON_KEYS {
        if let Some(value) = own.remove(key) {
            common.insert(key.to_owned(), value);
        }
    }
    let common = Value::Dict(tag, common).deserialize().map_err(Box::new)?;
    let own = Value::Dict(tag, own)
        .deserialize::<C>()
        .map_err(|error| Box::new(with_common_keys(error)))?;
    Ok((common, own))
}

/// A typo may be meant for a common key, which the server's own settings do not know.
fn with_common_keys(error: Error) -> Error {
    match &error.kind {
        Kind::UnknownField(field, known) if error.path.len() <= 1 => {
            let all: Vec<&str> = known.iter().copied().chain(COMMON_KEYS).collect();
            let message = explain::unknown(&all, field);
            let field = field.clone();
            let renamed = Error::from(message);
            if error.path.last() == Some(&field) {
                renamed.with_path(&error.path.join("."))
            } else {
                renamed.with_path(&field)
            }
        }
        _ => error,
    }
}
