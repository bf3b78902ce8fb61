//! A grant: which projects, agents and scopes a principal has.

use serde::Serialize;

use super::{scope::Scopes, tools::ToolFilter};
use crate::{
    base::ids::{AgentId, ProjectId},
    project::Scope,
};

/// Which names are meant: every one, or those listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Vec<String>")]
pub enum Allow<T: Clone + AsRef<str>> {
    /// Every one, also those made later.
    All,
    /// These only.
    Only(Vec<T>),
}

impl<T: Clone + AsRef<str>> From<Allow<T>> for Vec<String> {
    fn from(allow: Allow<T>) -> Self {
        match allow {
            Allow::All => vec!["*".into()],
            Allow::Only(names) => names.iter().map(|n| n.as_ref().to_owned()).collect(),
        }
    }
}

impl<T: Clone + AsRef<str> + PartialEq + std::str::FromStr> Allow<T> {
    /// Reads `["*"]` or a list of names; `None` when a name is none.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Option<Self> {
        if names.iter().any(|n| n.as_ref() == "*") {
            return Some(Self::All);
        }
        names
            .iter()
            .map(|n| n.as_ref().parse().ok())
            .collect::<Option<_>>()
            .map(Self::Only)
    }

    /// Whether `name` is meant.
    pub fn covers(&self, name: &T) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// The names that both mean.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, names) | (names, Self::All) => names.clone(),
            (Self::Only(own), other) => {
                Self::Only(own.iter().filter(|n| other.covers(n)).cloned().collect())
            }
        }
    }

    /// The one name that is meant, if it is exactly one.
    pub fn sole(&self) -> Option<&T> {
        match self {
            Self::Only(names) => match names.as_slice() {
                [one] => Some(one),
                _ => None,
            },
            Self::All => None,
        }
    }
}

/// What a principal may do, where, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The projects it may work in.
    pub projects: Allow<ProjectId>,
    /// The agents it may act for.
    pub agents: Allow<AgentId>,
    /// What it may do on which server.
    pub scopes: Scopes,
    /// Which tools it may call, of those that its scopes allow.
    pub tools: ToolFilter,
}

impl Grant {
    /// Whether calls in `scope` are covered, as far as the grant goes: membership is asked apart.
    pub fn covers(&self, scope: &Scope) -> bool {
        self.projects.covers(&scope.project) && self.agents.covers(&scope.agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sole_is_said_of_exactly_one_name() {
        let one = Allow::<ProjectId>::parse(&["a"]).unwrap();
        assert_eq!(one.sole().map(ProjectId::as_str), Some("a"));
        assert!(!one.covers(&ProjectId::new("b").unwrap()));
        assert_eq!(Allow::<ProjectId>::parse(&["a", "b"]).unwrap().sole(), None);
        assert_eq!(Allow::<ProjectId>::parse(&["*"]).unwrap().sole(), None);
        assert_eq!(Allow::<ProjectId>::parse(&["../x"]), None);
    }

    #[test]
    fn two_lists_meet_in_the_names_of_both() {
        let of = |names: &[&str]| Allow::<ProjectId>::parse(names).unwrap();
        assert_eq!(of(&["a", "b"]).meet(&of(&["b", "c"])), of(&["b"]));
        assert_eq!(of(&["*"]).meet(&of(&["b"])), of(&["b"]));
        assert_eq!(of(&["a"]).meet(&of(&["*"])), of(&["a"]));
        assert!(
            !of(&["a"])
                .meet(&of(&["b"]))
                .covers(&ProjectId::new("a").unwrap())
        );
    }
}
