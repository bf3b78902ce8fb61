//! Leases: which agent works on which path.

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::{beneath::RelPath, clock::Millis};

/// A path, with all below it, that one agent has claimed for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub struct Lease {
    /// The path, relative to the workspace; `.` for all of it.
    pub path: String,
    /// The agent that holds it.
    #[sqlx(rename = "agent_id")]
    pub holder: String,
    /// What the holder said it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// When it ends by itself, in milliseconds since the Unix epoch.
    pub expires_ms: Millis,
}

impl Lease {
    /// Whether what is done at `path` touches what is leased: the path itself, below it, or a directory above it.
    pub fn covers(&self, path: &RelPath) -> bool {
        self.contains(path) || RelPath::parse(&self.path).is_ok_and(|leased| path.contains(&leased))
    }

    /// Whether `path` is what is leased, or below it.
    pub fn contains(&self, path: &RelPath) -> bool {
        RelPath::parse(&self.path).is_ok_and(|leased| leased.contains(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_covers_what_is_above_and_below_it_and_no_neighbour() {
        let lease = |path: &str| Lease {
            path: path.into(),
            holder: "ann".into(),
            purpose: None,
            expires_ms: 0,
        };
        let path = |text| RelPath::parse(text).unwrap();
        for touched in ["src/a", "src/a/b/c", "src", "."] {
            assert!(lease("src/a").covers(&path(touched)), "{touched}");
        }
        for apart in ["src/ab", "src/b", "sr", "a"] {
            assert!(!lease("src/a").covers(&path(apart)), "{apart}");
        }
        assert!(lease(".").covers(&path("anything")));
        assert!(lease("src/a").contains(&path("src/a/b")));
        assert!(!lease("src/a").contains(&path("src")));
    }
}
