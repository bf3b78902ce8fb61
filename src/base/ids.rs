//! Identifiers: sortable record ids, and the checked names that people give to things.

use std::{fmt, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Crockford's base 32, lower case: no `i l o u`, so ids survive being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A new record id, `<prefix>_<26 characters>`: a version 7 UUID (RFC 9562) in base 32, so that ids made later
/// by this process sort later.
pub fn new_id(prefix: &str) -> String {
    let mut bits = uuid::Uuid::now_v7().as_u128();
    let mut text = [b'0'; 26];
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET.get((bits & 31) as usize).copied().unwrap_or(b'0');
        bits >>= 5;
    }
    let mut id = String::with_capacity(prefix.len() + 27);
    id.push_str(prefix);
    id.push('_');
    id.extend(text.iter().map(|&b| char::from(b)));
    id
}

/// Why a name was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "must be 1 to 64 characters of a-z, 0-9, '.', '_' or '-', starting with a letter or digit, without '..' and not ending in '.' or '.lock'"
)]
pub struct BadName;

/// The rule behind [`ProjectId`], [`AgentId`] and [`RepoName`]: safe as a directory name, a URL segment and a git ref component.
fn check_name(text: &str) -> Result<(), BadName> {
    let first = text.bytes().next().ok_or(BadName)?;
    let body =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    let fits = text.len() <= 64
        && (first.is_ascii_lowercase() || first.is_ascii_digit())
        && text.bytes().all(body)
        && !text.contains("..")
        && !text.ends_with('.')
        && !text.ends_with(".lock");
    if fits { Ok(()) } else { Err(BadName) }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` against the rule for names.
            pub fn new(text: impl AsRef<str>) -> Result<Self, BadName> {
                check_name(text.as_ref())?;
                Ok(Self(Arc::from(text.as_ref())))
            }

            /// The name itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 64,
                    "pattern": r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$"
                })
            }
        }
    };
}

name_type! {
    /// A project: the unit of isolation. Nothing of one project shows in another.
    ProjectId
}
name_type! {
    /// An agent: who a call is made for. Agents are members of projects.
    AgentId
}
name_type! {
    /// A repository within a project.
    RepoName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_made_later_sort_later() {
        let ids: Vec<String> = (0..1000).map(|_| new_id("t")).collect();
        assert!(ids.windows(2).all(|w| w[0] < w[1]));
        assert!(ids.iter().all(|id| id.len() == 28 && id.starts_with("t_")));
    }

    #[test]
    fn names_are_safe_as_directory_url_segment_and_ref() {
        for good in ["a", "default", "web-app_2.0", "0", &"x".repeat(64)] {
            assert!(ProjectId::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "-x",
            ".git",
            "a..b",
            "a/b",
            "A",
            "a b",
            "é",
            "a.",
            "a.lock",
            "a\0",
            &"x".repeat(65),
        ] {
            assert_eq!(ProjectId::new(bad), Err(BadName), "{bad:?}");
        }
    }

    #[test]
    fn a_bad_name_in_json_is_an_error() {
        assert!(serde_json::from_str::<AgentId>("\"../x\"").is_err());
        assert_eq!(
            serde_json::from_str::<AgentId>("\"ann\"").unwrap().as_str(),
            "ann"
        );
    }
}
