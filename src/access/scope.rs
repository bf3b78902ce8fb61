//! The vocabulary of scopes: seven servers, three kinds of access.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a tool does to the world, and what a caller may do: each level includes the ones before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Looks only.
    Read,
    /// Changes the project's data.
    Write,
    /// Changes what is shared by projects or guards others.
    Admin,
}

impl Access {
    /// `read`, `write` or `admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Admin]
            .into_iter()
            .find(|a| a.as_str() == text)
    }
}

macro_rules! servers {
    ($($variant:ident $id:literal $mcp:literal $port:literal $about:literal;)*) => {
        /// One of the seven servers. Ids, MCP names and default ports are fixed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ServerId {
            $(#[doc = $about] $variant,)*
        }

        impl ServerId {
            /// All of them, in the order of their ports.
            pub const ALL: [Self; 7] = [$(Self::$variant),*];

            /// The id in config.toml, REST paths and scopes.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $id),* }
            }

            /// The server with this id.
            pub fn named(id: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|server| server.as_str() == id)
            }

            /// The name the server gives itself to MCP clients.
            pub const fn mcp_name(self) -> &'static str {
                match self { $(Self::$variant => $mcp),* }
            }

            /// The port it listens on unless configured otherwise.
            pub const fn default_port(self) -> u16 {
                match self { $(Self::$variant => $port),* }
            }

            /// What it is for, in one sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),* }
            }
        }
    };
}

servers! {
    LlmGateway "llm_gateway" "llm-gateway" 9001 "Chat with and embed by any configured model, with usage per project and agent.";
    Git "git" "git-mcp" 9002 "Version control: every agent has its own worktree of the project's repositories.";
    KnowledgeBase "knowledge_base" "kb-mcp" 9003 "What the team knows: add documents, find passages again with citations.";
    Issues "issues" "issues-mcp" 9004 "The team's tracker: create, find, claim and discuss issues.";
    FileSystem "file_system" "fs-mcp" 9005 "Read, write, edit and search files in the agent's workspace.";
    CodeAnalysis "code_analysis" "code-mcp" 9006 "The structure of the workspace's code: outlines and symbol search.";
    Cicd "cicd" "cicd-mcp" 9007 "Run the project's workflows and read their results and logs.";
}

impl ServerId {
    /// The server called `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

impl std::fmt::Display for ServerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A scope that is none of `<server>:read|write|admin`, `mcp:read|write|admin`, `hub:admin`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "unknown scope {0:?}: use <server>:read|write|admin with one of llm_gateway, git, knowledge_base, issues, file_system, code_analysis, cicd; mcp:read|write|admin for every server; or hub:admin for administration"
)]
pub struct BadScope(String);

/// The set of scopes that a principal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    by_server: [Option<Access>; 7],
    hub_admin: bool,
}

impl Scopes {
    /// Everything, administration of the hub included.
    pub fn all() -> Self {
        Self {
            by_server: [Some(Access::Admin); 7],
            hub_admin: true,
        }
    }

    /// Reads scopes as text, e.g. `["issues:write", "mcp:read"]`.
    pub fn parse<S: AsRef<str>>(scopes: &[S]) -> Result<Self, BadScope> {
        let mut set = Self::default();
        for text in scopes.iter().map(AsRef::as_ref) {
            let bad = || BadScope(text.chars().take(80).collect());
            let (server, access) = text.split_once(':').ok_or_else(bad)?;
            let access = Access::parse(access).ok_or_else(bad)?;
            match (server, access) {
                ("hub", Access::Admin) => set.hub_admin = true,
                ("mcp", _) => ServerId::ALL.into_iter().for_each(|s| set.add(s, access)),
                _ => set.add(ServerId::parse(server).ok_or_else(bad)?, access),
            }
        }
        Ok(set)
    }

    /// Those of `names` that are scopes; others may be another service's.
    pub fn known<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let known = names
            .into_iter()
            .filter_map(|name| Self::parse(&[name]).ok());
        known.fold(Self::default(), |all, one| all.join(&one))
    }

    /// What either has.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let pairs = self.by_server.iter().zip(&other.by_server);
        Self {
            by_server: collect(pairs.map(|(own, other)| *own.max(other))),
            hub_admin: self.hub_admin || other.hub_admin,
        }
    }

    /// What both have.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let pairs = self.by_server.iter().zip(&other.by_server);
        Self {
            by_server: collect(pairs.map(|(own, other)| *own.min(other))),
            hub_admin: self.hub_admin && other.hub_admin,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, server: ServerId, access: Access) {
        if let Some(slot) = self.by_server.get_mut(server as usize) {
            *slot = (*slot).max(Some(access));
        }
    }

    /// Whether `access` to `server` is among them.
    pub fn allow(&self, server: ServerId, access: Access) -> bool {
        self.by_server.get(server as usize).copied().flatten() >= Some(access)
    }

    /// The scopes as text.
    pub fn names(&self) -> Vec<String> {
        let servers = ServerId::ALL.into_iter().zip(self.by_server);
        let own = servers.filter_map(|(s, a)| Some(format!("{s}:{}", a?.as_str())));
        own.chain(self.hub_admin.then(|| "hub:admin".to_owned()))
            .collect()
    }

    /// Whether the principal may administer projects, agents and tokens and read the audit log.
    pub fn hub_admin(&self) -> bool {
        self.hub_admin
    }
}

fn collect(levels: impl Iterator<Item = Option<Access>>) -> [Option<Access>; 7] {
    let mut all = [None; 7];
    all.iter_mut()
        .zip(levels)
        .for_each(|(slot, level)| *slot = level);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_includes_the_ones_before_it_on_its_server_only() {
        let scopes = Scopes::parse(&["issues:write", "mcp:read"]).unwrap();
        assert!(scopes.allow(ServerId::Issues, Access::Write));
        assert!(!scopes.allow(ServerId::Issues, Access::Admin));
        assert!(scopes.allow(ServerId::Git, Access::Read));
        assert!(!scopes.allow(ServerId::Git, Access::Write));
        assert!(!scopes.hub_admin());
    }

    #[test]
    fn scopes_that_mean_nothing_are_refused() {
        for bad in [
            "",
            "issues",
            "issues:",
            "issues:delete",
            "nothing:read",
            "hub:read",
            "*:admin",
        ] {
            assert!(Scopes::parse(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_sets_meet_in_what_both_have() {
        let of = |names: &[&str]| Scopes::parse(names).unwrap();
        let person = of(&["issues:write", "git:read", "hub:admin"]);
        assert_eq!(
            person.meet(&of(&["mcp:read"])).names(),
            ["git:read", "issues:read"]
        );
        assert!(person.meet(&of(&["cicd:admin"])).is_empty());
        assert_eq!(person.meet(&Scopes::all()), person);
        let known = Scopes::known(["openid", "issues:read", "git:write"]);
        assert_eq!(known.names(), ["git:write", "issues:read"]);
        assert_eq!(
            known.join(&person).names(),
            ["git:write", "issues:write", "hub:admin"]
        );
    }
}
