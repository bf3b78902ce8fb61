//! Where in the hub an access token is good (RFC 8707): a token that was made for one endpoint must not work at another.

use std::sync::Arc;

use super::{
    Access,
    scope::{Scopes, ServerId},
};

/// A part of the hub that tokens can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// All of it, REST included.
    Hub,
    /// The MCP endpoint that serves all servers at once.
    All,
    /// The MCP endpoint of one server, on whichever port or prefix.
    Server(ServerId),
}

impl Place {
    /// The name that it is stored by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::All => "all",
            Self::Server(server) => server.as_str(),
        }
    }

    /// The place called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "hub" => Some(Self::Hub),
            "all" => Some(Self::All),
            server => ServerId::parse(server).map(Self::Server),
        }
    }

    /// Whether what was made for this is good at `other`.
    pub fn covers(self, other: Self) -> bool {
        self == Self::Hub || self == other
    }

    /// The scopes that mean something here, the weakest first. Administration of the hub is for service tokens.
    pub fn scopes(self) -> [String; 3] {
        let of = match self {
            Self::Server(server) => server.as_str(),
            Self::Hub | Self::All => "mcp",
        };
        [Access::Read, Access::Write, Access::Admin]
            .map(|access| format!("{of}:{}", access.as_str()))
    }

    /// The scopes that a client needs for everyday work here.
    pub fn usual_scopes(self) -> String {
        let [read, write, _] = self.scopes();
        format!("{read} {write}")
    }

    /// Everything that a token for this place may have.
    pub fn ceiling(self) -> Scopes {
        let [.., most] = self.scopes();
        Scopes::known([most.as_str()])
    }
}

/// Where a principal's token is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everywhere.
    Any,
    /// In one place.
    Place(Place),
    /// At these URLs, of which some may be the hub's.
    Urls(Arc<[String]>),
}
