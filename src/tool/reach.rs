//! Which part of the hub an endpoint shows. Like a pin it narrows what a principal may do, and never widens it.

use super::{Access, ServerId, Spec};

/// The servers and tools that an endpoint shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// These servers only; all of them without.
    pub servers: Option<Vec<ServerId>>,
    /// Only tools that change nothing.
    pub read_only: bool,
}

impl Reach {
    /// One server.
    pub fn one(server: ServerId) -> Self {
        Self {
            servers: Some(vec![server]),
            read_only: false,
        }
    }

    /// What both show.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let servers = match (&self.servers, &other.servers) {
            (Some(own), Some(others)) => {
                Some(own.iter().copied().filter(|s| others.contains(s)).collect())
            }
            (own, others) => own.clone().or_else(|| others.clone()),
        };
        Self {
            servers,
            read_only: self.read_only || other.read_only,
        }
    }

    /// Whether anything of `server` is shown.
    pub fn server(&self, server: ServerId) -> bool {
        self.servers.as_ref().is_none_or(|s| s.contains(&server))
    }

    /// Whether this tool is shown.
    pub fn shows(&self, spec: &Spec) -> bool {
        self.server(spec.server) && (!self.read_only || spec.access == Access::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reaches_show_what_both_do() {
        let all = Reach::default();
        let git = Reach::one(ServerId::Git);
        let reading = Reach {
            servers: Some(vec![ServerId::Git, ServerId::Issues]),
            read_only: true,
        };
        assert_eq!(all.and(&git), git);
        assert_eq!(git.and(&reading).servers, Some(vec![ServerId::Git]));
        assert!(git.and(&reading).read_only);
        assert!(!git.and(&Reach::one(ServerId::Cicd)).server(ServerId::Git));
    }
}
