//! `[servers.<id>]`: what every server has, and each server's own settings.

use figment::{
    Error,
    error::Kind,
    value::{Dict, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

use super::explain;
use crate::{
    access::ServerId,
    base::nearest::nearest,
    servers::{
        cicd, code_analysis, file_system, git, issues, knowledge_base, llm_gateway, tool_names,
    },
};

/// What can be set for every server.
#[derive(Debug, Clone, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(default)]
pub struct Common {
    /// Whether it is there at all: its port, prefix, routes and tools.
    pub enabled: bool,
    /// Its own address and port; `off` for its prefix on the main port alone.
    pub listen: Option<String>,
    /// Tools that nobody may call, other servers included.
    pub disabled_tools: Vec<String>,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: None,
            disabled_tools: Vec::new(),
        }
    }
}

const COMMON_KEYS: [&str; 3] = ["enabled", "listen", "disabled_tools"];

macro_rules! sections {
    ($($field:ident $id:ident),*) => {
        /// The settings of the seven servers.
        #[derive(Debug, Clone, Default, PartialEq)]
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
                        let (common, own) = split(ServerId::$id, section).map_err(|e| explain(*e, name))?;
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

            /// The own settings of `server`.
            pub fn own(&self, server: ServerId) -> serde_json::Result<serde_json::Value> {
                match server {
                    $(ServerId::$id => serde_json::to_value(&self.$field),)*
                }
            }

            /// The schemas of all sections, by their names.
            pub fn schemas() -> Vec<(&'static str, serde_json::Value)> {
                vec![$((stringify!($field), super::schema::of::<$field::Config>())),*]
            }

            /// Takes the own settings of `server` from `other`. False if they were the same.
            pub fn take_own(&mut self, server: ServerId, other: &Self) -> bool {
                match server {
                    $(ServerId::$id => {
                        let differs = self.$field != other.$field;
                        self.$field = other.$field.clone();
                        differs
                    })*
                }
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
            disabled_tools: Vec::new(),
        };
        self.common.get(server as usize).unwrap_or(&DEFAULT)
    }

    /// The servers that are enabled.
    pub fn enabled(&self) -> impl Iterator<Item = ServerId> {
        let is_on = |server: &ServerId| self.common(*server).enabled;
        ServerId::ALL.into_iter().filter(is_on)
    }

    /// Sets the address of `server`, as [`Common::listen`] has it.
    pub fn set_listen(&mut self, server: ServerId, listen: Option<String>) {
        if let Some(common) = self.common.get_mut(server as usize) {
            common.listen = listen;
        }
    }
}

/// A section's common settings, and its server's own.
fn split<C: DeserializeOwned>(server: ServerId, section: Value) -> Result<(Common, C), Box<Error>> {
    let Value::Dict(tag, mut own) = section else {
        return Err(Box::new(Error::from("must be a table".to_owned())));
    };
    let mut common = Dict::new();
    for key in COMMON_KEYS {
        if let Some(value) = own.remove(key) {
            common.insert(key.to_owned(), value);
        }
    }
    let common: Common = Value::Dict(tag, common).deserialize().map_err(Box::new)?;
    check_tools(server, &common.disabled_tools)?;
    let own = Value::Dict(tag, own)
        .deserialize::<C>()
        .map_err(|error| Box::new(with_common_keys(error)))?;
    Ok((common, own))
}

/// Refuses names that are no tools of `server`.
fn check_tools(server: ServerId, disabled: &[String]) -> Result<(), Box<Error>> {
    let known = tool_names(server);
    for (n, tool) in disabled.iter().enumerate() {
        if !known.contains(&tool.as_str()) {
            let next = match nearest(tool, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "syndarix tools list shows them".to_owned(),
            };
            let error = Error::from(format!("{tool:?} is no tool of {server}; {next}"));
            return Err(Box::new(error.with_path(&format!("disabled_tools.{n}"))));
        }
    }
    Ok(())
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
